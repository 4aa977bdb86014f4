"""What devices say to the core, and what comes of it: numbers, gaps, what is put aside, presence."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.contract import records
from gateway.cursor import PATIENCE_MS, REPEATS
from gateway.intake import MAX_ASIDE, MAX_EPOCHS
from gateway.lanes import Lane
from gateway.site import Site
from gateway.tally import Tally
from tests.gateway.site_bench import EPOCH, SITE, Bench, door, numbered, reading


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
