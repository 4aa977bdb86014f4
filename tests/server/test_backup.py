"""Backups that are restored before they count, on both databases and from one to the other; putting one back;
bringing an old database up to date."""

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select, text

from firmware.contract import records
from installation import doctor
from installation.backup import archive, facts, scratch
from installation.backup.making import Sources, back_up
from installation.backup.pour import pour, tables
from installation.backup.restoring import restore
from installation.commands import parser
from installation.errors import InstallationError
from installation.upgrade import upgrade
from server.foundation import migrate
from server.foundation.database import Store
from server.gateways.models import DeviceRecord, Gateway
from server.healthcheck import OK, checks
from server.healthcheck.database import broken_chains
from tests.server.bench import Bench, MovedClock, make_context
from tests.server.conftest import Templates, set_up
from tests.server.databases import SQLITE, Databases, url_of


@pytest.fixture
def alone(templates: Templates, tmp_path: Path) -> Iterator[Bench]:
    """A server on SQLite, for what has nothing to do with the kind of database."""
    source, secrets = templates.get(SQLITE, "wall", set_up)
    server = Bench(templates.databases(SQLITE).copy(source, tmp_path / "alone"), secrets)
    yield server
    server.close()


def sources_of(bench: Bench, **changes: Any) -> Sources:
    settings = bench.context.settings.model_copy(update={"listen": "127.0.0.1:1"})
    folder = bench.folder
    found = Sources(settings, folder / "server.toml", folder / "site.toml", folder / "secrets.json", False)
    return replace(found, **changes)


def made(bench: Bench, tmp_path: Path, **how: Any) -> Path:
    """A backup of the bench as it is now."""
    folder = tmp_path / "backups"
    folder.mkdir(exist_ok=True)
    list(back_up(sources_of(bench, **how), folder, 0, bench.clock))
    return max(folder.glob("loquet-*.tar.gz"))


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in the database's own spelling."""
    with store.reader.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in tables(connection)
        }


def busy(bench: Bench) -> None:
    """Some of everything: an order paid, its code at the wall, loaded, collected, mails."""
    order = bench.order().json()
    bench.pay(order)
    bench.sync()
    short, _ = bench.codes(order["id"])
    for producer in ("tilleuls", "source"):
        bench.device.load(bench.personal(producer))
    bench.sync()
    for grant in bench.device.opens(short):
        bench.device.after(grant, records.COLLECTED, records.ABSENT)
    bench.sync()


def known(bench: Bench) -> set[tuple[int, int, int]]:
    with bench.context.store.read() as session:
        rows = session.execute(select(DeviceRecord.lane, DeviceRecord.boot, DeviceRecord.seq))
        return {(lane, boot, seq) for lane, boot, seq in rows}


@pytest.mark.fault("F62", "S13")
def test_what_gateways_still_keep_comes_back_after_a_restore(bench: Bench, tmp_path: Path) -> None:
    busy(bench)
    kept = known(bench)
    file = made(bench, tmp_path)
    sent_then = bench._seq
    bench.clock.advance(days=1)
    busy(bench)
    afterwards = known(bench)
    assert kept < afterwards
    bench.context.store.close()

    said = list(restore(file, sources_of(bench), force=True))
    assert any(f"ferme, events: from number {sent_then + 1} on" in line for line in said), said
    again = Bench(bench.folder, bench.secrets)
    again.clock, again.device = bench.clock, bench.device
    object.__setattr__(again.context, "clock", bench.clock)
    assert known(again) == kept

    # The gateway goes on from where it was; the server asks for what it lacks; the gateway has kept it.
    answer = again.batch([{"k": "state", "l": 0, "b": 1, "s": 1, "u": 1}], first=bench._seq + 1)
    assert (answer.status_code, answer.json()["expect"]) == (409, sent_then + 1)
    again._seq, again.sent = sent_then, sent_then
    again.sync()
    assert afterwards <= known(again)
    assert again.feed_epoch != bench.feed_epoch
    with again.context.store.read() as session:
        assert broken_chains(session) == []
    again.close()


@pytest.mark.fault("S13")
def test_a_backup_is_verified_noted_and_old_ones_go(alone: Bench, tmp_path: Path) -> None:
    busy(alone)
    said = list(back_up(sources_of(alone), tmp_path, 0, alone.clock))
    assert "read back and restored" in said[1]
    assert not any(secret in "".join(said) for secret in alone.secrets["gateways"].values())
    [file] = tmp_path.glob("loquet-*")
    assert file.stat().st_mode & 0o777 == 0o600
    assert {each.name: each.state for each in checks(alone.context)}["backup"] == OK
    for _ in range(3):
        alone.clock.advance(days=1)
        list(back_up(sources_of(alone), tmp_path, 2, alone.clock))
    assert len(list(tmp_path.glob("loquet-*"))) == 2
    assert list(tmp_path.glob(".*")) == []


def test_a_backup_has_its_name_only_when_it_was_read_back(
    alone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off while it is read back, nothing lies there that the next one would count as a backup."""

    def broken_off(*_: Path) -> archive.Manifest:
        raise KeyboardInterrupt

    monkeypatch.setattr(archive, "unpack", broken_off)
    with pytest.raises(KeyboardInterrupt):
        list(back_up(sources_of(alone), tmp_path, 0, alone.clock))
    assert list(tmp_path.glob("loquet-*")) == []


HOLDS = """
import sys
from pathlib import Path
from installation.backup import scratch
with scratch.made(Path(sys.argv[1]), sys.argv[2]) as folder:
    (folder / "part").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_left_goes_with_the_next_and_what_another_uses_stays(
    alone: Bench, tmp_path: Path
) -> None:
    """The doctor names it until then."""

    def holds(place: Path, prefix: str) -> tuple[subprocess.Popen[str], Path]:
        words = [sys.executable, "-c", HOLDS, str(place), prefix]
        run = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert run.stdout is not None
        return run, Path(run.stdout.readline().strip())

    file = made(alone, tmp_path)
    alone.context.store.close()
    runs: list[tuple[Path, str, Callable[[], Iterator[str]]]] = [
        (file.parent, scratch.BACKUP, lambda: back_up(sources_of(alone), file.parent, 0)),
        (alone.folder, scratch.RESTORE, lambda: restore(file, sources_of(alone), force=True)),
    ]
    for place, prefix, again in runs:
        (killed, left), (living, used) = holds(place, prefix), holds(place, prefix)
        killed.kill()
        killed.communicate()
        assert scratch.left(place) == [left]
        told = {each.name: each.said_in("en") for each in doctor._left_behind(alone.context.settings)}
        assert told == ({"left-behind": str(left)} if place == alone.folder else {})
        assert any(str(left) in line for line in again())
        assert (left.exists(), (used / "part").read_text()) == (False, "half")
        living.communicate("")
        assert living.returncode == 0
        assert [*place.glob(".scratch-*"), *place.glob(".restore-*")] == []


def test_secrets_are_named_and_come_along_only_when_asked(alone: Bench, tmp_path: Path) -> None:
    (alone.folder / "server.toml").write_text('webhook_secret = "do-not-show-this"\n')
    key = Path(alone.context.settings.data_key_file).read_text().strip()
    apart = tmp_path / "apart"
    manifest = archive.unpack(made(alone, tmp_path), apart)
    assert str(alone.folder / "data.key") in manifest.secrets
    content = b"".join(path.read_bytes() for path in apart.rglob("*") if path.is_file())
    secrets = [
        key,
        "do-not-show-this",
        alone.context.settings.webhook_secret,
        *alone.secrets["shops"].values(),
    ]
    assert not any(secret.encode() in content for secret in secrets)
    alone.clock.advance(hours=1)
    together = tmp_path / "together"
    archive.unpack(made(alone, tmp_path, with_secrets=True), together)
    assert (together / "secrets" / "data.key").read_text().strip() == key


def test_an_archive_with_secrets_brings_the_files_of_passwords_to_another_machine(
    alone: Bench, tmp_path: Path
) -> None:
    """Where its settings name them and they are not there; the settings themselves stay its own."""

    def machine(folder: Path) -> list[str]:
        (folder / "server.toml").touch(0o600)
        (folder / "server.toml").write_text(
            'listen = "127.0.0.1:1"\nsmtp = "127.0.0.1:25"\nsmtp_user = "u"\nsmtp_password_file = "smtp.pw"\n'
            'telemetry_store = "influx"\ninflux_url = "http://127.0.0.1:1"\ninflux_org = "o"\n'
            'influx_bucket = "b"\ninflux_token_file = "influx.tk"\n'
        )
        places = ("--site", str(folder / "site.toml"), "--secrets", str(folder / "secrets.json"))
        return ["--config", str(folder / "server.toml"), *places]

    def run(*words: str) -> str:
        arguments = parser().parse_args(words)
        return "\n".join(arguments.act(arguments))

    for name in ("smtp.pw", "influx.tk"):
        (alone.folder / name).touch(0o600)
        (alone.folder / name).write_text(f"secret of {name}")
    there, backups = tmp_path / "there", tmp_path / "backups"
    there.mkdir()
    backups.mkdir()
    run("backup", str(backups), *machine(alone.folder), "--with-secrets")
    (file,) = backups.glob("loquet-*")
    words = machine(there)
    (there / "influx.tk").touch(0o600)
    (there / "influx.tk").write_text("its own")
    said = run("restore", str(file), *words)
    for name in ("smtp.pw", "data.key", "secrets.json"):
        assert f"{there / name} put back from the archive" in said
        assert (there / name).stat().st_mode & 0o777 == 0o600
    assert (there / "smtp.pw").read_text() == "secret of smtp.pw"
    assert (there / "influx.tk").read_text() == "its own"
    assert "carry over by hand" in said
    assert "secret of" not in said


def test_another_key_a_full_place_a_running_server_are_refused_and_nothing_changes(
    alone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made(alone, tmp_path, with_secrets=True)
    before = everything(alone.context.store)
    alone.context.store.close()
    sources = sources_of(alone)
    with pytest.raises(InstallationError, match="with --force it is moved aside"):
        list(restore(file, sources, force=False))
    key = Path(sources.settings.data_key_file)
    right = key.read_text()
    key.write_text("ab" * 32 + "\n")
    with pytest.raises(InstallationError, match="is not the data key of this backup"):
        list(restore(file, sources, force=True))
    key.unlink()
    monkeypatch.setattr("server.healthcheck.host.running_there", lambda _settings: "runs")
    with pytest.raises(InstallationError, match="systemctl stop"):
        list(restore(file, sources, force=True))
    monkeypatch.undo()
    assert everything(alone.context.store) == before
    alone.context.store.close()
    said = list(restore(file, sources, force=True))  # the archive holds the key
    assert key.read_text() == right
    assert any("what was there is now" in line for line in said)


@pytest.mark.parametrize("how", ["cut", "flipped", "a byte", "foreign", "empty"])
def test_a_damaged_archive_is_refused_before_anything_changes(alone: Bench, tmp_path: Path, how: str) -> None:
    file = made(alone, tmp_path)
    before = everything(alone.context.store)
    alone.context.store.close()
    whole = file.read_bytes()
    if how == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif how == "a byte":
        middle = len(whole) // 2
        file.write_bytes(
            whole[:middle] + bytes(each ^ 0xFF for each in whole[middle : middle + 8]) + whole[middle + 8 :]
        )
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "flipped":
        _altered(file, tmp_path / "opened")
    else:
        _escaping(file)
    with pytest.raises(InstallationError):
        list(restore(file, sources_of(alone), force=True))
    assert everything(alone.context.store) == before


def _altered(file: Path, folder: Path) -> None:
    """One line of the audit says something else: only recomputing the chain shows it."""
    archive.unpack(file, folder)
    store = Store(f"sqlite:///{folder / archive.DATABASE}")
    with store.writer.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER tr_audit_entries_no_update")
        connection.exec_driver_sql("UPDATE audit_entries SET actor = 'nobody' WHERE id = 1")
        connection.exec_driver_sql("PRAGMA user_version")
    store.close()
    file.unlink()
    archive.write(file, folder)


def _escaping(file: Path) -> None:
    with tarfile.open(file, "w:gz") as tar:
        entry = tarfile.TarInfo("../escaped")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))


def test_all_rows_pour_from_one_kind_of_database_to_the_other_and_back(
    bench: Bench, tmp_path: Path, databases: Databases
) -> None:
    """The way from SQLite to PostgreSQL when a farm outgrows it: back up, change database_url, restore."""
    busy(bench)
    file = made(bench, tmp_path)
    unpacked = tmp_path / "unpacked"
    archive.unpack(file, unpacked)
    middle = Store(f"sqlite:///{unpacked / archive.DATABASE}")
    back = databases.fresh(tmp_path / "back")
    shutil.copy(bench.folder / "data.key", back / "data.key")
    target = make_context(back, MovedClock()).store
    migrate.upgrade(target)
    with middle.reader.connect() as source, target.writer.begin() as connection:
        counts = pour(source, connection)
    assert counts["audit_entries"] > 10
    found, expected = everything(target), everything(bench.context.store)
    found["audit_head"] = expected["audit_head"] = []  # the backup itself was noted after it was made
    expected["audit_entries"] = [row for row in expected["audit_entries"] if "server.backed-up" not in row]
    assert found == expected
    with target.write() as session:  # numbering goes on after the rows that brought their own numbers
        session.execute(
            text(
                "INSERT INTO timers (kind, subject, due_at, attempts) VALUES ('x', 'y', CURRENT_TIMESTAMP, 0)"
            )
        )
    middle.close()
    target.close()
    databases.remove(back)


def test_a_backup_goes_into_an_empty_database_of_either_kind_and_the_server_works_on_it(
    alone: Bench, databases: Databases, tmp_path: Path
) -> None:
    busy(alone)
    file = made(alone, tmp_path, with_secrets=True)
    folder = databases.fresh(tmp_path / "elsewhere")
    settings = alone.context.settings.model_copy(
        update={
            "database_url": url_of(folder),
            "data_key_file": str(folder / "data.key"),
            "listen": "127.0.0.1:1",
        }
    )
    sources = Sources(settings, folder / "server.toml", folder / "site.toml", folder / "secrets.json", False)
    said = list(restore(file, sources, force=False))
    assert any("new epoch" in line for line in said)
    moved = Bench(folder, alone.secrets)
    object.__setattr__(moved.context, "clock", alone.clock)
    assert known(moved) == known(alone)
    moved.device, moved.clock, moved._seq, moved._count = alone.device, alone.clock, alone._seq, 10
    moved.sent = alone.sent
    busy(moved)
    moved.context.store.close()
    with pytest.raises(InstallationError, match="with --force it is moved aside"):
        list(restore(file, sources, force=False))
    said = list(restore(file, sources, force=True))
    assert any("what was there is now" in line for line in said)
    moved.close()
    databases.remove(folder)


def test_an_old_database_is_backed_up_rehearsed_and_brought_up_to_date(bench: Bench, tmp_path: Path) -> None:
    busy(bench)
    before = known(bench)
    migrate.downgrade(bench.context.store, "0004")
    bench.context.store.close()
    said = list(upgrade(sources_of(bench), tmp_path, 3))
    assert any("from revision 0004 to" in line for line in said), said
    assert len(list(tmp_path.glob("loquet-*"))) == 1
    assert migrate.is_current(bench.context.store)
    assert known(bench) == before
    busy(bench)
    assert "nothing to migrate" in next(iter(upgrade(sources_of(bench), tmp_path, 3)))
    with bench.context.store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InstallationError, match="upgrade the program, not the database"):
        list(upgrade(sources_of(bench), tmp_path, 3))


@pytest.mark.fault("F64")
def test_a_migration_that_fails_half_way_leaves_what_the_old_program_runs_on(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F64, twice: the rehearsal on the copy finds it; and one that fails only on the live database rolls
    back."""
    busy(bench)
    before = everything(bench.context.store)
    versions = tmp_path / "migrations"
    shutil.copytree(migrate._FOLDER, versions)
    (versions / "versions" / "9999_broken.py").write_text(BROKEN.format(head=_head()))
    monkeypatch.setattr(migrate, "_FOLDER", versions)
    backups = tmp_path / "backups"
    backups.mkdir()

    said: list[str] = []
    with pytest.raises(InstallationError, match="fails on a copy"):
        _collect(said, upgrade(sources_of(bench), backups, 3))
    assert any("is a good backup" in line for line in said)
    assert everything(bench.context.store) == before

    monkeypatch.setattr(facts, "_recomputed", lambda _file, _stated: [])
    with pytest.raises(InstallationError, match="left nothing behind"):
        list(upgrade(sources_of(bench), backups, 3))
    monkeypatch.undo()
    assert migrate.is_current(bench.context.store), "for the program of before"
    with bench.context.store.reader.connect() as connection:
        assert "half_way" not in inspect(connection).get_table_names()
    assert everything(bench.context.store) == before
    busy(bench)


BROKEN = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None


def upgrade() -> None:
    op.create_table("half_way", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO half_way (id) VALUES (1)")
    op.execute("INSERT INTO half_way (id) VALUES (1)")
"""


def _head() -> str:
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(migrate.alembic_config()).get_current_head())


def _collect(said: list[str], lines: Iterable[str]) -> None:
    said.extend(lines)


def test_a_database_that_was_never_set_up_is_not_backed_up(databases: Databases, tmp_path: Path) -> None:
    folder = databases.fresh(tmp_path / "new")
    context = make_context(folder, MovedClock())
    sources = Sources(
        context.settings, folder / "server.toml", folder / "site.toml", folder / "secrets.json", False
    )
    with pytest.raises(InstallationError, match="never set up"):
        list(back_up(sources, tmp_path, 0))
    with pytest.raises(InstallationError, match="never set up"):
        list(upgrade(sources, tmp_path, 0))
    assert list(tmp_path.glob("loquet-*")) == []
    context.store.close()
    databases.remove(folder)


def test_the_journal_of_a_killed_server_does_not_get_into_the_restored_database(
    alone: Bench, tmp_path: Path
) -> None:
    """A server that was killed leaves its write-ahead log; somebody moves the damaged database away and not
    the log. SQLite would replay it into whatever stands there next."""
    busy(alone)
    kept = known(alone)
    file = made(alone, tmp_path)
    busy(alone)
    database = Path(str(alone.context.store.reader.url.database))
    log = database.with_name(database.name + "-wal")
    left = log.read_bytes()
    assert left
    alone.context.store.close()
    database.unlink()
    log.write_bytes(left)

    said = list(restore(file, sources_of(alone), force=True))
    assert any("before-restore-1" in line for line in said), said
    assert database.with_name(database.name + ".before-restore-1-wal").read_bytes() == left
    again = Bench(alone.folder, alone.secrets)
    assert known(again) == kept
    with again.context.store.read() as session:
        assert broken_chains(session) == []
    again.close()


def test_a_restore_killed_after_the_database_is_in_place_has_its_new_epoch(
    bench: Bench, tmp_path: Path
) -> None:
    """Without it controllers would ignore the server as older than what they know: so it goes into the
    scratch database, before that is put in its place."""
    busy(bench)
    file = made(bench, tmp_path)
    bench.context.store.close()
    for line in restore(file, sources_of(bench), force=True):
        if "is the backup's database" in line or "are in PostgreSQL" in line:
            break  # killed here
    store = Store(bench.context.settings.database_url)
    with store.read() as session:
        epochs = set(session.scalars(select(Gateway.feed_epoch)))
    store.close()
    assert bench.feed_epoch not in epochs


@pytest.mark.parametrize("closed", ["where backups go", "the archive"])
def test_what_may_not_be_read_or_written_is_said_in_a_line(alone: Bench, tmp_path: Path, closed: str) -> None:
    """As root asks for it: a folder or file of root's own, which the server's user may not enter."""
    file = made(alone, tmp_path)
    alone.context.store.close()
    if closed == "the archive":
        target = tmp_path / "of-root.tar.gz"
        target.mkdir()  # unreadable as a file, for root too
        with pytest.raises(InstallationError, match=r"of-root\.tar\.gz can't be read.* Is a directory"):
            list(restore(target, sources_of(alone), force=True))
    else:
        with pytest.raises(InstallationError, match=r"/proc can't be written"):
            list(back_up(sources_of(alone), Path("/proc"), 0, alone.clock))
    assert file.exists()
