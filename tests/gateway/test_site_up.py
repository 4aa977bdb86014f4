"""What goes up through the core: live and backfill, what is kept, what the server can't take."""

import json

import pytest

from firmware.contract import records
from gateway import lanes
from gateway.lanes import Lane
from gateway.site import Site
from gateway.tally import Tally
from tests.gateway.site_bench import SITE, Bench, door, reading


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


@pytest.mark.fault("S11")
def test_a_gateway_that_restarts_more_often_than_it_prunes_keeps_no_more(bench: Bench) -> None:
    bench.hear("up", door(1))
    bench.site.batch(Lane.EVENTS, 1, bench.now)
    bench.site.acknowledged(Lane.EVENTS, 1, bench.now)
    bench.site.settle(bench.now)
    bench.wait(lanes.KEEP_MS + 1)
    bench.site = Site(SITE, bench.database, Tally(), "machine", lambda digits: "0" * digits)
    bench.tick()
    assert bench.rows() == []


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
