"""The server's own disk on a bad day: no room, a damaged file. What a gateway brings is neither taken nor
blamed: it comes again when there is room.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from server import __main__ as program
from server.gateways.models import DeadLetter, DeviceRecord
from tests.server.bench import Bench
from tests.server.conftest import set_up


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A server on a SQLite file: on PostgreSQL it is PostgreSQL that has the disk."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = Bench(folder, set_up(folder))
    yield server
    server.close()


def kept(bench: Bench) -> tuple[int | None, int | None]:
    """(records, dead letters) in the database."""
    with bench.context.store.read() as session:
        return tuple(  # type: ignore[return-value]
            session.scalar(select(func.count()).select_from(table)) for table in (DeviceRecord, DeadLetter)
        )


def room(bench: Bench, pages: int) -> None:
    """The file may grow by so many pages."""
    with bench.context.store.writer.connect() as connection:
        now = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={now + pages}")


@pytest.mark.fault("F48")
def test_f48_a_server_without_room_takes_nothing_blames_nothing_and_goes_on_with_room(bench: Bench) -> None:
    for _ in range(200):
        bench.device.tell("door", d=1, s=1, x=0)
    before = kept(bench)
    room(bench, 2)
    answer = bench.batch(bench.device.told)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]
    assert kept(bench) == before
    assert bench.api("GET", "/api/v1/orders", headers=bench.shop).status_code == 200, "reading goes on"
    room(bench, 100_000)
    assert bench.batch(bench.device.told).json()["upto"] == 200
    assert kept(bench) == (200, 0)


@pytest.mark.fault("F50")
def test_f50_a_damaged_database_costs_no_record_and_is_not_ready(bench: Bench) -> None:
    """500 would make the gateway suspect the records, and give them up one by one (docs/gateway.md)."""
    for _ in range(20):
        bench.device.tell("door", d=1, s=1, x=0)
    bench.batch(bench.device.told[:10])
    bench.context.store.close()
    file = bench.folder / "server.db"
    with file.open("r+b") as database:
        database.seek(4096)
        database.write(b"\xa5" * (file.stat().st_size - 4096))
    for _ in range(2):
        answer = bench.batch(bench.device.told[10:])
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert bench.api("GET", "/readyz").status_code == 503


@pytest.mark.fault("F50")
@pytest.mark.parametrize("content", [b"no database at all " * 300, b"SQLite format 3\x00" + b"\xff" * 4080])
def test_f50_a_server_does_not_start_on_a_damaged_database_and_leaves_it_as_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
) -> None:
    """It holds money and evidence: a person decides, nothing is begun anew by itself."""
    (tmp_path / "server.db").write_bytes(content)
    (tmp_path / "server.toml").write_text("")
    monkeypatch.setattr(sys, "argv", ["server", "run", "--config", str(tmp_path / "server.toml")])
    assert program.main() == 2
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("loquet server:")]
    assert "the database can't be read (DatabaseError)" in line
    assert "put a backup back" in line
    assert (tmp_path / "server.db").read_bytes() == content
