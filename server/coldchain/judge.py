"""One zone judged on event time: (watch, minute, limits) → (watch, findings). Run live and again over the
history.

The controller decides blocks, also offline; this judge says on the server what the records show, so that a
lost event, a late record or a device of another make never hides a breach. Temperatures in hundredths of a
degree, times in Unix s.

* Over: the mean of the warmest answering probe is above the legal limit (or of the coldest below the lower
  one).
* Breach: over for the zone's delay without coming back under. A hole longer than the zone's silence ends
  the run: its minutes were neither good nor bad, the hole itself is the finding.
* The alert limit is apart from the legal one: above it the zone is warm, at once and without delay, and it
  is calm again only three tenths of a degree under it (OPC 10000-9 AlarmDeadband), never because data
  stopped.
* A rise that comes when the learned rhythm expects one is a defrost; recovered within an hour it alarms
  nobody (Danfoss A12, TRT252 d8 = 1 h), but the legal limit holds all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from server.telemetry.series import Point

DEADBAND = 30
"""Hundredths of a degree; the controller's own."""
DEFROST_RECOVERY_S = 3600
RHYTHM_TOLERANCE = 0.2
RISES_KEPT = 4
NO_LOWER_LIMIT = -30000

OK, TEMPERATURE, DOOR, DEFROST, PROBE, NODATA = "ok", "temperature", "door", "defrost", "probe", "nodata"
STATES = (OK, TEMPERATURE, DOOR, DEFROST, PROBE, NODATA)
"""Five distinct troubles, each with its own delay, text and recipient, and calm."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force; stored with each excursion, so that a later change never rewrites history."""

    low: int
    high: int
    alert: int
    delay_s: int
    silence_s: int
    ajar_s: int


@dataclass(frozen=True, slots=True)
class Watch:
    """What the judge remembers of a zone between two minutes."""

    seen: int = 0
    """End of the last minute with a temperature; 0: none yet."""
    expected: int = 0
    """Since when a first temperature is waited for; 0 once there was one."""
    latest: int = 0
    """Mean of the worst probe in that minute."""
    warm_since: int = 0
    over_since: int = 0
    peak: int = 0
    degree_seconds: int = 0
    """Hundredths of a degree times seconds beyond the limit in this run: how bad it was."""
    breach_since: int = 0
    faulty: tuple[int, ...] = ()
    """Probes that do not answer or lie."""
    silent: bool = False
    rises: tuple[int, ...] = field(default=())
    """Starts of the last rises above the alert limit: the rhythm of the defrosts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person may have to know: `what` began or ended at `at`, with the value that showed it."""

    what: str
    """`warm`, `breach`, `nodata`, `probe`."""
    begins: bool
    at: int
    value: int = 0
    probe: int = -1


def expected_rise(rises: Sequence[int], at: int) -> bool:
    """True if the last rises came in a steady rhythm and `at` fits it."""
    if len(rises) < 3:
        return False
    steps = [after - before for before, after in pairwise(rises)]
    period = sorted(steps)[len(steps) // 2]
    slack = period * RHYTHM_TOLERANCE
    return all(abs(step - period) <= slack for step in steps) and abs(at - rises[-1] - period) <= slack


def set_back(watch: Watch, now: int) -> Watch:
    """The watch after its clock was set back to `now`: what it remembers of a future that did not come would
    make it deaf to everything until then. A run that goes on is reckoned from `now` at the latest.
    """
    return replace(
        watch,
        seen=min(watch.seen, now),
        expected=min(watch.expected, now),
        warm_since=min(watch.warm_since, now),
        over_since=min(watch.over_since, now),
        breach_since=min(watch.breach_since, now),
        rises=tuple(rise for rise in watch.rises if rise <= now),
    )


def judge(watch: Watch, points: Sequence[Point], limits: Limits) -> tuple[Watch, tuple[Finding, ...]]:
    """The watch after one minute of a zone's probes, and what it found. Late or repeated minutes change
    nothing.
    """
    if not points:
        return watch, ()
    start = points[0].at
    end = start + points[0].length
    if end <= watch.seen:
        return watch, ()
    found: list[Finding] = []
    watch = _probes(watch, points, end, found)
    good = [point for point in points if point.samples > 0]
    if not good:
        if not watch.seen and not watch.expected:
            watch = replace(watch, expected=start)  # blind from its first minute on
        return silence(watch, end, limits, found)
    known = watch.seen or watch.expected
    hole = bool(known) and start - known > limits.silence_s
    if hole and not watch.silent:
        found.append(Finding("nodata", True, known))
    if hole or watch.silent:
        found.append(Finding("nodata", False, start))
    if hole:
        watch = replace(watch, over_since=0, peak=0, degree_seconds=0)
    worst = max(good, key=lambda point: max(point.mean - limits.high, limits.low - point.mean))
    watch = replace(watch, seen=end, expected=0, latest=worst.mean, silent=False)
    return _temperature(watch, worst.mean, start, end, limits, found)


def silence(
    watch: Watch, now: int, limits: Limits, found: list[Finding] | None = None
) -> tuple[Watch, tuple[Finding, ...]]:
    """The watch at `now` without a temperature since `watch.seen`, or since one is expected: after the zone's
    silence it is no data.
    """
    found = [] if found is None else found
    known = watch.seen or watch.expected
    if not watch.silent and known and now - known >= limits.silence_s:
        found.append(Finding("nodata", True, known))
        watch = replace(watch, silent=True)
    return watch, tuple(found)


def _probes(watch: Watch, points: Sequence[Point], end: int, found: list[Finding]) -> Watch:
    faulty = set(watch.faulty)
    for point in points:
        broken = point.health != 0 and point.samples == 0
        if broken and point.probe not in faulty:
            faulty.add(point.probe)
            found.append(Finding("probe", True, point.at, probe=point.probe))
        elif point.samples > 0 and point.health == 0 and point.probe in faulty:
            faulty.discard(point.probe)
            found.append(Finding("probe", False, end, probe=point.probe))
    now_faulty = tuple(sorted(faulty))
    return watch if now_faulty == watch.faulty else replace(watch, faulty=now_faulty)


def _temperature(
    watch: Watch, mean: int, start: int, end: int, limits: Limits, found: list[Finding]
) -> tuple[Watch, tuple[Finding, ...]]:
    beyond = max(mean - limits.high, limits.low - mean if limits.low > NO_LOWER_LIMIT else -1)
    if mean > limits.alert and not watch.warm_since:
        watch = replace(watch, warm_since=start, rises=(*watch.rises, start)[-RISES_KEPT:])
        found.append(Finding("warm", True, start, mean))
    elif watch.warm_since and mean <= limits.alert - DEADBAND:
        watch = replace(watch, warm_since=0)
        found.append(Finding("warm", False, end, mean))
    if beyond > 0:
        since = watch.over_since or start
        peak = mean if not watch.over_since else _worse(watch.peak, mean, limits)
        watch = replace(
            watch,
            over_since=since,
            peak=peak,
            degree_seconds=watch.degree_seconds + beyond * (end - start),
        )
        if not watch.breach_since and end - since >= limits.delay_s:
            watch = replace(watch, breach_since=since)
            found.append(Finding("breach", True, since, peak))
    else:
        if watch.breach_since:
            found.append(Finding("breach", False, start, watch.peak))
        if watch.over_since:
            watch = replace(watch, over_since=0, breach_since=0, peak=0, degree_seconds=0)
    return watch, tuple(found)


def _worse(one: int, other: int, limits: Limits) -> int:
    return max((one, other), key=lambda value: max(value - limits.high, limits.low - value))


def state_of(watch: Watch, limits: Limits, now: int, door_open_since: int = 0) -> str:
    """The one word for a zone, the most serious first: no data, temperature, door, defrost, probe, ok."""
    if watch.silent or not watch.seen or now - watch.seen >= limits.silence_s + limits.delay_s:
        return NODATA
    if watch.breach_since:
        return TEMPERATURE
    if door_open_since and now - door_open_since >= limits.ajar_s:
        return DOOR
    if watch.warm_since:
        recovering = now - watch.warm_since < DEFROST_RECOVERY_S
        return DEFROST if recovering and expected_rise(watch.rises[:-1], watch.warm_since) else TEMPERATURE
    return PROBE if watch.faulty else OK
