"""The shell: the writer's groups, a disk that is full, a broker connection that survives its own faults."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import store
from gateway.backoff import Backoff
from gateway.broker import passwords
from gateway.effects import Effects, Publish
from gateway.errors import FeedError, StoreError
from gateway.link import Link
from gateway.writer import GROUP_ROWS, Writer
from tests.gateway.rig import PASSWORD, SITE, Listener, Rig, topic


class Desk:
    """A writer on a store, and what it carried out."""

    def __init__(self, path: Path) -> None:
        self.database = store.connect(path)
        self.carried: list[Publish] = []
        self.groups = 0
        self.reloads = 0
        self.writer = Writer(self.database, lambda: Effects(SITE), self._carry_out, self._reload)
        self.writer.start()

    def _carry_out(self, effects: Effects) -> None:
        assert not self.database.in_transaction, "effects come after the commit"
        self.groups += 1
        self.carried += effects.messages()

    def _reload(self) -> None:
        self.reloads += 1

    def put(self, key: str, size: int = 1) -> Callable[[Effects], None]:
        """A task that writes and publishes."""

        def task(effects: Effects) -> None:
            store.write_meta(self.database, key, "x" * size)
            effects.publish("wall-1", "cmd", key.encode())

        return task

    def keys(self) -> set[str]:
        """What is in the store."""
        return self.writer.call(lambda _e: {row[0] for row in self.database.execute("SELECT key FROM meta")})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "store.db")
    yield made
    made.writer.stop()
    made.database.close()


def test_tasks_are_grouped_and_their_effects_follow_the_commit(desk: Desk) -> None:
    for number in range(GROUP_ROWS):
        assert desk.writer.offer(desk.put(str(number)))
    assert desk.keys() == {str(number) for number in range(GROUP_ROWS)}
    assert [each.payload for each in desk.carried] == [str(number).encode() for number in range(GROUP_ROWS)]
    assert desk.groups < GROUP_ROWS / 10


def test_a_task_that_fails_leaves_nothing_behind_and_stops_nobody(desk: Desk) -> None:
    def refuse(_effects: Effects) -> None:
        store.write_meta(desk.database, "half", "done")
        raise FeedError("no")

    def break_down(_effects: Effects) -> None:
        store.write_meta(desk.database, "broken", "half")
        raise ZeroDivisionError

    desk.writer.offer(desk.put("before"))
    desk.writer.offer(break_down)
    with pytest.raises(FeedError):
        desk.writer.call(refuse)
    desk.writer.offer(desk.put("after"))
    assert desk.keys() == {"before", "after"}
    assert desk.reloads == 2


@pytest.mark.fault("F48")
def test_a_full_disk_acknowledges_nothing_and_work_goes_on_when_there_is_room(desk: Desk) -> None:
    (pages,) = desk.writer.call(lambda _e: desk.database.execute("PRAGMA page_count").fetchone())
    desk.writer.call(lambda _e: desk.database.execute(f"PRAGMA max_page_count={pages + 2}").fetchone())
    with pytest.raises(StoreError):
        desk.writer.call(desk.put("large", size=200_000))
    assert desk.carried == []
    assert desk.writer.failed_groups == 1
    assert desk.reloads == 1
    desk.writer.call(lambda _e: desk.database.execute("PRAGMA max_page_count=1000000").fetchone())
    desk.writer.call(desk.put("large", size=200_000))
    assert desk.keys() == {"large"}


def test_what_was_queued_is_written_before_it_stops(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "store.db")
    for number in range(50):
        desk.writer.offer(desk.put(str(number)))
    desk.writer.stop()
    assert not desk.writer.offer(desk.put("late"))
    with pytest.raises(StoreError):
        desk.writer.call(desk.put("late"))
    desk.database.close()
    again = sqlite3.connect(tmp_path / "store.db")
    assert again.execute("SELECT count(*) FROM meta").fetchone() == (50,)
    again.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4000])
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.db").write_bytes(content)
    with pytest.raises(StoreError):
        store.connect(tmp_path / "store.db")


def test_a_store_of_a_newer_gateway_is_refused(tmp_path: Path) -> None:
    newer = sqlite3.connect(tmp_path / "store.db")
    newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(StoreError, match="version 99"):
        store.connect(tmp_path / "store.db")


@pytest.mark.broker
@pytest.mark.system
@pytest.mark.fault("F54")
def test_a_fault_in_a_handler_ends_the_connection_not_the_link(rig: Rig) -> None:
    """paho's own loop thread would be dead, and `publish` would go on returning success."""
    rig.start_broker()
    heard: list[bytes] = []
    changed = threading.Condition()
    ups: list[float] = []

    def on_message(_topic: str, payload: bytes, _retained: bool) -> None:
        with changed:
            heard.append(payload)
            changed.notify_all()
        if payload == b"poison":
            raise ZeroDivisionError

    def on_up() -> None:
        with changed:
            ups.append(time.monotonic())
            changed.notify_all()

    link = Link(
        rig.settings.broker,
        "gw",
        passwords.kept(rig.settings.persist_dir),
        [(topic("+", "up"), 0)],
        on_message,
        on_up,
        lambda: None,
        Backoff(lambda: 0.0, 0.1, 1.0, 60.0),
    )
    link.start()
    speaker = Listener(rig.port, "wall-1", [topic("wall-1", "cmd")])
    with changed:
        assert changed.wait_for(lambda: len(ups) == 1, 10)
    speaker.client.publish(topic("wall-1", "up"), b"poison")
    with changed:
        assert changed.wait_for(lambda: len(ups) == 2, 10)
    # The subscription of the new connection may be a moment behind its beginning.
    deadline = time.monotonic() + 10
    while b"after" not in heard and time.monotonic() < deadline:
        speaker.client.publish(topic("wall-1", "up"), b"after")
        with changed:
            changed.wait_for(lambda: b"after" in heard, 0.2)
    assert b"after" in heard
    link.send([Publish(topic("wall-1", "cmd"), b"and it speaks")])
    with speaker.changed:
        assert speaker.changed.wait_for(lambda: any(p == b"and it speaks" for _, p, _ in speaker.heard), 10)
    link.stop()
    assert not link.thread.is_alive()
    speaker.close()


def test_the_password_of_the_test_is_not_the_gateways(tmp_path: Path) -> None:
    assert passwords.kept(tmp_path) == passwords.kept(tmp_path) != PASSWORD
