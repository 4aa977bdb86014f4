"""The core over an in-memory store: what devices and server say, and what comes of it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.contract import records, topics
from gateway import lanes, store
from gateway.cursor import PATIENCE_MS, REPEATS
from gateway.desired import MAX_CHAIN
from gateway.effects import Effects, Publish
from gateway.errors import FeedError
from gateway.feed import read_answer
from gateway.gate import Gate
from gateway.intake import MAX_ASIDE, MAX_EPOCHS
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.quota import Quotas, Rate
from gateway.site import Site
from gateway.tally import Tally

SITE = "ferme"
EPOCH = "0badcafe"


class Bench:
    """A site with its gate, one transaction per message."""

    def __init__(self) -> None:
        self.database = store.connect(None)
        self.tally = Tally()
        self.numbers = iter(range(10**6))
        self.site = Site(SITE, self.database, self.tally, "machine", lambda n: f"{next(self.numbers):0{n}x}")
        self.gate = Gate(
            SITE, lambda name: name != "stranger", Quotas(Rate(100, 1000), Rate(100, 10_000)), self.tally
        )
        self.now = Moment(1_790_000_000_000, 1_000_000)
        self.published: list[Publish] = []
        self.effects = Effects(SITE)
        self.run(lambda effects: self.site.linked(self.now, effects))

    def run(self, task: Any) -> Effects:
        effects = Effects(SITE)
        self.database.execute("BEGIN IMMEDIATE")
        try:
            task(effects)
        finally:
            self.database.execute("COMMIT")
        self.published += effects.messages()
        self.effects = effects
        return effects

    def wait(self, milliseconds: int) -> None:
        self.now = Moment(self.now.wall_ms + milliseconds, self.now.mono_ms + milliseconds)

    def hear(
        self, leaf: str, payload: bytes | dict[str, Any], device: str = "wall-1", retained: bool = False
    ) -> None:
        if isinstance(payload, dict):
            payload = records.encode(payload)
        arrival = self.gate.pass_in(topics.topic(SITE, device, leaf), payload, retained, self.now)
        if arrival is not None:
            self.run(lambda effects: self.site.take(arrival, effects))

    def hello(
        self, boot: int = 1, uptime: int = 5_000, config: int = 0, grants: int = 0, epoch: str = EPOCH
    ) -> None:
        self.hear("up", records.hello(epoch, boot, uptime, 1, (1, 0), (1, 0), config, grants, ""))

    def apply(
        self, items: list[dict[str, Any]], snapshot: bool = False, epoch: str = "f1", cursor: int = 0
    ) -> None:
        numbered = [{"c": at, **item} for at, item in enumerate(items, self.site.feed.position().cursor + 1)]
        body = {
            "epoch": epoch,
            "cursor": cursor or len(numbered),
            "now_ms": self.now.wall_ms,
            "items": numbered,
        }
        answer = read_answer(json.loads(json.dumps(body)))
        self.run(lambda effects: self.site.apply(answer, snapshot, self.now, self.now, effects))

    def tick(self) -> None:
        self.run(lambda effects: self.site.tick(self.now, False, effects))

    def trust(self) -> None:
        self.site.clock.look(self.now, True)

    def said(self, leaf: str, device: str = "wall-1") -> list[bytes]:
        """What was published on a leaf since the last look."""
        found = [each.payload for each in self.published if each.topic == topics.topic(SITE, device, leaf)]
        self.published = [each for each in self.published if each.topic != topics.topic(SITE, device, leaf)]
        return found

    def acks(self) -> list[tuple[int, int]]:
        """(lane, number) of the acknowledgements since the last look."""
        said = [records.decode(payload) for payload in self.said("ack")]
        return [(records.integer(each, "l"), records.integer(each, "n")) for each in said]

    def rows(self, lane: Lane = Lane.EVENTS) -> list[dict[str, Any]]:
        """Records in a lane that is not sent yet."""
        found = self.database.execute("SELECT record FROM out WHERE lane = ? ORDER BY id", (lane,))
        return [json.loads(row[0]) for row in found]

    def kinds(self, *kinds: str) -> list[dict[str, Any]]:
        return [row for row in self.rows() if row["k"] in kinds]

    def resync(self) -> bool:
        """Whether the last message made a snapshot necessary."""
        return self.effects.resync

    def counts(self) -> dict[tuple[str, str], int]:
        return {(device, reason): count for (device, reason, _), count in self.tally.drain().items()}


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.database.close()


def numbered(number: int, **other: Any) -> dict[str, Any]:
    common = {"v": 1, "e": EPOCH, "l": 0, "b": 1, "n": number, "u": 6_000, "t": 1_790_000_000, "q": 3}
    return {**common, **other}


def door(number: int, **other: Any) -> dict[str, Any]:
    return numbered(number, **{"k": "door", "d": 3, "s": 1, "x": 0, **other})


def reading(number: int, **other: Any) -> dict[str, Any]:
    return numbered(number, **{"l": 1, "k": "r", "p0": 0, "s": 60, "z": [], **other})


def payload(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_hello_is_answered_with_acknowledgements_time_and_what_is_missing(bench: Bench) -> None:
    """R-46."""
    bench.apply([], snapshot=True)
    bench.apply(
        [
            {
                "kind": "desired",
                "device": "wall-1",
                "doc": "config",
                "version": 2,
                "base": 0,
                "payloads": [payload("C2")],
            },
            {
                "kind": "desired",
                "device": "wall-1",
                "doc": "grants",
                "version": 5,
                "base": 0,
                "payloads": [payload("G5")],
            },
            {
                "kind": "desired",
                "device": "wall-1",
                "doc": "grants",
                "version": 6,
                "base": 5,
                "payloads": [payload("G6a"), payload("G6b")],
            },
        ]
    )
    assert bench.said("desired") == [], "nobody is there"
    bench.hello(config=1, grants=5)
    assert bench.acks() == [(0, 0), (1, 0)]
    (time,) = bench.said("time", "gw")
    assert records.decode(time)["t"] == bench.now.unix_s
    assert bench.said("desired") == [b"C2", b"G6a", b"G6b"]
    bench.hello(config=2, grants=6)
    assert bench.said("desired") == []
    bench.hello(config=2, grants=3)
    assert bench.said("desired") == [b"G5", b"G6a", b"G6b"]


def test_a_document_is_sent_again_until_it_is_applied(bench: Bench) -> None:
    bench.apply([], snapshot=True)
    bench.hello()
    bench.apply(
        [
            {
                "kind": "desired",
                "device": "wall-1",
                "doc": "config",
                "version": 2,
                "base": 0,
                "payloads": [payload("C2")],
            }
        ]
    )
    assert bench.said("desired") == [b"C2"]
    bench.tick()
    assert bench.said("desired") == []
    bench.wait(5_000)
    bench.tick()
    assert bench.said("desired") == [b"C2"]
    bench.wait(5_000)
    bench.tick()
    assert bench.said("desired") == [], "the pause has doubled"
    bench.hear("up", {**numbered(1), "k": "applied", "d": "cfg", "ver": 2, "ok": 1})
    bench.wait(3_600_000)
    bench.tick()
    assert bench.said("desired") == []


def test_a_change_that_does_not_fit_brings_a_snapshot(bench: Bench) -> None:
    """R-33."""
    bench.apply([], snapshot=True)
    bench.hello(grants=5)
    grants = {"kind": "desired", "device": "wall-1", "doc": "grants"}
    bench.apply([{**grants, "version": 7, "base": 6, "payloads": [payload("7")]}])
    assert bench.resync(), "its beginning is unknown"
    bench.apply([{**grants, "version": 8, "base": 0, "payloads": [payload("8")]}], snapshot=True)
    assert bench.said("desired") == [b"8"]
    bench.hear("up", {**numbered(1), "k": "applied", "d": "grants", "ver": 8, "ok": 0, "r": "digest"})
    assert bench.said("desired") == [b"8"], "the whole set"
    assert not bench.resync()
    bench.apply([{**grants, "version": 9, "base": 8, "payloads": [payload("9")]}])
    bench.hello(grants=9)
    bench.hear("up", {**numbered(2), "k": "applied", "d": "grants", "ver": 9, "ok": 0, "r": "base"})
    assert bench.resync(), "what is kept would be ignored"


def test_a_long_chain_is_replaced_by_a_snapshot(bench: Bench) -> None:
    bench.apply([], snapshot=True)
    grants = {"kind": "desired", "device": "wall-1", "doc": "grants"}
    bench.apply([{**grants, "version": 1, "base": 0, "payloads": [payload("1")]}])
    for version in range(2, MAX_CHAIN + 1):
        bench.apply([{**grants, "version": version, "base": version - 1, "payloads": [payload("x")]}])
        assert not bench.resync()
    bench.apply([{**grants, "version": MAX_CHAIN + 1, "base": MAX_CHAIN, "payloads": [payload("x")]}])
    assert bench.resync()


def test_records_are_acknowledged_by_their_prefix_duplicates_too(bench: Bench) -> None:
    """R-43."""
    for number in (1, 2, 2, 4, 3, 1):
        bench.hear("up", door(number))
    assert bench.acks() == [(0, 1), (0, 2), (0, 2), (0, 2), (0, 3), (0, 3)]
    assert [row["n"] for row in bench.rows()] == [1, 2, 3]


def test_a_gap_counts_as_all_of_its_numbers(bench: Bench) -> None:
    """R-45."""
    bench.hear("up", {**numbered(9), "k": "gap", "f": 1, "r": "full"})
    bench.hear("up", door(10))
    assert bench.acks() == [(0, 9), (0, 10)]
    bench.hear("up", {**numbered(12), "k": "gap", "f": 15, "r": "full"})
    assert bench.acks() == [(0, 10)], "a range that ends before it begins is no gap, and not its turn"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"d": "three"}, "field"), ({"extra": 1}, "field"), ({"k": "unheard"}, "kind"), ({"u": -1}, "field")],
)
def test_a_wrong_record_is_put_aside_counted_and_acknowledged(
    bench: Bench, change: dict[str, Any], reason: str
) -> None:
    """R-41."""
    bench.hear("up", door(1, **change))
    bench.hear("up", door(2))
    assert bench.acks() == [(0, 1), (0, 2)]
    assert [row["n"] for row in bench.rows()] == [2]
    assert bench.counts() == {("wall-1", reason): 1}


def test_a_record_of_the_future_is_put_aside_if_our_own_clock_is_trusted(bench: Bench) -> None:
    """R-49."""
    future = bench.now.unix_s + 100_000
    bench.hear("up", door(1, t=future))
    assert len(bench.rows()) == 1, "our clock may be the wrong one"
    bench.trust()
    bench.hear("up", door(2, t=future))
    bench.hear("up", door(3))
    assert bench.counts() == {("wall-1", "future"): 1}
    assert [row["n"] for row in bench.rows()] == [1, 3]
    assert bench.acks() == [(0, 1), (0, 2), (0, 3)]


def test_readings_put_aside_are_a_named_gap(bench: Bench) -> None:
    """R-45, R-49."""
    bench.trust()
    start = bench.now.unix_s
    bench.hear("up", reading(1, p0=start - 60))
    bench.hear("up", reading(2, p0=start + 7_200))
    bench.hear("up", reading(3, p0=1 << 62))
    bench.hear("up", reading(4, s=1 << 62, u=1 << 52))
    bench.hear("up", reading(5, p0=start - 60 + records.AHEAD_S))
    assert bench.counts() == {("wall-1", "future"): 1, ("wall-1", "field"): 2}
    rows = bench.rows(Lane.LIVE) + bench.rows(Lane.BACKFILL)
    assert sorted((row["n"], row["k"], row.get("r", "")) for row in rows) == [
        (1, "r", ""),
        (2, "gap", "future"),
        (3, "gap", "field"),
        (4, "gap", "field"),
        (5, "r", ""),
    ]
    for row in rows:
        records.check(row)
    assert bench.acks() == [(1, 1), (1, 2), (1, 3), (1, 4), (1, 5)]


@pytest.mark.parametrize(("key", "value"), [("b", 1 << 53), ("u", 1 << 53), ("cc", 1 << 62), ("u", -1)])
def test_a_device_that_counts_beyond_measure_is_not_online(bench: Bench, key: str, value: int) -> None:
    """R-41, R-46."""
    said = records.hello(EPOCH, 1, 5_000, 1, (1, 0), (1, 0), 0, 0, "")
    bench.hear("up", said | {key: value}, device="wall-2")
    if key != "u":
        bench.hear("state", records.state("online", 1, 1) | {key: value}, device="wall-2")
    bench.hear("up", door(1, **{key: value}), device="wall-2")
    bench.hello()
    assert bench.site.roster.online(bench.now) == [("wall-1", 1, 5_000)]
    assert set(bench.counts()) == {("wall-2", "field")}


@pytest.mark.parametrize(
    ("device", "leaf", "content", "reason", "counted"),
    [
        ("wall-1", "up", b"{not json", "json", "wall-1"),
        ("wall-1", "up", b"\xff\xfe", "json", "wall-1"),
        ("wall-1", "up", b"[" * 2000, "json", "wall-1"),
        ("wall-1", "up", b'{"v":2}', "version", "wall-1"),
        ("wall-1", "up", b" " * 2305, "size", "wall-1"),
        ("wall-1", "up", b'{"v":1,"k":"hello"}', "field", "wall-1"),
        ("wall-1", "state", b'{"v":1,"s":"dancing","b":1,"cc":1}', "field", "wall-1"),
        ("stranger", "up", b'{"v":1}', "device", "-"),
        ("gw", "time", b'{"v":1}', "topic", "-"),
        ("wall-1", "cmd", b'{"v":1}', "topic", "-"),
    ],
)
def test_what_is_no_message_is_counted_by_its_reason(
    bench: Bench, device: str, leaf: str, content: bytes, reason: str, counted: str
) -> None:
    bench.hear(leaf, content, device=device)
    bench.hear("up", door(1))
    assert bench.counts() == {(counted, reason): 1}
    assert bench.acks() == [(0, 1)], "intake goes on"


def test_a_foreign_site_is_refused(bench: Bench) -> None:
    assert bench.gate.pass_in("lk/1/elsewhere/wall-1/up", b"{}", False, bench.now) is None
    assert bench.gate.pass_in("lk/1/ferme/WALL/up", b"{}", False, bench.now) is None
    assert bench.counts() == {("-", "topic"): 2}


@pytest.mark.fault("F42")
def test_a_retained_record_is_put_aside(bench: Bench) -> None:
    """R-04."""
    bench.hear("up", door(1), retained=True)
    assert bench.rows() == []
    assert bench.counts() == {("wall-1", "retained"): 1}


def test_what_is_put_aside_is_bounded(bench: Bench) -> None:
    for _ in range(MAX_ASIDE + 20):
        bench.wait(100)
        bench.hear("up", b"{")
    (kept,) = bench.database.execute("SELECT count(*) FROM aside").fetchone()
    assert kept == MAX_ASIDE


def test_a_babbling_device_is_one_count_and_starves_nobody(bench: Bench) -> None:
    for _ in range(1_500):
        bench.hear("up", door(1))
    bench.hear("up", reading(1))
    bench.hear("up", door(1), device="wall-2")
    assert bench.acks()[-1] == (1, 1), "its other lane goes on"
    assert bench.said("ack", "wall-2"), "and so does its neighbour"
    bench.tick()
    bench.wait(60_000)
    bench.tick()
    (event,) = bench.kinds("quota")
    assert event == {"v": 1, "k": "quota", "d": "wall-1", "l": 0, "x": 500, "t": bench.now.unix_s}


def test_a_hole_is_not_closed_while_messages_are_refused(bench: Bench) -> None:
    """What is missing may be what we refused ourselves."""
    for turn in range(REPEATS + 4):
        bench.hear("up", door(5))
        bench.tally.refuse("wall-1", "busy", bench.now.mono_ms)
        bench.wait(PATIENCE_MS // 4)
        assert bench.rows() == [], turn
    for _ in range(REPEATS + 4):
        bench.hear("up", door(5))
        bench.wait(PATIENCE_MS // 4)
    assert [(row["k"], row.get("f"), row["n"]) for row in bench.rows()] == [("gap", 1, 4), ("door", None, 5)]


def test_presence_is_told_once_per_change(bench: Bench) -> None:
    """R-47."""
    for word, boot, connects in [
        ("online", 1, 1),
        ("online", 1, 2),
        ("lost", 1, 1),
        ("lost", 1, 2),
        ("lost", 1, 2),
    ]:
        bench.hear("state", records.state(word, boot, connects))
    assert [(row["s"], row["b"]) for row in bench.kinds("presence")] == [("online", 1), ("lost", 1)]


def test_uptimes_are_told_to_the_server_and_survive_a_restart(bench: Bench) -> None:
    bench.hear("state", records.state("online", 4, 1))
    assert bench.site.roster.online(bench.now) == [], "its uptime is not known"
    bench.hello(boot=4, uptime=9_000)
    bench.wait(1_000)
    assert bench.site.roster.online(bench.now) == [("wall-1", 4, 10_000)]
    again = Site(SITE, bench.database, Tally(), "machine", lambda n: "0" * n)
    assert again.roster.online(bench.now) == [], "it has not shown on this connection"
    again.roster.linked(bench.now)
    again.roster.say("wall-1", again.roster._presences["wall-1"], bench.now)
    assert again.roster.online(bench.now) == [("wall-1", 4, 10_000)]
    elsewhere = Site(SITE, bench.database, Tally(), "another boot of this box", lambda n: "0" * n)
    assert elsewhere.roster.heard("wall-1") is None


def test_who_does_not_come_back_to_a_new_broker_is_lost(bench: Bench) -> None:
    bench.hello()
    bench.hear("state", records.state("online", 1, 1), device="wall-2")
    bench.site.unlinked(bench.now)
    bench.wait(600_000)
    bench.tick()
    assert [row["s"] for row in bench.kinds("presence")] == ["online", "online"], (
        "without a broker nobody is judged"
    )
    bench.run(lambda effects: bench.site.linked(bench.now, effects))
    (outage,) = bench.kinds("outage")
    assert (outage["what"], outage["t"] - outage["f"]) == ("broker", 600)
    bench.hear("up", door(1))
    bench.wait(60_000)
    bench.tick()
    assert [(row["d"], row["s"]) for row in bench.kinds("presence")][2:] == [("wall-2", "lost")]


def command(name: str, boot: int = 1, not_after: int = 30_000) -> dict[str, Any]:
    return {
        "kind": "command",
        "device": "wall-1",
        "id": name * 16,
        "boot": boot,
        "not_after_ms": not_after,
        "payload": payload(name),
    }


def test_a_command_is_published_once_or_reported_undelivered(bench: Bench) -> None:
    """R-54."""
    bench.apply([], snapshot=True)
    bench.apply([command("a")])
    bench.hello(uptime=5_000)
    bench.apply([command("b"), command("c", boot=2), command("d", not_after=5_000), command("b")])
    assert bench.said("cmd") == [b"b"]
    assert [(row["id"][0], row["r"]) for row in bench.kinds("undelivered")] == [
        ("a", "offline"),
        ("c", "offline"),
        ("d", "late"),
    ]
    bench.hello()
    bench.tick()
    assert bench.said("cmd") == [], "never again"


def test_a_snapshot_replaces_documents_and_carries_no_commands(bench: Bench) -> None:
    bench.apply([], snapshot=True)
    bench.hello()
    desired = {"kind": "desired", "doc": "config", "version": 1, "base": 0}
    bench.apply(
        [
            {**desired, "device": "wall-1", "payloads": [payload("old")]},
            {**desired, "device": "wall-2", "payloads": [payload("old")]},
        ]
    )
    bench.said("desired")
    snapshot = [{**desired, "device": "wall-1", "version": 3, "payloads": [payload("new")]}, command("a")]
    bench.apply(snapshot, snapshot=True, epoch="f2", cursor=77)
    assert bench.said("desired") == [b"new"]
    assert bench.said("cmd") == []
    assert bench.site.documents.chain("wall-2", "config") == ()
    assert bench.site.feed.position().cursor == 77
    with pytest.raises(FeedError):
        bench.apply([], epoch="f3")
    assert bench.site.feed.position().epoch == "f2"


@pytest.mark.parametrize(
    "item",
    [
        {"kind": "unheard", "device": "wall-1"},
        {"kind": "desired", "device": "WALL", "doc": "config", "version": 1, "base": 0, "payloads": ["QQ=="]},
        {"kind": "desired", "device": "gw", "doc": "config", "version": 1, "base": 0, "payloads": ["QQ=="]},
        {
            "kind": "desired",
            "device": "wall-1",
            "doc": "other",
            "version": 1,
            "base": 0,
            "payloads": ["QQ=="],
        },
        {
            "kind": "desired",
            "device": "wall-1",
            "doc": "config",
            "version": True,
            "base": 0,
            "payloads": ["QQ=="],
        },
        {"kind": "desired", "device": "wall-1", "doc": "config", "version": 1, "base": 0, "payloads": ["?"]},
        {"kind": "command", "device": "wall-1", "id": "", "boot": 1, "not_after_ms": 1, "payload": "QQ=="},
        {
            "kind": "command",
            "device": "wall-1",
            "id": "a",
            "boot": 1,
            "not_after_ms": 1,
            "payload": "A" * 4000,
        },
    ],
)
def test_an_item_that_cant_be_read_is_passed_over_and_counted(bench: Bench, item: dict[str, Any]) -> None:
    bench.apply([], snapshot=True)
    bench.hello()
    bench.apply([item, command("b")])
    assert bench.said("cmd") == [b"b"]
    assert bench.counts() == {("gw", "feed"): 1}
    assert bench.site.feed.position().cursor == 2


def test_a_revoked_device_is_lost_and_its_documents_go(bench: Bench) -> None:
    bench.apply([], snapshot=True)
    bench.hello()
    desired = {"kind": "desired", "device": "wall-1", "doc": "config", "version": 1, "base": 0}
    bench.apply([{**desired, "payloads": [payload("C")]}, {"kind": "revoke", "device": "wall-1"}])
    assert bench.effects.revoked == ["wall-1"]
    assert bench.site.revoked() == ["wall-1"]
    assert bench.site.roster.online(bench.now) == []
    assert bench.site.documents.chain("wall-1", "config") == ()
    assert [row["s"] for row in bench.kinds("presence")] == ["online", "lost"]


def test_old_readings_are_backfill_whatever_the_clocks_say(bench: Bench) -> None:
    bench.hello(uptime=1_000_000)
    bench.hear("up", reading(1, u=500_000, t=0))
    bench.hear("up", reading(2, u=999_000, t=0))
    bench.trust()
    bench.hear("up", reading(3, b=1, u=1_000_000, t=bench.now.unix_s))
    bench.hello(boot=2, uptime=1)
    bench.hear("up", reading(4, b=1, u=1_000_000, t=bench.now.unix_s - 10))
    bench.hear("up", reading(5, b=1, u=1_000_000, t=bench.now.unix_s - 1_000))
    assert [row["n"] for row in bench.rows(Lane.LIVE)] == [2, 3, 4]
    assert [row["n"] for row in bench.rows(Lane.BACKFILL)] == [1, 5]


def test_live_readings_that_waited_become_backfill_unless_they_were_sent(bench: Bench) -> None:
    bench.hello(uptime=1_000_000)
    for number in range(1, 6):
        bench.hear("up", reading(number, u=1_000_000))
    _, sent = bench.site.batch(Lane.LIVE, 2, bench.now)
    bench.wait(lanes.FRESH_MS + 1)
    _, again = bench.site.batch(Lane.LIVE, 10, bench.now)
    assert [row.seq for row in sent] == [row.seq for row in again] == [1, 2], (
        "a number given is never another record"
    )
    assert [row["n"] for row in bench.rows(Lane.BACKFILL)] == [3, 4, 5]


@pytest.mark.fault("S11")
def test_what_the_server_has_is_kept_seven_days(bench: Bench) -> None:
    for number in range(1, 4):
        bench.hear("up", door(number))
    bench.site.batch(Lane.EVENTS, 2, bench.now)
    bench.site.acknowledged(Lane.EVENTS, 2, bench.now)
    bench.site.settle(bench.now)
    bench.tick()
    bench.wait(lanes.KEEP_MS)
    bench.tick()
    assert len(bench.rows()) == 3
    bench.wait(600_000)
    bench.tick()
    assert [row["n"] for row in bench.rows() if row["k"] == "door"] == [3]


def test_a_server_that_claims_more_than_it_was_sent_is_met_with_a_new_stream(bench: Bench) -> None:
    """This store was restored: its numbers would mean other records."""
    for number in range(1, 4):
        bench.hear("up", door(number))
    before, _ = bench.site.batch(Lane.EVENTS, 10, bench.now)
    bench.site.acknowledged(Lane.EVENTS, 900, bench.now)
    after, rows = bench.site.batch(Lane.EVENTS, 10, bench.now)
    assert before != after
    assert [(row.seq, json.loads(row.record)["n"]) for row in rows] == [(1, 1), (2, 2), (3, 3)]


def test_a_record_the_server_cant_take_leaves_a_note_under_its_number(bench: Bench) -> None:
    bench.hear("up", door(1))
    _, (row,) = bench.site.batch(Lane.EVENTS, 1, bench.now)
    bench.site.unacceptable(Lane.EVENTS, row, "toolarge", bench.now)
    _, (note,) = bench.site.batch(Lane.EVENTS, 1, bench.now)
    assert (note.seq, note.device, json.loads(note.record)["r"]) == (1, "gw", "toolarge")
    kept = bench.database.execute("SELECT device, reason, payload FROM aside").fetchall()
    assert kept == [("wall-1", "toolarge", row.record.encode())]
    bench.site.unacceptable(Lane.EVENTS, note, "fault", bench.now)
    assert bench.site.batch(Lane.EVENTS, 1, bench.now)[1] == [note], "a note that is refused proves nothing"
    assert bench.database.execute("SELECT count(*) FROM aside").fetchone() == (1,)


def test_readings_the_server_cant_take_leave_a_gap_under_their_number(bench: Bench) -> None:
    bench.hello()
    bench.hear("up", reading(1))
    _, (row,) = bench.site.batch(Lane.LIVE, 1, bench.now)
    bench.site.unacceptable(Lane.LIVE, row, "fault", bench.now)
    _, (gap,) = bench.site.batch(Lane.LIVE, 1, bench.now)
    record = json.loads(gap.record)
    records.check(record)
    assert (gap.seq, gap.device, record["k"], record["f"], record["n"]) == (1, "wall-1", "gap", 1, 1)


def test_health_that_waits_is_bounded_and_the_newest_is_kept(bench: Bench) -> None:
    for number in range(lanes.MAX_HEALTH + 10):
        lanes.add(bench.database, Lane.HEALTH, "gw", number, {"n": number})
        lanes.drop_old_health(bench.database)
    kept = [row["n"] for row in bench.rows(Lane.HEALTH)]
    assert kept == list(range(10, lanes.MAX_HEALTH + 10))


def test_journal_epochs_of_a_device_are_bounded(bench: Bench) -> None:
    for number in range(MAX_EPOCHS + 5):
        bench.wait(1_000)
        bench.hear("up", door(1, e=f"{number:08x}"))
    (kept,) = bench.database.execute("SELECT count(DISTINCT epoch) FROM cursor").fetchone()
    assert kept == MAX_EPOCHS
    assert len(bench.rows()) == MAX_EPOCHS + 5


def test_a_new_journal_epoch_begins_at_one_and_counts_its_boots_anew(bench: Bench) -> None:
    bench.hello(boot=40)
    bench.hear("up", door(1, b=40))
    bench.hello(boot=1, uptime=100, epoch="ffffffff")
    bench.hear("up", door(1, e="ffffffff"))
    assert [(row["e"], row["n"]) for row in bench.kinds("door")] == [(EPOCH, 1), ("ffffffff", 1)]
    assert bench.site.roster.online(bench.now) == [("wall-1", 1, 6_000)]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
keys = [
    "v",
    "e",
    "l",
    "b",
    "n",
    "u",
    "t",
    "q",
    "k",
    "f",
    "r",
    "ev",
    "rd",
    "cfg",
    "gr",
    "dg",
    "cc",
    "s",
    "z",
    "ver",
    "ok",
    "d",
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["up", "state", "desc"]),
    st.one_of(
        st.binary(max_size=300),
        st.dictionaries(st.sampled_from(keys), anything).map(lambda d: json.dumps({**door(1), **d}).encode()),
        st.dictionaries(st.sampled_from(keys), anything).map(lambda d: json.dumps({"v": 1, **d}).encode()),
        st.tuples(
            st.sampled_from([{"k": "hello"}, {"k": "gap"}, {"k": "applied"}, {"s": "online"}]),
            st.dictionaries(st.sampled_from(keys), st.integers(-2, 5) | anything),
        ).map(lambda pair: json.dumps({**door(1), **pair[1], **pair[0], "v": 1}).encode()),
    ),
)
@pytest.mark.fault("F43")
def test_no_message_stops_the_intake(leaf: str, content: bytes) -> None:
    bench = Bench()
    bench.hear(leaf, content)
    bench.hear("up", door(1, e="12345678"))
    assert any(
        json.loads(each)["n"] == 1 for each in bench.said("ack") if json.loads(each)["e"] == "12345678"
    )
    bench.database.close()
