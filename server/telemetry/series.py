"""Pure views of a zone's readings: what a chart, its table and its sentence are made of. Gaps are listed,
never bridged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """One probe over one period: hundredths of a degree Celsius. Without samples there is no temperature."""

    at: int
    """Start of the period, Unix s."""
    length: int
    probe: int
    low: int
    mean: int
    high: int
    samples: int
    health: int


@dataclass(frozen=True, slots=True)
class Gap:
    """An interval (Unix s) without a temperature, and why."""

    start: int
    end: int
    cause: str
    """`missing` (nothing arrived), `dropped` (the controller let them go), `reboot`, `probes` (no probe
    answered).
    """


@dataclass(frozen=True, slots=True)
class Span:
    """Zone-wide figures of one period: coldest, mean of the means, warmest of the probes that answered."""

    at: int
    length: int
    low: int
    mean: int
    high: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The sentence below a chart: extremes in hundredths, seconds out of range and seconds without data."""

    low: int | None
    high: int | None
    out_s: int
    gap_s: int


def points_of(record: dict[str, Any], zone_key: str) -> list[Point]:
    """The rows of a readings record that concern one zone; none if the device knew no time."""
    at, length = record["p0"], record["s"]
    return [Point(at, length, *row[1:]) for row in record["z"] if row[0] == zone_key] if at else []


def spans(points: Iterable[Point]) -> list[Span]:
    """Periods with at least one answering probe, in order of time."""
    periods: dict[int, list[Point]] = {}
    for point in points:
        if point.samples > 0:
            periods.setdefault(point.at, []).append(point)
    result = []
    for at in sorted(periods):
        rows = periods[at]
        result.append(
            Span(
                at,
                max(row.length for row in rows),
                min(row.low for row in rows),
                round(sum(row.mean for row in rows) / len(rows)),
                max(row.high for row in rows),
            )
        )
    return result


def runs(rows: Sequence[Span]) -> list[list[Span]]:
    """Spans grouped where one follows the other without a hole of more than half a period."""
    groups: list[list[Span]] = []
    for row in rows:
        if groups:
            before = groups[-1][-1]
            if row.at - (before.at + before.length) <= max(before.length, row.length) // 2:
                groups[-1].append(row)
                continue
        groups.append([row])
    return groups


def gaps(rows: Sequence[Span], since: int, until: int, known: Iterable[Gap] = ()) -> list[Gap]:
    """The holes between `since` and `until` (Unix s); a known gap that overlaps a hole lends it its cause."""
    reasons = sorted(known, key=lambda gap: gap.start)
    edges = [(since, since)]
    edges += [(group[0].at, group[-1].at + group[-1].length) for group in runs(rows)]
    edges.append((until, until))
    found = []
    for (_, end), (start, _) in pairwise(edges):
        slack = rows[0].length if rows else 0
        if start - end <= slack:
            continue
        cause = next((gap.cause for gap in reasons if gap.start < start and gap.end > end), "missing")
        found.append(Gap(end, start, cause))
    return found


def summary(rows: Sequence[Span], holes: Sequence[Gap], low: int | None, high: int | None) -> Summary:
    """Extremes and times; a period is out of range by its mean, for one opened door is not yet warm food."""
    out = sum(
        row.length
        for row in rows
        if (high is not None and row.mean > high) or (low is not None and row.mean < low)
    )
    return Summary(
        min((row.low for row in rows), default=None),
        max((row.high for row in rows), default=None),
        out,
        sum(gap.end - gap.start for gap in holes),
    )


def thin(rows: Sequence[Span], most: int) -> list[Span]:
    """At most about `most` spans for drawing, joined so that no extreme is lost and no gap is bridged."""
    if len(rows) <= most:
        return list(rows)
    step = -(-len(rows) // most)
    joined = []
    for group in runs(rows):
        for at in range(0, len(group), step):
            part = group[at : at + step]
            length = sum(row.length for row in part)
            joined.append(
                Span(
                    part[0].at,
                    part[-1].at + part[-1].length - part[0].at,
                    min(row.low for row in part),
                    round(sum(row.mean * row.length for row in part) / length),
                    max(row.high for row in part),
                )
            )
    return joined
