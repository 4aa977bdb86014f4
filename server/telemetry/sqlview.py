"""The view that is always there: rows by minute, hour and day in our own database."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.lockers.models import Zone
from server.telemetry import rebuilding
from server.telemetry.models import POINT, Reading, ReadingDay, ReadingHour
from server.telemetry.series import Point
from server.telemetry.store import State, Step, ViewStatus

LENGTH_S = {Step.HOUR: 3600, Step.DAY: 86_400}


def summed(at: int, length: int, probe: int, low: int, high: int, weighted: int, seconds: int) -> Point:
    """A row of a roll-up as a period."""
    return Point(at, length, probe, low, round(weighted / seconds), high, 1, 0)


class SqlView:
    """`server.telemetry.store.TelemetryView` over the SQL roll-ups."""

    def points(self, session: Session, zone: Zone, step: Step, since: int, until: int) -> list[Point]:
        """Every probe's periods that begin in [since, until)."""
        if step is Step.MINUTE:
            return [
                Point(*row)
                for row in session.execute(
                    select(*POINT)
                    .where(Reading.zone_id == zone.id, Reading.at >= since, Reading.at < until)
                    .order_by(Reading.at, Reading.probe)
                )
            ]
        table, start = (ReadingHour, ReadingHour.hour) if step is Step.HOUR else (ReadingDay, ReadingDay.day)
        length = LENGTH_S[step]
        return [
            summed(at, length, probe, low, high, weighted, seconds)
            for at, probe, low, high, weighted, seconds in session.execute(
                select(start, table.probe, table.low, table.high, table.weighted, table.seconds)
                .where(table.zone_id == zone.id, start >= since, start < until)
                .order_by(start, table.probe)
            )
        ]

    def latest(self, session: Session, zone: Zone) -> list[Point]:
        """The newest period of a zone, all its probes."""
        newest = session.scalar(
            select(Reading.at).where(Reading.zone_id == zone.id).order_by(Reading.at.desc()).limit(1)
        )
        return [] if newest is None else self.points(session, zone, Step.MINUTE, newest, newest + 1)

    def status(self, session: Session) -> ViewStatus:
        """Level with the ledger, but during a rebuild."""
        far = rebuilding.progress(session)
        state = State.LEVEL if far.shown == far.records else State.REBUILDING
        return ViewStatus("sql", state, far.records - far.shown)
