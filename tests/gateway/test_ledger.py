"""Whatever is cut, killed, lost, doubled or reordered: each record reaches the server exactly once, in order,
or lies in a named gap. One device's journal, the gateway's real core over real SQL, and a server with a disk
of its own.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.contract import records, topics
from gateway import store
from gateway.effects import Effects
from gateway.feed import Answer
from gateway.gate import Gate
from gateway.lanes import NAMES, Lane
from gateway.moment import Moment
from gateway.quota import Quotas
from gateway.site import Site
from gateway.tally import Tally

SITE, NAME = "ferme", "wall-1"
UP = topics.topic(SITE, NAME, "up")


class Journal:
    """One lane in a device's flash: forgets what is acknowledged, may drop what is not and then says so."""

    def __init__(self, lane: int, epoch: str) -> None:
        self.lane = lane
        self.epoch = epoch
        self.held: list[dict[str, Any]] = []
        self.last = 0
        self.acked = 0

    def make(self, boot: int, now: Moment) -> int:
        self.last += 1
        kind: dict[str, Any] = {"k": "door", "d": 1, "s": 0, "x": 0}
        if self.lane == records.READINGS:
            kind = {"k": "r", "p0": 0, "s": 60, "z": [["chilled", 0, 1, 2, 3, 4, 0]]}
        self.held.append(self._record(boot, now, self.last, kind))
        return self.last

    def drop(self, count: int, boot: int, now: Moment) -> set[int]:
        """Lose the oldest records on purpose: a gap record takes their place."""
        lost = self.held[:count]
        if not lost:
            return set()
        first = records.first_seq(lost[0])
        upto = int(lost[-1]["n"])
        gap = self._record(boot, now, upto, {"k": "gap", "f": first, "r": "full"})
        self.held[: len(lost)] = [gap]
        return set(range(first, upto + 1))

    def hear(self, acked: int) -> None:
        if acked > self.acked:
            self.acked = acked
            self.held = [record for record in self.held if record["n"] > acked]

    def window(self) -> list[dict[str, Any]]:
        return self.held[: records.WINDOW]

    def first(self) -> int:
        return records.first_seq(self.held[0]) if self.held else self.last + 1

    def _record(self, boot: int, now: Moment, number: int, rest: dict[str, Any]) -> dict[str, Any]:
        common = {
            "v": 1,
            "e": self.epoch,
            "l": self.lane,
            "b": boot,
            "n": number,
            "u": 1,
            "t": now.unix_s,
            "q": 3,
        }
        return {**common, **rest}


@dataclass
class ServerDisk:
    """What the server has committed: its streams, and the records by their own numbers."""

    streams: dict[tuple[str, Lane], int] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def copy(self) -> "ServerDisk":
        return ServerDisk(dict(self.streams), list(self.rows))


class World:
    """Everything in one thread, on one clock; faults are calls."""

    def __init__(self) -> None:
        self.now = Moment(1_790_000_000_000, 1_000_000)
        self.random = random.Random(1)
        self.database = store.connect(None)
        self.boot = 1
        self.connects = 1
        self.epochs = 0
        self.made: dict[tuple[str, int], int] = {}
        self.dropped: dict[tuple[str, int], set[int]] = {}
        self.journals: list[Journal] = []
        self.wire: list[bytes] = []
        self.acks: list[bytes] = []
        self.disk = ServerDisk()
        self.backup = ServerDisk()
        self.restored = False
        self.feed_epoch = 1
        self.pending: Effects | None = None
        self.new_epoch()
        self.start()
        self.read_feed()

    def hexadecimal(self, digits: int) -> str:
        return "".join(self.random.choice("0123456789abcdef") for _ in range(digits))

    def start(self) -> None:
        tally = Tally()
        self.site = Site(SITE, self.database, tally, "machine", self.hexadecimal)
        self.gate = Gate(SITE, lambda name: name == NAME, Quotas(), tally)

    def new_epoch(self) -> None:
        """The journal's flash was wiped: what was in it and not acknowledged is gone, unnamed."""
        for journal in self.journals:
            self.dropped.setdefault((journal.epoch, journal.lane), set()).update(
                range(journal.acked + 1, journal.last + 1)
            )
        self.epochs += 1
        epoch = f"{self.epochs:08x}"
        self.journals = [Journal(lane, epoch) for lane in records.LANES]
        self.wire.clear()
        self.acks.clear()

    def make(self, lane: int) -> None:
        journal = self.journals[lane]
        self.made[journal.epoch, lane] = journal.make(self.boot, self.now)

    def drop(self, lane: int, count: int) -> None:
        journal = self.journals[lane]
        lost = journal.drop(count, self.boot, self.now)
        self.dropped.setdefault((journal.epoch, lane), set()).update(lost)

    def send(self) -> None:
        for journal in self.journals:
            self.wire += [records.encode(record) for record in journal.window()]

    def hello(self) -> None:
        self.connects += 1
        held = [(journal.first(), journal.last) for journal in self.journals]
        epoch = self.journals[0].epoch
        said = records.hello(epoch, self.boot, 1, self.connects, held[0], held[1], 0, 0, "")
        self.wire.append(records.encode(said))

    def deliver(self, count: int) -> None:
        """The broker hands messages over, in one transaction not yet on disk."""
        if self.pending is None:
            self.database.execute("BEGIN IMMEDIATE")
            self.pending = Effects(SITE)
        for payload in self.wire[:count]:
            arrival = self.gate.pass_in(UP, payload, False, self.now)
            if arrival is not None:
                self.site.take(arrival, self.pending)
        del self.wire[:count]

    def commit(self) -> None:
        if self.pending is not None:
            self.database.execute("COMMIT")
            self.acks += [each.payload for each in self.pending.messages() if each.topic.endswith("/ack")]
            self.pending = None

    def kill(self) -> None:
        """The process dies: what was not committed is gone, effects too."""
        if self.pending is not None:
            self.database.execute("ROLLBACK")
            self.pending = None
        self.wire.clear()
        self.start()

    def hear_acks(self) -> None:
        for payload in self.acks:
            said = records.decode(payload)
            journal = self.journals[records.integer(said, "l")]
            if said["e"] == journal.epoch:
                journal.hear(records.integer(said, "n"))
        self.acks.clear()

    def batch(self, lane: Lane, limit: int, answer_lost: bool) -> bool:
        """One batch to the server; whether there was anything to say."""
        self.commit()
        self.database.execute("BEGIN IMMEDIATE")
        epoch, rows = self.site.batch(lane, limit, self.now)
        self.database.execute("COMMIT")
        if not rows:
            return False
        upto = self.disk.streams.get((epoch, lane), 0)
        if rows[0].seq > upto + 1:
            self.database.execute("BEGIN IMMEDIATE")
            self.site.expected(lane, upto + 1, self.now)
            self.database.execute("COMMIT")
            return True
        for row in rows:
            if row.seq == upto + 1:
                upto += 1
                self.disk.rows.append({"lane": NAMES[lane], **row.item()})
        self.disk.streams[epoch, lane] = upto
        if not answer_lost:
            self.database.execute("BEGIN IMMEDIATE")
            self.site.acknowledged(lane, upto, self.now)
            self.database.execute("COMMIT")
        return True

    def restore_server(self) -> None:
        self.disk = self.backup.copy()
        self.restored = True
        self.feed_epoch += 1

    def wait(self, milliseconds: int) -> None:
        self.now = Moment(self.now.wall_ms + milliseconds, self.now.mono_ms + milliseconds)

    def read_feed(self) -> None:
        """A restored server's feed has a new epoch."""
        self.database.execute("BEGIN IMMEDIATE")
        answer = Answer(f"feed {self.feed_epoch}", 0, self.now.wall_ms, ())
        if self.site.feed.position().epoch != answer.epoch:
            self.site.apply(answer, True, self.now, self.now, Effects(SITE))
        self.database.execute("COMMIT")

    def settle(self) -> None:
        """No more faults: everything flows until nothing is left."""
        self.commit()
        self.read_feed()
        for _ in range(200):
            self.wait(6_000)
            self.hello()
            self.send()
            self.deliver(len(self.wire))
            self.commit()
            self.hear_acks()
            busy = sum(self.batch(lane, 50, False) for lane in Lane)
            if not busy and not any(journal.held for journal in self.journals):
                return
        raise AssertionError("it never settles")


def check(world: World) -> None:
    """The books, against the journals."""
    arrived: dict[tuple[str, int], list[int]] = {}
    gaps: dict[tuple[str, int], set[int]] = {}
    for row in world.disk.rows:
        record = row["record"]
        if row["device"] != NAME:
            continue
        key = (record["e"], record["l"])
        if record["k"] == "gap":
            gaps.setdefault(key, set()).update(range(record["f"], record["n"] + 1))
        elif not world.restored or record["n"] not in arrived.get(key, []):
            # A restored server drops what it has by the record's own number.
            arrived.setdefault(key, []).append(record["n"])
    for key, last in world.made.items():
        numbers, named = arrived.get(key, []), gaps.get(key, set())
        dropped = world.dropped.get(key, set())
        assert len(numbers) == len(set(numbers)), f"twice: {key} {numbers}"
        assert set(numbers) | named <= set(range(1, last + 1)), f"out of nothing: {key} {numbers} {named}"
        assert named <= dropped, f"a gap nobody made: {key} {named - dropped}"
        lost = set(range(1, last + 1)) - set(numbers) - named
        # What a wiped flash held can't be named by anybody.
        unnameable = dropped if key[0] != world.journals[0].epoch else set()
        assert lost <= unnameable, f"lost: {key} {lost} of {last}"
        if key[1] == records.EVENTS and not world.restored:
            assert numbers == sorted(numbers), f"out of order: {key} {numbers}"


lane_numbers = st.sampled_from(records.LANES)
BATCH = st.tuples(st.just("batch"), st.sampled_from(list(Lane)), st.integers(1, 30), st.booleans())
WIRE_FAULT = st.one_of(
    st.tuples(st.just("lose"), st.integers(0, 12)),
    st.tuples(st.just("double"), st.integers(0, 12)),
    st.tuples(st.just("swap"), st.integers(0, 12), st.integers(0, 12)),
)
ROUND = st.tuples(
    st.just("round"),
    lane_numbers,
    st.integers(1, 10),
    st.lists(WIRE_FAULT, max_size=2),
    st.integers(1, 12),
    st.sampled_from(["heard", "heard", "ack lost", "killed before commit", "killed after commit"]),
    st.lists(BATCH, max_size=3),
)
RARE = st.one_of(
    st.tuples(st.just("drop"), lane_numbers, st.integers(1, 10)),
    st.tuples(st.just("hello")),
    st.tuples(st.just("wait"), st.integers(1, 300_000)),
    st.tuples(st.just("reboot")),
    st.tuples(st.just("wipe")),
    st.tuples(st.just("back up")),
    st.tuples(st.just("restore")),
)
OPERATIONS = st.one_of(ROUND, ROUND, ROUND, RARE)


def perform(world: World, operation: tuple[Any, ...]) -> None:
    match operation:
        case ("round", lane, count, faults, delivered, outcome, batches):
            for _ in range(count):
                world.make(lane)
            world.send()
            for fault in faults:
                perform(world, fault)
            world.deliver(delivered)
            if outcome != "killed before commit":
                world.commit()
            if outcome.startswith("killed"):
                world.kill()
            if outcome == "heard":
                world.hear_acks()
            world.acks.clear()
            world.wire.clear()
            for batch in batches:
                perform(world, batch)
        case ("drop", lane, count):
            world.drop(lane, count)
        case ("send",):
            world.send()
        case ("hello",):
            world.hello()
        case ("lose", at):
            del world.wire[at : at + 1]
        case ("double", at):
            world.wire += world.wire[at : at + 1]
        case ("swap", left, right):
            if max(left, right) < len(world.wire):
                world.wire[left], world.wire[right] = world.wire[right], world.wire[left]
        case ("batch", lane, limit, lost):
            world.batch(lane, limit, lost)
        case ("wait", milliseconds):
            world.wait(milliseconds)
        case ("reboot",):
            world.boot += 1
        case ("wipe",):
            world.commit()
            world.new_epoch()
        case ("back up",):
            world.backup = world.disk.copy()
        case ("restore",):
            world.restore_server()
        case _:
            raise AssertionError(operation)


@settings(max_examples=200, deadline=None)
@given(st.lists(OPERATIONS, min_size=3, max_size=30))
@pytest.mark.fault("F40", "F47")
def test_every_record_arrives_once_in_order_or_in_a_named_gap(operations: list[tuple[Any, ...]]) -> None:
    """R-40 to R-45."""
    world = World()
    for operation in operations:
        perform(world, operation)
    world.kill()
    world.settle()
    check(world)
    world.database.close()


@pytest.mark.fault("F50")
def test_a_gateway_with_a_new_store_names_what_it_never_got() -> None:
    """The device has forgotten what the old store acknowledged: the new one says so, and goes on."""
    world = World()
    for _ in range(40):
        world.make(records.EVENTS)
    world.settle()
    world.database.close()
    world.database = store.connect(None)
    world.disk = ServerDisk()
    world.start()
    world.make(records.EVENTS)
    world.settle()
    spans = [
        (records.first_seq(row["record"]), row["record"]["n"], row["record"]["k"])
        for row in world.disk.rows
        if row["device"] == NAME
    ]
    assert spans == [(1, 40, "gap"), (41, 41, "door")]


def test_without_a_hello_a_hole_that_never_fills_is_closed_and_named() -> None:
    """A gateway whose store is new, while the device stays connected to the broker and says no hello."""
    world = World()
    for _ in range(50):
        world.make(records.EVENTS)
    world.journals[records.EVENTS].hear(40)
    for _ in range(8):
        world.send()
        world.deliver(len(world.wire))
        world.commit()
        assert (
            not any(row["record"]["k"] == "door" for row in world.disk.rows) or world.now.mono_ms > 1_020_000
        )
        world.wait(5_000)
    while world.batch(Lane.EVENTS, 100, False):
        pass
    spans = [
        (records.first_seq(row["record"]), row["record"]["n"])
        for row in world.disk.rows
        if row["device"] == NAME
    ]
    assert spans == [(1, 40), *((number, number) for number in range(41, 51))]
