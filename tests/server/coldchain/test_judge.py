"""The judge of one zone, on event time: what is found and what is not; late minutes change nothing."""

from hypothesis import given
from hypothesis import strategies as st

from server.coldchain.judge import (
    DEFROST,
    DOOR,
    NODATA,
    OK,
    PROBE,
    TEMPERATURE,
    Finding,
    Limits,
    Watch,
    expected_rise,
    judge,
    silence,
    state_of,
)
from server.telemetry.series import Point

LIMITS = Limits(low=-100, high=400, alert=400, delay_s=1800, silence_s=600, ajar_s=120)
START = 1_790_000_000


def minute(at: int, *means: int | None, length: int = 60) -> list[Point]:
    return [
        Point(START + at, length, probe, mean - 10, mean, mean + 10, 12, 0)
        if mean is not None
        else Point(START + at, length, probe, 0, 0, 0, 0, 1)
        for probe, mean in enumerate(means)
    ]


def run(steps: list[list[Point]], watch: Watch | None = None) -> tuple[Watch, list[Finding]]:
    watch = watch or Watch()
    found: list[Finding] = []
    for points in steps:
        watch, more = judge(watch, points, LIMITS)
        found += more
    return watch, found


def words(found: list[Finding]) -> list[tuple[str, bool]]:
    return [(finding.what, finding.begins) for finding in found]


def test_warm_is_found_at_once_and_a_breach_after_the_delay_with_its_true_start() -> None:
    watch, found = run([minute(60 * step, 450, 200) for step in range(30)])
    assert words(found) == [("warm", True), ("breach", True)]
    assert found[1].at == START
    assert watch.degree_seconds == 50 * 1800
    assert state_of(watch, LIMITS, START + 1800) == TEMPERATURE


def test_one_minute_less_than_the_delay_is_no_breach() -> None:
    _, found = run([minute(60 * step, 450, 200) for step in range(29)])
    assert words(found) == [("warm", True)]


def test_a_minute_back_under_the_limit_starts_the_clock_again() -> None:
    hot = [minute(60 * step, 450) for step in range(29)]
    back = [minute(60 * 29, 390)]
    again = [minute(60 * step, 450) for step in range(30, 59)]
    _, found = run(hot + back + again)
    assert ("breach", True) not in words(found)


def test_a_breach_ends_when_the_temperature_is_back_and_keeps_its_peak() -> None:
    steps = [minute(60 * step, 450) for step in range(30)] + [minute(1800, 700), minute(1860, 300)]
    watch, found = run(steps)
    assert (found[-1].what, found[-1].begins, found[-1].value) == ("breach", False, 700)
    assert watch.breach_since == 0


def test_too_cold_is_a_breach_too_but_a_freezer_has_no_lower_limit() -> None:
    _, found = run([minute(60 * step, -250) for step in range(30)])
    assert ("breach", True) in words(found)
    freezer = Limits(-30000, -1800, -1800, 1800, 600, 120)
    watch = Watch()
    for step in range(40):
        watch, more = judge(watch, minute(60 * step, -2900), freezer)
        assert more == ()


def test_calm_again_only_below_the_deadband() -> None:
    _, found = run([minute(0, 410), minute(60, 390), minute(120, 401), minute(180, 360)])
    assert words(found) == [("warm", True), ("warm", False)]
    assert found[1].at == START + 240


def test_one_probe_ill_the_other_still_judges() -> None:
    steps = [minute(0, 200, 210)] + [minute(60 * step, None, 450) for step in range(1, 31)]
    watch, found = run(steps)
    assert words(found) == [("probe", True), ("warm", True), ("breach", True)]
    assert found[0].probe == 0
    assert watch.faulty == (0,)


def test_both_silent_is_no_data_after_the_silence_and_not_before() -> None:
    watch, found = run([minute(0, 200, 200)] + [minute(60 * step, None, None) for step in range(1, 10)])
    assert ("nodata", True) not in words(found)
    watch, more = judge(watch, minute(600, None, None), LIMITS)
    assert ("nodata", True) in words(list(more))
    assert state_of(watch, LIMITS, START + 660) == NODATA
    watch, more = judge(watch, minute(660, 210, None), LIMITS)
    assert ("nodata", False) in words(list(more))


def test_blind_from_the_first_minute_is_no_data_too() -> None:
    watch, found = run([minute(at * 60, None, None) for at in range(10)])
    assert words(found) == [("probe", True), ("probe", True), ("nodata", True)]
    assert found[-1].at == START
    watch, found = run([minute(600, 200, 200)], watch)
    assert ("nodata", False) in words(found)
    assert (watch.seen, watch.expected) == (START + 660, 0)


def test_silence_alone_is_no_data_once() -> None:
    watch, _ = run([minute(0, 200)])
    watch, found = silence(watch, START + 60 + 599, LIMITS)
    assert found == ()
    watch, found = silence(watch, START + 60 + 600, LIMITS)
    assert words(list(found)) == [("nodata", True)]
    assert silence(watch, START + 5000, LIMITS)[1] == ()
    assert silence(Watch(), START, LIMITS)[1] == ()


def test_a_hole_is_neither_good_nor_bad_minutes() -> None:
    before = [minute(60 * step, 450) for step in range(20)]
    after = [minute(1200 + 1200 + 60 * step, 450) for step in range(20)]
    _, found = run(before + after)
    assert words(found) == [("warm", True), ("nodata", True), ("nodata", False)]


def test_states_are_told_apart() -> None:
    calm, _ = run([minute(0, 200, 200)])
    now = START + 60
    assert state_of(calm, LIMITS, now) == OK
    assert state_of(calm, LIMITS, now, door_open_since=now - 120) == DOOR
    ill, _ = run([minute(0, 200, None)])
    assert state_of(ill, LIMITS, now) == PROBE
    warm, _ = run([minute(0, 450)])
    assert state_of(warm, LIMITS, now) == TEMPERATURE
    assert state_of(Watch(), LIMITS, now) == NODATA


def test_a_rise_in_the_learned_rhythm_is_a_defrost_and_one_out_of_it_is_not() -> None:
    period = 6 * 3600
    steps: list[list[Point]] = []
    for cycle in range(4):
        steps += [minute(cycle * period + 300 * step, 200, length=300) for step in range(period // 300 - 2)]
        steps += [minute((cycle + 1) * period - 600, 450, length=300)]
        steps += [minute((cycle + 1) * period - 300, 350, length=300)]
    watch, _ = run(steps)
    watch, found = judge(watch, minute(5 * period - 600, 450, length=300), LIMITS)
    assert words(list(found)) == [("nodata", True), ("nodata", False), ("warm", True)]
    assert state_of(watch, LIMITS, START + 5 * period - 300) == DEFROST
    assert not expected_rise(watch.rises, START + 5 * period + 4000)


minutes = st.lists(st.one_of(st.none(), st.integers(-500, 900)), min_size=1, max_size=60).map(
    lambda means: [minute(60 * step, mean) for step, mean in enumerate(means)]
)


@given(minutes, st.data())
def test_repeated_and_late_minutes_change_nothing(steps: list[list[Point]], data: st.DataObject) -> None:
    plain = run(steps)
    doubled: list[list[Point]] = []
    for at, step in enumerate(steps):
        doubled.append(step)
        good = [one for one in steps[: at + 1] if one[0].samples > 0]
        if good and step[0].samples > 0:
            doubled.append(data.draw(st.sampled_from(good)))
    assert run(doubled) == plain


@given(minutes)
def test_findings_alternate_and_no_minute_of_a_breach_lay_inside_the_limits(steps: list[list[Point]]) -> None:
    _, found = run(steps)
    state: dict[tuple[str, int], bool] = {}
    for finding in found:
        key = (finding.what, finding.probe)
        assert state.get(key, False) is not finding.begins
        state[key] = finding.begins
        if finding.what == "breach" and finding.begins:
            inside = [
                step[0]
                for step in steps
                if step[0].samples
                and finding.at <= step[0].at < finding.at + LIMITS.delay_s
                and LIMITS.low <= step[0].mean <= LIMITS.high
            ]
            assert inside == []
