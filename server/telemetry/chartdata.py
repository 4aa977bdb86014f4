"""What charts and reports read: a zone's periods in a window, by minutes; a long one by hours or days."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.lockers.models import Zone
from server.telemetry import chain
from server.telemetry.models import LedgerHead, LedgerRow, Reading, ReadingHour, TelemetryGap
from server.telemetry.rollups import HOUR
from server.telemetry.series import Gap, Span, gaps, spans
from server.telemetry.store import Step, TelemetryView

LONGEST_BY_MINUTE_S = 3 * 86_400
LONGEST_BY_HOUR_S = 45 * 86_400


def step_for(length_s: int) -> Step:
    """How a window of this length is drawn: a day by minutes, a week by hours, a year by days."""
    if length_s <= LONGEST_BY_MINUTE_S:
        return Step.MINUTE
    return Step.HOUR if length_s <= LONGEST_BY_HOUR_S else Step.DAY


def window(
    session: Session, view: TelemetryView, zone: Zone, since: int, until: int
) -> tuple[list[Span], list[Gap]]:
    """Spans and gaps of a zone between two Unix times; hours beyond three days, or where the
    minutes have gone; days beyond six weeks."""
    step = step_for(until - since)
    if step is Step.MINUTE and _minutes_went(session, zone, since, until):
        step = Step.HOUR
    points = view.points(session, zone, step, since, until)
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


def _minutes_went(session: Session, zone: Zone, since: int, until: int) -> bool:
    """Whether a window begins before the oldest minute that is kept (`pruning`), where hours still tell."""
    oldest = session.scalar(
        select(Reading.at).where(Reading.zone_id == zone.id).order_by(Reading.at).limit(1)
    )
    if oldest is not None and oldest <= since:
        return False
    before = until if oldest is None else min(until, oldest - HOUR + 1)
    found = session.scalar(
        select(ReadingHour.hour)
        .where(ReadingHour.zone_id == zone.id, ReadingHour.hour >= since, ReadingHour.hour < before)
        .limit(1)
    )
    return found is not None


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
