"""What charts and reports read: a zone's periods in a window, from minutes or, when long, from hours."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.lockers.models import Zone
from server.telemetry import chain
from server.telemetry.models import LedgerHead, LedgerRow, Reading, ReadingHour, TelemetryGap
from server.telemetry.series import Gap, Point, Span, gaps, spans

LONGEST_BY_MINUTE_S = 3 * 86400


def window(session: Session, zone: Zone, since: int, until: int) -> tuple[list[Span], list[Gap]]:
    """Spans and gaps of a zone between two Unix times; hours instead of minutes beyond three days."""
    if until - since > LONGEST_BY_MINUTE_S:
        hours = session.scalars(
            select(ReadingHour)
            .where(ReadingHour.zone_id == zone.id, ReadingHour.hour >= since, ReadingHour.hour < until)
            .order_by(ReadingHour.hour)
        )
        points = [
            Point(row.hour, 3600, row.probe, row.low, round(row.weighted / row.seconds), row.high, 1, 0)
            for row in hours
        ]
    else:
        points = minutes(session, zone, since, until)
    rows = spans(points)
    known = [
        Gap(gap.start, gap.end, gap.cause)
        for gap in session.scalars(
            select(TelemetryGap).where(
                TelemetryGap.controller_id == zone.controller_id,
                TelemetryGap.start < until,
                TelemetryGap.end > since,
            )
        )
    ]
    known += [Gap(point.at, point.at + point.length, "probes") for point in points if point.samples == 0]
    return rows, gaps(rows, since, until, known)


def minutes(session: Session, zone: Zone, since: int, until: int) -> list[Point]:
    """Every probe's periods in the window, also those without a temperature."""
    found = session.scalars(
        select(Reading)
        .where(Reading.zone_id == zone.id, Reading.at >= since, Reading.at < until)
        .order_by(Reading.at, Reading.probe)
    )
    return [
        Point(row.at, row.length_s, row.probe, row.low, row.mean, row.high, row.samples, row.health)
        for row in found
    ]


def latest(session: Session, zone: Zone) -> list[Point]:
    """The newest period of a zone, all its probes."""
    newest = session.scalar(
        select(Reading.at).where(Reading.zone_id == zone.id).order_by(Reading.at.desc()).limit(1)
    )
    return [] if newest is None else minutes(session, zone, newest, newest + 1)


def verify(session: Session, controller_id: str) -> str:
    """Empty if the ledger of a controller is whole; else a sentence saying where it breaks."""
    last: tuple[int, str] = (0, chain.GENESIS)

    def rows() -> Iterator[tuple[int, str, str]]:
        nonlocal last
        query = (
            select(LedgerRow.position, LedgerRow.body, LedgerRow.link)
            .where(LedgerRow.controller_id == controller_id)
            .order_by(LedgerRow.position)
            .execution_options(yield_per=500)
        )
        with session.execute(query) as found:  # a break leaves the rest unread
            for position, body, link in found:
                last = (position, link)
                yield position, body, link

    broken = chain.first_break(rows())
    if broken is not None:
        return f"the ledger of {controller_id} breaks at position {broken}"
    head = session.get(LedgerHead, controller_id)
    if head is not None and (head.position, head.link) != last:
        return f"the ledger of {controller_id} was cut after position {last[0]}"
    return ""
