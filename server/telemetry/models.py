"""Tables of readings: the chained ledger, and the views that can be rebuilt from it. Times here are Unix
seconds, as told.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base

CLEARING = -1


class LedgerHead(Base):
    """The end of a controller's chain: a cut tail disagrees with it."""

    __tablename__ = "ledger_heads"

    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"), primary_key=True)
    position: Mapped[int]
    link: Mapped[str]
    shown: Mapped[int] = mapped_column(default=0)
    """Up to which position the rows by minute, hour and day go; `CLEARING` while they are being removed."""


class LedgerRow(Base):
    """One readings or gap record of the readings lane, exactly as it came, chained. Never changed."""

    __tablename__ = "ledger_rows"
    __table_args__ = (
        UniqueConstraint("controller_id", "epoch", "seq"),
        UniqueConstraint("controller_id", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    position: Mapped[int]
    epoch: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    first_seq: Mapped[int] = mapped_column(BigInteger)
    """Its own number, or where the hole begins that a gap record closes."""
    body: Mapped[str]
    """The record and its time of arrival, canonical (`chain.canonical`)."""
    link: Mapped[str]


class Reading(Base):
    """A view: one probe over one period, hundredths of a degree Celsius. Without samples there is no
    temperature.
    """

    __tablename__ = "readings"

    zone_id: Mapped[int] = mapped_column(ForeignKey("zones.id"), primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    probe: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    length_s: Mapped[int]
    low: Mapped[int]
    mean: Mapped[int]
    high: Mapped[int]
    samples: Mapped[int]
    health: Mapped[int]


POINT = (
    Reading.at,
    Reading.length_s,
    Reading.probe,
    Reading.low,
    Reading.mean,
    Reading.high,
    Reading.samples,
    Reading.health,
)
"""A reading's columns in the order of `series.Point`."""


class ReadingHour(Base):
    """A view: one probe over one hour."""

    __tablename__ = "reading_hours"

    zone_id: Mapped[int] = mapped_column(ForeignKey("zones.id"), primary_key=True, autoincrement=False)
    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    probe: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    low: Mapped[int]
    high: Mapped[int]
    weighted: Mapped[int] = mapped_column(BigInteger)
    """Sum of mean times seconds, over `seconds`."""
    seconds: Mapped[int]


class TelemetryGap(Base):
    """An interval whose readings will never come, and why; listed wherever the readings are."""

    __tablename__ = "telemetry_gaps"
    __table_args__ = (Index("ix_telemetry_gaps_controller_id_start", "controller_id", "start"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    start: Mapped[int] = mapped_column(BigInteger)
    end: Mapped[int] = mapped_column(BigInteger)
    cause: Mapped[str]
    """`dropped` or `reboot`."""
    first_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    last_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    noted_at: Mapped[datetime]


class ReadingDay(Base):
    """A view: one probe over one day of UTC."""

    __tablename__ = "reading_days"

    zone_id: Mapped[int] = mapped_column(ForeignKey("zones.id"), primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    probe: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    low: Mapped[int]
    high: Mapped[int]
    weighted: Mapped[int]
    """Sum of mean times seconds, over `seconds`."""
    seconds: Mapped[int]


class OuterView(Base):
    """A view kept outside this database: who feeds it now, its marker there, and how it fares."""

    __tablename__ = "outer_views"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(default="")
    """Who feeds it until `lease_until`: one process at a time; each write of a cursor checks it."""
    lease_until: Mapped[datetime | None]
    generation: Mapped[str] = mapped_column(default="")
    """New with each rebuild, and written there too: another one there, or none, means that it was emptied."""
    marks: Mapped[int] = mapped_column(default=0)
    """How often the marker was renewed: a smaller number there means that an older copy was put back."""
    marked_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default="new")
    """One of `server.telemetry.store`."""
    error: Mapped[str] = mapped_column(default="")
    """Why it failed last; never an address or a token."""
    failing_since: Mapped[datetime | None]
    caught_up_at: Mapped[datetime | None]


class ViewCursor(Base):
    """How far an outer view holds a controller's ledger."""

    __tablename__ = "view_cursors"

    view: Mapped[str] = mapped_column(ForeignKey("outer_views.name"), primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"), primary_key=True)
    position: Mapped[int] = mapped_column(default=0)
