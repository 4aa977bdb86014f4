"""What a lone record costs, and what stays true although less of it is written at once."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import flow, lanes, pace, store
from gateway.effects import Effects
from gateway.gate import Arrival
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.site import Site
from gateway.tally import Tally

NOW = Moment(1_790_000_000_000, 1_000_000)
HEX = "0123456789abcdef"


class Box:
    """A site on a real file, and its commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = store.connect(path)
        self.site = Site("ferme", self.database, Tally(), "machine", lambda n: HEX[:n].ljust(n, "0"))

    def do(self, task: Callable[[Effects], object]) -> int:
        """One transaction as the writer makes it; how many rows it wrote."""
        before = self.database.total_changes
        self.database.execute("BEGIN IMMEDIATE")
        task(Effects("ferme"))
        self.database.execute("COMMIT")
        return self.database.total_changes - before

    def hear(self, number: int) -> int:
        said: dict[str, object] = {
            "v": 1,
            "e": "0000beef",
            "l": 0,
            "b": 1,
            "n": number,
            "u": number,
            "t": 0,
            "q": 0,
        }
        said |= {"k": "door", "d": 1, "s": 1, "x": 0}
        arrival = Arrival("wall-1", "up", json.dumps(said).encode(), said, "", False, NOW)
        return self.do(lambda effects: self.site.take(arrival, effects))

    def next(self, limit: int = 500) -> tuple[int, list[int]]:
        """(rows written for it, numbers of the next batch)."""
        found: list[int] = []

        def task(_effects: Effects) -> None:
            found.extend(row.seq for row in self.site.batch(Lane.EVENTS, limit, NOW)[1])

        return self.do(task), found

    def acknowledged(self, upto: int) -> int:
        return self.do(lambda _effects: self.site.acknowledged(Lane.EVENTS, upto, NOW))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(tmp_path / "gateway.db")
    made.hear(1)
    assert made.next()[1] == [1]
    made.acknowledged(1)
    return made


def test_a_lone_record_is_one_transaction_its_batch_and_its_acknowledgement_none(box: Box) -> None:
    assert box.hear(2) > 0
    assert box.next() == (0, [2])
    assert box.acknowledged(2) == 0
    assert box.next() == (0, [])
    assert box.site.flow.depth(Lane.EVENTS) == (0, None)


def test_before_the_server_has_said_how_far_it_is_no_number_is_given_ahead(tmp_path: Path) -> None:
    box = Box(tmp_path / "gateway.db")
    box.hear(1)
    assert lanes.progress(box.database, Lane.EVENTS) == (0, 0)


def test_while_the_server_is_silent_only_so_many_get_a_number_and_the_order_stays(box: Box) -> None:
    for number in range(2, flow.AHEAD + 20):
        box.hear(number)
    assert lanes.progress(box.database, Lane.EVENTS)[0] == 1 + flow.AHEAD
    assert box.next()[1] == list(range(2, flow.AHEAD + 20))
    box.acknowledged(flow.AHEAD + 10)
    assert box.hear(flow.AHEAD + 20) > 0
    assert box.next()[1] == list(range(flow.AHEAD + 11, flow.AHEAD + 21))
    records = box.database.execute("SELECT seq, record FROM out WHERE lane = 0 ORDER BY seq").fetchall()
    assert [(seq, json.loads(record)["n"]) for seq, record in records] == [
        (each, each) for each in range(1, flow.AHEAD + 21)
    ]


def test_after_a_power_cut_what_was_acknowledged_is_sent_again_under_its_number(box: Box) -> None:
    box.hear(2)
    box.next()
    box.acknowledged(2)
    box.database.close()  # nothing more is written: as SIGKILL leaves it
    again = Box(box.path)
    assert lanes.progress(again.database, Lane.EVENTS) == (2, 0)
    assert again.next()[1] == [1, 2]
    again.acknowledged(2)
    assert again.next()[1] == []


def test_what_was_acknowledged_is_written_down_in_time_in_number_and_at_the_end(box: Box) -> None:
    box.do(lambda _effects: box.site.settle(NOW))
    assert lanes.progress(box.database, Lane.EVENTS) == (1, 1)
    for number in range(2, flow.SETTLE_ROWS + 2):
        box.hear(number)
        box.next()
        box.acknowledged(number)
    assert lanes.progress(box.database, Lane.EVENTS)[1] == flow.SETTLE_ROWS + 1
    box.hear(flow.SETTLE_ROWS + 2)
    box.acknowledged(flow.SETTLE_ROWS + 2)
    later = Moment(NOW.wall_ms + flow.SETTLE_MS, NOW.mono_ms + flow.SETTLE_MS)
    box.do(lambda effects: box.site.tick(NOW, False, effects))
    assert lanes.progress(box.database, Lane.EVENTS)[1] == flow.SETTLE_ROWS + 1
    box.do(lambda effects: box.site.tick(later, False, effects))
    assert lanes.progress(box.database, Lane.EVENTS)[1] == flow.SETTLE_ROWS + 2


def test_a_transaction_that_fails_forgets_and_the_server_says_it_again(box: Box) -> None:
    box.hear(2)
    box.acknowledged(2)
    box.site.rolled_back()
    assert box.next()[1] == [1, 2]
    box.acknowledged(2)
    assert box.next()[1] == []


def test_a_store_of_an_earlier_gateway_goes_on(tmp_path: Path) -> None:
    """Made with larger pages and ids that are never given twice."""
    path = tmp_path / "gateway.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.execute("PRAGMA page_size=1024")
    for statement in store._SCHEMA.split(";\n"):
        old.execute(statement.replace("PRIMARY KEY, lane", "PRIMARY KEY AUTOINCREMENT, lane"))
    old.execute("PRAGMA user_version=1")
    old.execute("UPDATE lane SET numbered = 1, acked = 1 WHERE lane = 0")
    old.execute(
        "INSERT INTO out (lane, seq, device, received_ms, record, done_ms)"
        " VALUES (0, 1, 'wall-1', 1, '{}', 1)"
    )
    old.close()
    box = Box(path)
    box.next()
    box.acknowledged(1)
    box.hear(1)
    assert box.next() == (0, [2])


def test_live_readings_go_together_while_the_past_is_sent_and_at_once_when_it_is_not() -> None:
    paces = pace.Pace()
    paces.wished(Lane.LIVE, None, 0, 10.0)
    assert Lane.LIVE in paces.due(10.0)
    paces.wished(Lane.BACKFILL, None, 0, 10.0)
    paces.wished(Lane.LIVE, None, 0, 10.1)
    assert Lane.LIVE not in paces.due(10.2)
    assert Lane.EVENTS in paces.due(10.2)
    assert Lane.LIVE in paces.due(10.26)
    paces.wished(Lane.LIVE, None, 0, 11.5)
    assert Lane.LIVE in paces.due(11.5)
