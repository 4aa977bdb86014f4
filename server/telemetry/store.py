"""The port to the views of the ledger: what charts are drawn from, and how a view says that it is well."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy.orm import Session

from server.lockers.models import Zone
from server.telemetry.series import Point


class Step(StrEnum):
    """How long the periods of a series are: as the controller told them, an hour, a day of UTC."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class State(StrEnum):
    """How a view fares. In all but `level` charts are drawn from the SQL views; nothing is lost in any."""

    LEVEL = "level"
    """Everything in the ledger is in it."""
    BEHIND = "behind"
    """It follows, some seconds late."""
    REBUILDING = "rebuilding"
    """It is being made anew from the ledger: by command, or because it was found empty."""
    UNREACHABLE = "unreachable"
    """Nobody answers at its address."""
    SLOW = "slow"
    """It takes longer than is waited for."""
    FULL = "full"
    """It has no room left."""
    REFUSED = "refused"
    """It does not take the token."""
    MISSING = "missing"
    """A bucket or the organisation is not there, and the token may not make it."""
    FAULTY = "faulty"
    """It answers with a fault of another kind."""


TROUBLES = frozenset(State) - {State.LEVEL, State.BEHIND, State.REBUILDING}
"""States that somebody must see to, if they last."""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """A view's own word on itself, as the page of health and `./loquet doctor` tell it."""

    kind: str
    """`sql` or `influx`."""
    state: State
    lag: int
    """Records of the ledger that are not in it."""
    last_error: str = ""
    """Why it failed last, while it fails; never an address or a token."""
    failing_since: datetime | None = None
    caught_up_at: datetime | None = None
    """When it last held the whole ledger."""


class TelemetryView(Protocol):
    """A view that charts can be drawn from."""

    def points(self, session: Session, zone: Zone, step: Step, since: int, until: int) -> list[Point]:
        """Every probe's periods that begin in [since, until) (Unix s), by time, then probe. Minutes also
        without a temperature; hours and days have means weighted by time."""
        ...

    def latest(self, session: Session, zone: Zone) -> list[Point]:
        """The newest period by minute of a zone, all its probes."""
        ...

    def status(self, session: Session) -> ViewStatus:
        """How it fares."""
        ...
