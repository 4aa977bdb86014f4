"""The gateway's one file on a bad day: killed at any statement, full, a disk that lies, a damaged page."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware.contract import records, topics
from gateway import lanes, store
from gateway.app import Gateway
from gateway.effects import Effects
from gateway.errors import StoreError
from gateway.gate import Gate
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.quota import Quotas
from gateway.settings import Settings
from gateway.site import Site
from gateway.tally import Tally
from tests.faults import broken_disk
from tests.gateway.rig import ROOT, SITE, Rig

NOW = Moment(1_790_000_000_000, 1_000_000)
EPOCH = "0badcafe"
UP = topics.topic(SITE, "wall-1", "up")


def door(number: int, device_epoch: str = EPOCH) -> bytes:
    record = {"v": 1, "e": device_epoch, "l": 0, "b": 1, "n": number, "u": 1, "t": 0, "q": 0}
    return records.encode({**record, "k": "door", "d": 1, "s": 0, "x": 0})


def a_site(database: sqlite3.Connection) -> tuple[Site, Gate]:
    tally = Tally()
    site = Site(SITE, database, tally, "machine", lambda digits: "0" * digits)
    return site, Gate(SITE, lambda name: name == "wall-1", Quotas(), tally)


@pytest.mark.fault("F47")
def test_f47_killed_before_any_statement_the_store_is_whole(tmp_path: Path) -> None:
    """What a SIGKILL leaves is what the kernel has been given: the files are copied before each statement."""
    path = tmp_path / "store.db"
    database = store.connect(path)
    site, gate = a_site(database)
    acknowledged = 0
    copies: list[tuple[Path, int]] = []

    def copy(_statement: str) -> None:
        folder = tmp_path / f"at-{len(copies)}"
        folder.mkdir()
        for file in (path, path.with_name("store.db-wal")):
            if file.exists():
                shutil.copy(file, folder / file.name)
        copies.append((folder / "store.db", acknowledged))

    database.set_trace_callback(copy)
    for first in (1, 4):
        database.execute("BEGIN IMMEDIATE")
        for number in range(first, first + 3):
            arrival = gate.pass_in(UP, door(number), False, NOW)
            assert arrival is not None
            site.take(arrival, Effects(SITE))
        database.execute("COMMIT")
        acknowledged = first + 2
        database.execute("BEGIN IMMEDIATE")
        _, rows = site.batch(Lane.EVENTS, 2, NOW)
        database.execute("COMMIT")
        database.execute("BEGIN IMMEDIATE")
        site.acknowledged(Lane.EVENTS, rows[-1].seq, NOW)
        database.execute("COMMIT")
    database.set_trace_callback(None)
    database.close()
    assert len(copies) > 40
    for file, promised in copies:
        left = store.connect(file)
        (cursor,) = left.execute("SELECT coalesce(max(seq), 0) FROM cursor").fetchone()
        (kept,) = left.execute("SELECT count(*) FROM out").fetchone()
        numbered, acked = lanes.progress(left, Lane.EVENTS)
        (with_number,) = left.execute("SELECT count(*) FROM out WHERE seq IS NOT NULL").fetchone()
        (done,) = left.execute("SELECT count(*) FROM out WHERE done_ms IS NOT NULL").fetchone()
        left.close()
        assert cursor >= promised, "nothing that was acknowledged is lost"
        assert kept == cursor, "a record and its cursor are one"
        assert (with_number, done) == (numbered, acked), "a number and its lane are one"


def on_a_broken_disk(how: str, path: Path) -> dict[str, object]:
    if not broken_disk.SUPPORTED:
        pytest.skip("system calls can be made to fail on Linux, x86-64 or arm64, alone")
    words = [sys.executable, "-m", "tests.faults.broken_disk", how, str(path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def keys_in(path: Path) -> set[str]:
    database = store.connect(path)
    found = {row[0] for row in database.execute("SELECT key FROM meta")}
    database.close()
    return found


@pytest.mark.fault("F48")
def test_f48_what_finds_no_room_is_not_acknowledged_and_the_writer_goes_on(tmp_path: Path) -> None:
    """ENOSPC from the kernel."""
    found = on_a_broken_disk("full", tmp_path / "store.db")
    assert found["carried"] == ["before"]
    assert not found["ended"]
    assert found["takes"], "it tries again: room may come back"
    assert keys_in(tmp_path / "store.db") == {"before"}


@pytest.mark.fault("F49")
def test_f49_after_a_failed_fsync_nothing_is_acknowledged_nor_tried_again(tmp_path: Path) -> None:
    """EIO from the kernel. The second try would "succeed" on pages that never reached the disk."""
    found = on_a_broken_disk("fsync", tmp_path / "store.db")
    assert found["carried"] == ["before"]
    assert (
        found["refused"]
        == [
            "the store's disk has an error, nothing more is written: disk I/O error",
        ]
        * 2
    )
    assert found["ended"], "the watchdog sees it and the process ends"
    assert not found["takes"]
    assert "before" in keys_in(tmp_path / "store.db")


@pytest.mark.fault("F48")
def test_f48_with_little_room_left_devices_keep_their_records_and_health_says_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_gateway(rig.settings) as gateway:
        gateway._writer.start()
        monkeypatch.setattr("gateway.app.LEAST_FREE_MB", 1 << 40)
        gateway._tick()
        gateway._heard(UP, door(1), False)
        assert gateway._tally.totals() == {"full": 1}
        monkeypatch.setattr("gateway.app.LEAST_FREE_MB", 0)
        gateway._health_due = 0.0
        gateway._tick()
        gateway._heard(UP, door(1), False)

        def look(_effects: Effects) -> tuple[int, list[lanes.Row]]:
            (kept,) = gateway._database.execute("SELECT count(*) FROM out WHERE device = 'wall-1'").fetchone()
            return int(kept), lanes.batch(gateway._database, Lane.HEALTH, 10)

        kept, health = gateway._writer.call(look)
        assert kept == 1, "with room again it is taken"
        said = json.loads(health[-1].record)
        assert said["aside"] == {"full": 1}
        assert "free_mb" in said


@contextmanager
def a_gateway(settings: Settings) -> Iterator[Gateway]:
    """All parts of a gateway, of which the test starts the writer at most."""
    gateway = Gateway(settings)
    try:
        yield gateway
    finally:
        if gateway._writer.thread.is_alive():
            gateway._writer.stop()
        gateway._database.close()
        for sock in (gateway._link._wake_in, gateway._link._wake_out):
            sock.close()
        for server in gateway._servers:
            server.close()


def damage(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


@pytest.mark.fault("F50")
@pytest.mark.parametrize(
    ("at", "content"), [(0, bytes(512)), (16, b"\xff" * 400)], ids=["a cut wrote zeros", "the header rotted"]
)
def test_f50_a_damaged_store_is_set_aside_and_begun_anew(rig: Rig, at: int, content: bytes) -> None:
    """The site goes on; that records may be missing is told, and found as gaps when devices say what they
    hold (`test_a_gateway_with_a_new_store_names_what_it_never_got`).
    """
    path = rig.settings.store
    first = store.connect(path)
    first.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    first.close()
    damage(path, at, content)
    was = path.read_bytes()
    with a_gateway(rig.settings) as gateway:
        assert path.with_name("gateway.db.damaged").read_bytes() == was
        assert gateway._tally.drain() == {("gw", "damaged", None): 1}, "a person will see it"
    store.connect(path).close()


@pytest.mark.fault("F50")
def test_f50_a_store_found_damaged_at_work_ends_the_process_and_the_next_begins_anew(rig: Rig) -> None:
    path = rig.settings.store
    with a_gateway(rig.settings) as gateway:
        database = gateway._database
        for number in range(2000):
            lanes.add(database, Lane.BACKFILL, "wall-1", number, {"k": "x", "pad": "x" * 200})
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA shrink_memory")
        damage(path, 40 * 1024, b"\xa5" * (path.stat().st_size - 80 * 1024))
        gateway._writer.start()
        with pytest.raises(StoreError, match="nothing more is written"):
            gateway._writer.call(
                lambda _effects: database.execute("SELECT count(*), sum(length(record)) FROM out").fetchone()
            )
        gateway._writer.thread.join(10)
        assert gateway._writer.is_damaged
        assert gateway._stuck() == "writer"
        gateway._end(1)
    with a_gateway(rig.settings) as again:
        assert path.with_name("gateway.db.damaged").exists()
        assert again._tally.drain() == {("gw", "damaged", None): 1}


@pytest.mark.fault("F50")
def test_f50_a_file_that_never_was_a_store_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_bytes(b"Dear customers, " * 100)
    with pytest.raises(StoreError, match="damaged or no store"):
        store.connect_or_begin_anew(tmp_path / "letter.txt")
    assert (tmp_path / "letter.txt").read_bytes().startswith(b"Dear")
    assert list(tmp_path.iterdir()) == [tmp_path / "letter.txt"]
