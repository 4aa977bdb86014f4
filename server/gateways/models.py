"""Tables of gateways, their lanes, the records they bring, and the change feed they read."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base


class Gateway(Base):
    """A site's gateway, known by its token's hash, and the end of its change feed."""

    __tablename__ = "gateways"

    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    feed_epoch: Mapped[str]
    """New when the database is made or restored; a gateway with another one takes a snapshot."""
    feed_last: Mapped[int] = mapped_column(default=0)
    heard_at: Mapped[datetime | None]
    health: Mapped[dict[str, Any] | None]
    health_at: Mapped[datetime | None]
    run: Mapped[str | None]
    """The process that speaks now (`server.gateways.fence`)."""
    past_runs: Mapped[list[Any] | None]
    """Those before it, the newest first."""
    fenced_at: Mapped[datetime | None]
    """When an earlier one last spoke and was refused, to the minute."""
    fenced_run: Mapped[str | None]
    """Which that was."""


class LaneCursor(Base):
    """How far the server holds a gateway's lane of one epoch."""

    __tablename__ = "lane_cursors"

    site_id: Mapped[str] = mapped_column(ForeignKey("gateways.site_id"), primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[str] = mapped_column(primary_key=True)
    upto: Mapped[int]


class DeviceRecord(Base):
    """A record of a controller, once. Readings (`r`) are kept in full by the telemetry ledger; here only
    their number."""

    __tablename__ = "device_records"
    __table_args__ = (
        UniqueConstraint("controller_id", "epoch", "lane", "boot", "seq"),
        Index("ix_device_records_controller_id_kind_id", "controller_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    epoch: Mapped[str]
    lane: Mapped[int]
    boot: Mapped[int]
    seq: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime | None]
    """The device's own time; None if it knew none."""
    uptime_ms: Mapped[int]
    received_at: Mapped[datetime]
    body: Mapped[dict[str, Any] | None]


class DeadLetter(Base):
    """An item nobody could read, kept to be looked at; intake went on."""

    __tablename__ = "dead_letters"
    __table_args__ = (UniqueConstraint("site_id", "epoch", "lane", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("gateways.site_id"))
    epoch: Mapped[str]
    lane: Mapped[str]
    seq: Mapped[int]
    device: Mapped[str]
    code: Mapped[str]
    detail: Mapped[str]
    body: Mapped[str]
    received_at: Mapped[datetime]


class BootClock(Base):
    """What a gateway may claim of a controller's uptime in one boot: its first claim, and the time that has
    passed here since (`server.gateways.presence.credible`)."""

    __tablename__ = "boot_clocks"

    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"), primary_key=True)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_ms: Mapped[int] = mapped_column(BigInteger)
    passed_ms: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]


class FeedItem(Base):
    """One line of a site's change feed, numbered without holes."""

    __tablename__ = "feed_items"

    site_id: Mapped[str] = mapped_column(ForeignKey("gateways.site_id"), primary_key=True)
    c: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    device: Mapped[str]
    kind: Mapped[str]
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
