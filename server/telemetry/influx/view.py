"""Charts from InfluxDB where it holds all that the ledger holds, else from the SQL views: never an old chart,
never a page that waits long."""

import logging

from sqlalchemy.orm import Session

from server.foundation.clock import Clock
from server.foundation.settings import Settings
from server.lockers.models import Controller, Zone
from server.telemetry.influx import slices
from server.telemetry.influx.client import READ_MS, Influx, TroubleError
from server.telemetry.influx.feeder import NAME, is_level
from server.telemetry.influx.line import DAY_S, Mark
from server.telemetry.influx.reading import Series
from server.telemetry.models import OuterView
from server.telemetry.series import Point
from server.telemetry.sqlview import SqlView
from server.telemetry.store import State, Step, TelemetryView, ViewStatus

log = logging.getLogger(__name__)

READ_BACK_S = {Step.MINUTE: 31 * DAY_S, Step.HOUR: 366 * DAY_S, Step.DAY: 20 * 366 * DAY_S}
"""Older periods are read from the SQL views, whatever a bucket still keeps."""
PAUSE_MS = 30_000
"""After a read that failed, so long no other one is tried: one page has waited, the next ones must not."""


class InfluxView:
    """`server.telemetry.store.TelemetryView` over InfluxDB alone: raises TroubleError."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._influx = Influx(settings, READ_MS)

    def close(self) -> None:
        """Closes the connection."""
        self._influx.close()

    def points(self, session: Session, zone: Zone, step: Step, since: int, until: int) -> list[Point]:
        """Every probe's periods that begin in [since, until)."""
        return self._series(session).points(_site(session, zone), zone, step, since, until)

    def latest(self, session: Session, zone: Zone) -> list[Point]:
        """The newest period of a zone, all its probes."""
        now = self._now()
        newest = self._series(session).newest(
            _site(session, zone), zone, now - READ_BACK_S[Step.MINUTE], now + DAY_S
        )
        return [] if newest is None else self.points(session, zone, Step.MINUTE, newest, newest + 1)

    def status(self, session: Session) -> ViewStatus:
        """As whoever feeds it last wrote it down, and how many records it lacks now."""
        row = session.get(OuterView, NAME, populate_existing=True)
        lag = slices.lag(session, NAME)
        if row is None:
            return ViewStatus(NAME, State.REBUILDING, lag)
        state = State(row.state)
        if state in (State.LEVEL, State.BEHIND):
            state = State.BEHIND if lag else State.LEVEL
        return ViewStatus(NAME, state, lag, row.error, row.failing_since, row.caught_up_at)

    def _series(self, session: Session) -> Series:
        row = session.get(OuterView, NAME)
        mark = Mark(row.generation, row.marks) if row is not None else Mark("", 0)
        return Series(self._influx, self._settings, mark, self._now())

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


class FollowingView:
    """`TelemetryView` for pages: InfluxDB where it is level with the ledger and answers, else SQL."""

    def __init__(self, outer: TelemetryView, clock: Clock) -> None:
        self._outer = outer
        self._clock = clock
        self._sql = SqlView()
        self._not_before_ms: int | None = None

    def points(self, session: Session, zone: Zone, step: Step, since: int, until: int) -> list[Point]:
        """Every probe's periods that begin in [since, until)."""
        oldest = int(self._clock.now().timestamp()) - READ_BACK_S[step]
        if since >= oldest and self._may_ask(session, zone):
            try:
                return self._outer.points(session, zone, step, since, until)
            except TroubleError as trouble:
                self._pause(trouble)
        return self._sql.points(session, zone, step, since, until)

    def latest(self, session: Session, zone: Zone) -> list[Point]:
        """The newest period of a zone, all its probes."""
        if self._may_ask(session, zone):
            try:
                return self._outer.latest(session, zone)
            except TroubleError as trouble:
                self._pause(trouble)
        return self._sql.latest(session, zone)

    def status(self, session: Session) -> ViewStatus:
        """How InfluxDB fares; during a rebuild of the SQL views, how far they are."""
        sql = self._sql.status(session)
        return sql if sql.state is not State.LEVEL else self._outer.status(session)

    def _may_ask(self, session: Session, zone: Zone) -> bool:
        if self._not_before_ms is not None and self._clock.monotonic_ms() < self._not_before_ms:
            return False
        return is_level(session, zone.controller_id)

    def _pause(self, trouble: TroubleError) -> None:
        self._not_before_ms = self._clock.monotonic_ms() + PAUSE_MS
        log.warning("InfluxDB is %s (%s): charts are drawn from SQL", trouble.state, trouble)


def _site(session: Session, zone: Zone) -> str:
    return session.get_one(Controller, zone.controller_id).site_id
