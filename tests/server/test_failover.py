"""A PostgreSQL that breaks a booking off: a deadlock, a failure to serialize, a server that goes away before,
in or after the commit. It is begun anew and there is one booking."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server.__main__ import main
from server.foundation import database, postgresql, timers
from server.foundation.database import CommitUnknownError, Store
from server.orders import holding
from server.orders.models import Capacity, Order
from simulator.parts import postgres
from tests.server.bench import Bench
from tests.server.conftest import set_up

pytestmark = pytest.mark.postgres

DIES = "SELECT pg_terminate_backend(pg_backend_pid())"
BREAKS = "DO $$ BEGIN RAISE EXCEPTION 'broken off' USING ERRCODE = '{}'; END $$"


class Own:
    """A PostgreSQL that these tests may kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.cluster = postgres.start(folder)

    def start_again(self) -> None:
        """After a kill, over what it left, at the same port."""
        self.cluster = postgres.start(self._folder)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    """One for all tests here."""
    if postgres.find() is None:
        pytest.skip("the pinned PostgreSQL is not here: ./loquet setup postgres")
    made = Own(tmp_path_factory.mktemp("own") / "cluster")
    yield made
    made.cluster.stop()


@pytest.fixture
def bench(own: Own, tmp_path: Path) -> Iterator[Bench]:
    """A server on it."""
    own.cluster.create("booking")
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "database-url").write_text(own.cluster.url("booking"))
    server = Bench(folder, set_up(folder))
    yield server
    server.close()


def bookings(bench: Bench) -> tuple[int, int]:
    """(orders, promised days)"""
    with bench.context.store.read() as session:
        orders = session.scalar(select(func.count()).select_from(Order))
        promised = session.scalar(select(func.count()).select_from(Capacity))
    return orders or 0, promised or 0


@pytest.mark.parametrize(
    "harm", [DIES, BREAKS.format("40001"), BREAKS.format("40P01")], ids=["failover", "serialize", "deadlock"]
)
@pytest.mark.fault("F60")
def test_a_booking_broken_off_in_the_middle_is_begun_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    harmed: list[int] = []

    def set_timer(session: Session, *words: object) -> None:
        """All of the order is written; nothing of it is committed."""
        if not harmed:
            harmed.append(1)
            session.execute(text(harm))
        timers.set_timer(session, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(holding, "set_timer", set_timer)
    assert bench.order(("tomates",)).status_code == 201
    assert harmed
    assert bookings(bench) == (1, 1)


@pytest.mark.parametrize("happened", [False, True], ids=["undone", "done"])
@pytest.mark.fault("F60")
def test_a_commit_of_which_nobody_knows_leaves_one_booking(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    harmed: list[int] = []
    sound = Session.commit

    def commit(session: Session) -> None:
        if harmed:
            sound(session)
            return
        harmed.append(1)
        if happened:
            sound(session)
        session.execute(text(DIES))
        sound(session)

    monkeypatch.setattr(Session, "commit", commit)
    first = bench.order(("tomates",), key="k", reference="R").json()
    monkeypatch.undo()
    assert harmed
    assert bookings(bench) == (1, 1)
    assert bench.order(("tomates",), key="k", reference="R").json()["id"] == first["id"]


def test_who_cannot_tell_whether_it_was_done_is_told_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = bench.order(("tomates",)).json()
    bench.pay(order)
    manager = bench.login()

    def commit(_session: Session) -> None:
        raise CommitUnknownError

    monkeypatch.setattr(Store, "_commit", staticmethod(commit))
    answer = bench.api(
        "POST", f"/api/v1/orders/{order['id']}/refund", json={"reason": "why"}, headers=manager
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "unknown")
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.fault("F60")
def test_a_booking_waits_for_a_server_that_restarts(own: Own, bench: Bench) -> None:
    assert bench.order(("tomates",)).status_code == 201
    own.cluster.kill()
    answers: list[int] = []
    shop = threading.Thread(target=lambda: answers.append(bench.order(("tomates",)).status_code))
    shop.start()
    own.start_again()
    shop.join(60)
    assert answers == [201]
    assert bookings(bench) == (2, 2), "what was answered before the power cut is there"


def test_a_writer_that_stops_in_mid_work_stops_the_others_for_a_moment_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_MS", 300)
    monkeypatch.setattr(postgresql, "IDLE_MS", 1_000)
    impatient = Store(bench.context.settings.database_url)
    asleep = Store(bench.context.settings.database_url)
    with pytest.raises(CommitUnknownError), asleep.write() as session:  # noqa: PT012 - its end raises
        session.execute(text("UPDATE platform SET help = 'x'"))
        with pytest.raises(OperationalError, match="lock timeout"), impatient.write():
            raise AssertionError("two writers at a time")
        threading.Event().wait(1.5)
        with impatient.write() as other:
            other.execute(text("UPDATE platform SET help = 'y'"))
    with impatient.read() as session:
        assert session.scalar(text("SELECT help FROM platform")) == "y"
    impatient.close()
    asleep.close()


def test_no_password_in_what_is_said(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    url = bench.context.settings.database_url
    password = url.partition("://")[2].partition("@")[0].partition(":")[2]
    assert len(password) == 32
    wrong = Store(url.replace("/booking", "/nowhere"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database, "PATIENCE_S", 0.5)
        with pytest.raises(OperationalError) as told, wrong.write():
            raise AssertionError("a database that is not there")
    assert password not in str(told.value)
    assert password not in caplog.text
    assert password not in repr(wrong.writer.url)
    wrong.close()


@pytest.mark.parametrize("verb", [["run"], ["login-link", "manager@example.org"]])
def test_a_database_that_does_not_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    config, password = tmp_path / "server.toml", tmp_path / "password"
    for path, words in (
        (password, "hidden"),
        (
            config,
            'database_url = "postgresql://loquet@127.0.0.1:9/loquet"\ndatabase_password_file = "password"\n',
        ),
    ):
        path.touch(0o600)
        path.write_text(words)
    monkeypatch.setattr("sys.argv", ["server", *verb, "--config", str(config)])
    monkeypatch.setattr(database, "PATIENCE_S", 0.5)
    assert main() == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the database" in said
    assert "OperationalError" in said
    assert "hidden" not in said
