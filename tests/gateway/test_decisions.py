"""The small decisions, one by one: cursors, quotas, presence, uptime, clock, documents, commands, back-off,
pace.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.contract import records
from gateway.backoff import Backoff
from gateway.clock import NEVER_BEFORE_S, SiteClock
from gateway.commands import LATE, OFFLINE, Command, obstacle
from gateway.cursor import PATIENCE_MS, REPEATS, Cursor, Hole, Verdict, judge
from gateway.desired import Step, extended, fits, missing
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.pace import BACKFILL_LARGEST, LARGEST, Pace
from gateway.presence import LOST, OFF, ONLINE, Heard, Presence, after, hear
from gateway.quota import Quotas, Rate
from gateway.suspicion import TRIES, Suspicion
from gateway.tally import MAX_KEYS, OTHERS, Tally


@pytest.mark.parametrize(
    ("seq", "first", "last", "verdict"),
    [
        (0, 1, 1, Verdict.NEXT),
        (0, 2, 2, Verdict.HOLE),
        (5, 5, 5, Verdict.DUPLICATE),
        (5, 6, 6, Verdict.NEXT),
        (5, 7, 7, Verdict.HOLE),
        (5, 1, 5, Verdict.DUPLICATE),
        (5, 3, 9, Verdict.NEXT),
        (5, 6, 9, Verdict.NEXT),
        (5, 7, 9, Verdict.HOLE),
    ],
)
def test_a_record_continues_repeats_or_leaves_a_hole(
    seq: int, first: int, last: int, verdict: Verdict
) -> None:
    """R-43, R-45."""
    assert judge(Cursor(1, seq), first, last) is verdict


def test_a_hole_is_given_up_only_after_repeats_from_the_same_number() -> None:
    hole = Hole(0)
    for at in range(REPEATS):
        assert hole.seen(7, at * 5_000) is None
        assert hole.seen(8, at * 5_000) is None
    assert hole.seen(7, PATIENCE_MS - 1) is None
    assert hole.seen(6, PATIENCE_MS) is None, "something older came: begin again"
    for at in range(REPEATS):
        assert hole.seen(6, PATIENCE_MS + at) is None
    assert hole.seen(6, 2 * PATIENCE_MS) == 6


@given(st.lists(st.integers(0, 3_000), max_size=300))
def test_a_quota_never_lets_through_more_than_its_rate(pauses: list[int]) -> None:
    quotas = Quotas(Rate(10, 20), Rate(1, 50))
    now, admitted = 0, 0
    for pause in pauses:
        now += pause
        admitted += quotas.admits("wall-1", 0, now)
        assert admitted <= 20 + 10 * now / 1000
        assert admitted <= 50 + 1 * now / 1000
    assert quotas.admits("wall-2", 0, now), "another device is not concerned"
    assert quotas.admits("wall-1", 1, now), "nor another lane"


def test_an_obedient_device_with_a_long_backlog_meets_no_quota() -> None:
    """32 records a group commit of 50 ms, for a backlog of ten days of minutes."""
    quotas = Quotas()
    assert all(quotas.admits("wall-1", 1, number // 32 * 50) for number in range(14_400))


def test_a_clock_that_steps_back_refills_nothing() -> None:
    quotas = Quotas(Rate(1, 1), Rate(1, 1))
    assert quotas.admits("wall-1", 0, 1_000)
    assert not quotas.admits("wall-1", 0, 0)
    assert not quotas.admits("wall-1", 0, 1_500)
    assert quotas.admits("wall-1", 0, 2_500)


@pytest.mark.parametrize(
    ("known", "said", "expected"),
    [
        (None, (LOST, 3, 1), (LOST, 3, 1)),
        ((ONLINE, 3, 2), (LOST, 3, 1), (ONLINE, 3, 2)),
        ((ONLINE, 3, 2), (LOST, 2, 9), (ONLINE, 3, 2)),
        ((ONLINE, 3, 2), (LOST, 3, 2), (LOST, 3, 2)),
        ((ONLINE, 3, 2), (OFF, 3, 2), (OFF, 3, 2)),
        ((ONLINE, 3, 2), (LOST, 4, 1), (LOST, 4, 1)),
        ((LOST, 3, 2), (ONLINE, 3, 3), (ONLINE, 3, 3)),
        ((LOST, 9, 2), (ONLINE, 1, 1), (ONLINE, 1, 1)),
    ],
)
def test_a_late_will_of_an_older_session_is_ignored(
    known: tuple[str, int, int] | None, said: tuple[str, int, int], expected: tuple[str, int, int]
) -> None:
    """R-47."""
    assert after(Presence(*known) if known else None, Presence(*said)) == Presence(*expected)


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 60_000)), min_size=1, max_size=50))
def test_the_uptime_we_reckon_with_is_never_above_the_true_one(heard: list[tuple[int, int]]) -> None:
    """Records tell the uptime of their making, some while ago; the device's clock started at our 5000."""
    known: Heard | None = None
    now = 0
    for pause, age in heard:
        now += pause
        true = now + 5_000
        known = hear(known, 1, max(0, true - age), now)
        assert known.uptime_ms(now) <= true
    assert known is not None
    assert hear(known, 1, now + 5_000, now).uptime_ms(now) == now + 5_000
    assert hear(known, 2, 7, now) == Heard(2, 7 - now)
    assert hear(Heard(2, 0), 1, 10**9, now) == Heard(2, 0)


def clock() -> SiteClock:
    epochs = iter(f"{number:08x}" for number in range(100))
    return SiteClock(lambda: next(epochs))


START = Moment((NEVER_BEFORE_S + 1_000_000) * 1000, 50_000)


def later(milliseconds: int, step: int = 0) -> Moment:
    return Moment(START.wall_ms + milliseconds + step, START.mono_ms + milliseconds)


def test_a_clock_is_trusted_when_the_server_agrees_until_it_steps() -> None:
    """R-49, R-70."""
    site = clock()
    site.look(START, False)
    assert site.message(START) == {"v": 1, "t": START.unix_s, "q": records.UNKNOWN, "e": "00000000"}
    site.hear(later(100).wall_ms, START, later(200))
    site.look(later(1_000), False)
    assert site.message(later(1_000))["q"] == records.DISCIPLINED
    site.look(later(2_000, step=-1_209_600_000), False)
    assert not site.trusted(later(2_000, step=-1_209_600_000))
    assert site.epoch == "00000001"


def test_a_disagreeing_server_shakes_the_trust_and_the_kernel_restores_it() -> None:
    site = clock()
    site.look(START, False)
    site.hear(START.wall_ms + 10_000, START, later(100))
    assert not site.trusted(later(100))
    site.look(later(200), True)
    assert site.trusted(later(200))


def test_a_clock_of_1970_is_never_trusted() -> None:
    site = clock()
    early = Moment(1_000, 1_000)
    site.look(early, True)
    assert not site.trusted(early)


def test_a_slow_answer_says_less_of_the_clocks() -> None:
    site = clock()
    site.look(START, False)
    site.hear(later(15_000).wall_ms - 9_000, START, later(20_000))
    assert site.trusted(later(20_000)), "within half the round trip"


CHAIN = (Step(10, 0, (b"a",)), Step(11, 10, (b"b",)), Step(14, 11, (b"c",)))


@pytest.mark.parametrize(
    ("held", "refused", "expected"),
    [
        (14, False, ()),
        (20, False, ()),
        (11, False, CHAIN[2:]),
        (10, False, CHAIN[1:]),
        (12, False, None),
        (9, False, CHAIN),
        (0, False, CHAIN),
        (-1, False, CHAIN),
        (9, True, CHAIN),
        (11, True, None),
        (14, True, None),
    ],
)
def test_a_device_gets_what_it_lacks(held: int, refused: bool, expected: tuple[Step, ...] | None) -> None:
    """R-33, R-46: from the held version on, else from the snapshot, else a newer snapshot is needed."""
    assert missing(CHAIN, held, refused) == expected
    assert missing((), held, refused) == ()


def test_a_chain_begins_with_a_snapshot_and_has_no_hole() -> None:
    assert not fits((), Step(2, 1, (b"x",)))
    assert not fits(CHAIN, Step(16, 15, (b"x",)))
    assert fits(CHAIN, Step(15, 14, (b"x",)))
    assert extended(CHAIN, Step(20, 0, (b"x",))) == (Step(20, 0, (b"x",)),)


COMMAND = Command("a" * 16, "wall-1", 3, 100_000, b"sealed")


@pytest.mark.parametrize(
    ("presence", "heard", "expected"),
    [
        (None, Heard(3, 0), OFFLINE),
        (Presence(LOST, 3, 1), Heard(3, 0), OFFLINE),
        (Presence(ONLINE, 4, 1), Heard(4, 0), OFFLINE),
        (Presence(ONLINE, 3, 1), None, OFFLINE),
        (Presence(ONLINE, 3, 1), Heard(2, 0), OFFLINE),
        (Presence(ONLINE, 3, 1), Heard(3, 0), LATE),
        (Presence(ONLINE, 3, 1), Heard(3, -1), None),
    ],
)
def test_a_command_goes_only_to_its_own_boot_in_time(
    presence: Presence | None, heard: Heard | None, expected: str | None
) -> None:
    """R-50, R-54: uptime is 100 s when `ahead` is 0."""
    assert obstacle(COMMAND, presence, heard, 100_000) == expected


@given(st.lists(st.floats(0, 0.999), min_size=1, max_size=40))
def test_pauses_grow_to_their_cap_and_are_never_nothing(dice: list[float]) -> None:
    rolls = iter(dice)
    backoff = Backoff(lambda: next(rolls), first_s=1.0, cap_s=60.0, stable_s=30.0)
    for number, _ in enumerate(dice):
        full = min(60.0, 2.0**number)
        assert full * 0.1 <= backoff.bad() <= full


def test_only_a_stable_link_forgets_its_failures() -> None:
    backoff = Backoff(lambda: 1.0, first_s=1.0, cap_s=60.0, stable_s=30.0)
    assert [backoff.bad() for _ in range(3)] == [1.0, 2.0, 4.0]
    backoff.good(100.0)
    assert backoff.bad() == 8.0
    backoff.good(200.0)
    backoff.good(229.0)
    assert backoff.bad() == 16.0
    backoff.good(300.0)
    backoff.good(330.0)
    assert backoff.bad() == 1.0


def test_the_pace_obeys_the_server_halves_and_recovers() -> None:
    pace = Pace()
    assert pace.due(0.0) == [Lane.EVENTS, Lane.LIVE, Lane.HEALTH, Lane.BACKFILL]
    assert pace.limit(Lane.BACKFILL) == BACKFILL_LARGEST
    pace.wished(Lane.EVENTS, 100, 250, 0.0)
    assert pace.limit(Lane.EVENTS) == 100
    assert Lane.EVENTS not in pace.due(0.2)
    assert Lane.EVENTS in pace.due(0.25)
    while pace.halve(Lane.LIVE):
        assert pace.limit(Lane.LIVE) >= 1
    for _ in range(40):
        pace.wished(Lane.LIVE, None, 0, 0.0)
    assert pace.limit(Lane.LIVE) == LARGEST
    pace.pause(5.0, 0.0)
    assert pace.due(4.9) == []
    assert pace.wait_s(0.0, 10.0) == 5.0
    assert pace.wait_s(6.0, 10.0) == 10.0, "nothing is paused: no reason to look soon"
    pace.hurry()
    assert pace.due(4.9) == [], "the server said when"
    pace.pause(5.0, 0.0, until_reached=True)
    pace.hurry()
    assert Lane.HEALTH in pace.due(0.0)


def test_counts_are_bounded_whatever_names_come() -> None:
    tally = Tally()
    for number in range(MAX_KEYS + 50):
        tally.add(f"device-{number}", "json")
        tally.refuse(f"device-{number}", "quota", number, 0)
    counts = tally.drain()
    assert len(counts) <= MAX_KEYS + 2
    assert sum(count for (_, reason, _), count in counts.items() if reason == "json") == MAX_KEYS + 50
    assert counts[OTHERS, "json", None] > 0
    assert tally.drain() == {}
    assert tally.totals() == {"json": MAX_KEYS + 50, "quota": MAX_KEYS + 50}
    assert tally.refused_since("device-3", 3)
    assert not tally.refused_since("device-3", 4)
    assert not tally.refused_since("device-unknown", 0)


def test_a_record_is_suspected_only_after_equal_failures_of_equal_rows() -> None:
    suspicion = Suspicion()
    asked = [suspicion.failed(Lane.LIVE, 7, 100) for _ in range(TRIES)]
    assert asked == [False] * (TRIES - 1) + [True]
    suspicion.guilty(Lane.LIVE, 100)
    assert suspicion.failed(Lane.LIVE, 7, 50), "a lane found guilty is halved at once"
    suspicion.guilty(Lane.LIVE, 50)
    assert [suspicion.failed(Lane.LIVE, 7, 1) for _ in range(TRIES)] == asked, (
        "the last row has all its tries"
    )
    suspicion.guilty(Lane.LIVE, 1)
    assert not suspicion.failed(Lane.LIVE, 8, 100)


def test_a_server_that_fails_at_everything_puts_no_record_under_suspicion() -> None:
    suspicion = Suspicion()
    for _ in range(50):
        if suspicion.failed(Lane.EVENTS, 1, 100):
            suspicion.innocent()
        assert not suspicion.failed(Lane.LIVE, 1, 100), "another lane in between: not the same rows again"
