"""What all subjects stand on: transactions, migrations, the audit chain, secrets at rest, settings,
documents drawn from code."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from cryptography.exceptions import InvalidTag
from sqlalchemy import Index, event, inspect, select, text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

import server.models  # noqa: F401 - fills the metadata
from server.foundation import audit, migrate
from server.foundation.database import Base, Store, after_commit, wal_is_safe
from server.foundation.errors import ConfigurationError
from server.foundation.outbox import OutboxMail, send_mail
from server.foundation.settings import Settings, load_settings, read_or_make_key
from server.foundation.timers import set_timer
from server.foundation.vault import Vault
from server.orders.drawing import drawn
from server.people.models import Person
from tests.server.bench import Bench
from tests.server.databases import POSTGRESQL, SQLITE, Databases, url_of

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_a_reader_cannot_write(bench: Bench) -> None:
    with bench.context.store.read() as session, pytest.raises(DatabaseError, match=r"readonly|read-only"):
        session.execute(text("DELETE FROM people"))


def test_what_fails_leaves_nothing(bench: Bench) -> None:
    def twins() -> None:
        with bench.context.store.write() as session:
            for name in "ab":
                session.add(Person(id=name, email="x@example.org", name="X", role="manager", locale="fr"))
                session.flush()

    with pytest.raises(IntegrityError):
        twins()
    with bench.context.store.read() as session:
        assert session.get(Person, "a") is None


def test_a_commit_that_fails_is_not_answered_with_success(bench: Bench) -> None:
    def disk_full(_connection: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    event.listen(bench.context.store.writer, "commit", disk_full)
    assert bench.order().status_code == 503
    event.remove(bench.context.store.writer, "commit", disk_full)
    assert bench.api("GET", "/api/v1/orders", headers=bench.shop).json()["items"] == []


def test_a_naive_time_is_refused(bench: Bench) -> None:
    with bench.context.store.read() as session, pytest.raises(Exception, match="without a timezone"):
        session.scalars(
            select(OutboxMail).where(OutboxMail.due_at > datetime.now(UTC).replace(tzinfo=None))
        ).all()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 50, 7), True),
        ((3, 50, 6), False),
        ((3, 44, 6), True),
        ((3, 54, 0), True),
    ],
)
@pytest.mark.fault("S12")
def test_which_sqlite_may_have_a_wal(version: tuple[int, int, int], safe: bool) -> None:
    assert wal_is_safe(version) is safe


TRIGGERS = {
    SQLITE: "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    POSTGRESQL: "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}
PARTIAL = {
    SQLITE: "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'",
    POSTGRESQL: "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '% WHERE %'",
}


@pytest.fixture
def store(databases: Databases, tmp_path: Path) -> Iterator[Store]:
    """An empty database of one's own."""
    folder = databases.fresh(tmp_path / "empty")
    opened = Store(url_of(folder))
    yield opened
    opened.close()
    databases.remove(folder)


def refuses_changes(store: Store) -> bool:
    """Whether a line of the audit, once written, stays as it is."""
    moment = datetime(2026, 10, 5, tzinfo=UTC)
    with store.write() as session:
        session.add(
            audit.AuditEntry(
                id=1, at=moment, actor="a", action="a", subject="s", details={}, previous="p", hash="h"
            )
        )
    refused = 0
    for harm in ("UPDATE audit_entries SET actor = 'b'", "DELETE FROM audit_entries"):
        try:
            with store.write() as session:
                session.execute(text(harm))
        except DatabaseError as error:
            refused += "append-only" in str(error)
    return refused == 2


@pytest.mark.fault("S22")
def test_migrations_go_up_down_and_up_and_make_exactly_the_models(store: Store) -> None:
    kind = store.writer.dialect.name
    migrate.upgrade(store)
    assert refuses_changes(store)
    migrate.downgrade(store)
    migrate.upgrade(store)
    assert migrate.is_current(store)
    with store.writer.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        triggers = set(connection.scalars(text(TRIGGERS[kind])).all())
        assert {
            f"tr_{table}_no_{verb}"
            for table in ("audit_entries", "money_entries", "ledger_rows")
            for verb in ("update", "delete")
        } <= triggers
        assert "uq_claims_live_compartment" in connection.scalars(text(PARTIAL[kind])).all()
        assert inspect(connection).has_table("orders")
    assert refuses_changes(store)


def test_every_partial_index_is_partial_on_both_databases() -> None:
    for table in Base.metadata.tables.values():
        for index in table.indexes:
            assert isinstance(index, Index)
            options = {name: index.dialect_options[name]["where"] for name in ("sqlite", "postgresql")}
            assert (options["sqlite"] is None) == (options["postgresql"] is None), index.name
            assert str(options["sqlite"]) == str(options["postgresql"])


def write_lines(bench: Bench) -> None:
    """Three lines of audit."""
    with bench.context.store.write() as session:
        for number in range(3):
            audit.record(session, bench.context, "system", "test", f"thing:{number}", {"n": number})


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        ("UPDATE audit_entries SET actor = 'person:x' WHERE id = :last - 1", "was altered"),
        ("DELETE FROM audit_entries WHERE id = :last - 1", "is missing"),
        ("DELETE FROM audit_entries WHERE id = :last", "was cut"),
        (
            "UPDATE audit_entries SET previous = hash, hash = previous WHERE id = :last - 1",
            "does not follow",
        ),
    ],
)
def test_the_audit_shows_a_change_a_removal_a_swap_and_a_cut(bench: Bench, harm: str, found: str) -> None:
    write_lines(bench)
    with bench.context.store.read() as session:
        assert audit.verify(session) == ""
        last = session.scalar(text("SELECT max(id) FROM audit_entries"))
    with pytest.raises(DatabaseError, match="append-only"), bench.context.store.write() as session:
        session.execute(text(harm), {"last": last})
    with bench.context.store.write() as session:  # somebody with the file itself
        for verb in ("update", "delete"):
            on = "" if bench.context.store.is_sqlite else " ON audit_entries"
            session.execute(text(f"DROP TRIGGER tr_audit_entries_no_{verb}{on}"))
        session.execute(text(harm), {"last": last})
    with bench.context.store.read() as session:
        assert found in audit.verify(session)


def test_a_mail_and_its_line_stand_or_fall_together_and_its_text_is_sealed(
    bench: Bench, databases: Databases
) -> None:
    with bench.context.store.write() as session:
        send_mail(session, bench.context, to="a@example.org", subject="s", text="code 1234", about="order:x")
    with bench.context.store.read() as session:
        row = session.scalars(select(OutboxMail)).one()
        line = session.get_one(audit.AuditEntry, row.audit_id)
        assert (line.action, line.subject) == ("mail.requested", "order:x")
    whole = databases.everything(bench.folder)
    assert b"a@example.org" in whole
    assert b"1234" not in whole
    assert b"1234".hex().encode() not in whole

    def fails() -> None:
        with bench.context.store.write() as session:
            send_mail(session, bench.context, to="b@example.org", subject="s", text="t", about="order:y")
            raise RuntimeError("the act failed")

    with pytest.raises(RuntimeError):
        fails()
    with bench.context.store.read() as session:
        assert len(session.scalars(select(OutboxMail)).all()) == 1


def test_codes_are_never_in_the_database_in_the_clear(bench: Bench, databases: Databases) -> None:
    order = bench.order().json()
    bench.pay(order)
    bench.sync()
    short, long = bench.codes(order["id"])
    whole = databases.everything(bench.folder)
    assert order["reference"].encode() in whole
    for code in (short, long, bench.personal("source")):
        assert code.encode() not in whole
        assert code.encode().hex().encode() not in whole


def test_what_is_sealed_opens_only_in_its_place() -> None:
    vault = Vault(bytes(32))
    sealed = vault.seal(b"secret", "credential:1")
    assert vault.open(sealed, "credential:1") == b"secret"
    with pytest.raises(InvalidTag):
        vault.open(sealed, "credential:2")
    with pytest.raises(InvalidTag):
        Vault(bytes([1]) * 32).open(sealed, "credential:1")
    assert vault.mac("code", "1") != vault.mac("order-link", "1")


def test_the_data_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.key"
    key = read_or_make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_or_make_key(path) == key
    path.write_text("short\n")
    with pytest.raises(ConfigurationError, match="64 hex digits"):
        read_or_make_key(path)


def test_settings_refuse_what_they_do_not_know_and_are_documented(tmp_path: Path) -> None:
    path = tmp_path / "server.toml"
    path.write_text('listen = "127.0.0.1:1"\nlisten_too = 1\n')
    with pytest.raises(ConfigurationError, match="listen_too"):
        load_settings(path)
    path.write_text('listen = "127.0.0.1:1"\n')
    assert load_settings(path).data_key_file == str(tmp_path / "data.key")
    page = (DOCS / "server.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"| `{name}` |" in page


def test_the_tables_of_states_in_the_docs_are_those_of_the_code() -> None:
    assert drawn() in (DOCS / "server.md").read_text(encoding="utf-8"), (
        "replace what is between the marks with server.orders.drawing.drawn()"
    )


def test_what_follows_a_commit_waits_for_the_whole_of_it(bench: Bench) -> None:
    store = bench.context.store
    told: list[int] = []

    def look() -> None:
        with store.read() as reader:
            told.append(reader.scalar(text("SELECT count(*) FROM timers WHERE kind = 'told'")) or 0)

    with store.write() as session:
        with session.begin_nested():
            set_timer(session, "told", "1", bench.clock.now())
            after_commit(session, look)
        assert told == []
    assert told == [1]


def test_what_follows_a_commit_does_not_follow_a_rollback(bench: Bench) -> None:
    told: list[int] = []

    def breaks() -> None:
        with bench.context.store.write() as session:
            after_commit(session, lambda: told.append(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()
    assert told == []
