"""Tables of the cold chain: what each judge remembers, excursions and the limits then in force, lots."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base

LIVE, HISTORY = "live", "history"
"""The two runs of the judge."""


class ZoneWatch(Base):
    """The memory of one run of the judge over one zone: `live` on the newest minutes, `history` on the whole
    prefix.
    """

    __tablename__ = "zone_watches"
    __table_args__ = (CheckConstraint("run IN ('live', 'history')", name="run"),)

    zone_id: Mapped[int] = mapped_column(ForeignKey("zones.id"), primary_key=True, autoincrement=False)
    run: Mapped[str] = mapped_column(primary_key=True)
    watch: Mapped[dict[str, Any]]
    epoch: Mapped[str] = mapped_column(default="")
    """Journal epoch of the history run's prefix."""
    upto: Mapped[int] = mapped_column(BigInteger, default=0)
    """Last seq of the contiguous prefix that the history run has judged."""


class Excursion(Base):
    """A time beyond a legal limit, or without a temperature, for longer than the zone's delay."""

    __tablename__ = "excursions"
    __table_args__ = (
        UniqueConstraint("zone_id", "kind", "began_at"),
        CheckConstraint("kind IN ('temperature', 'nodata')", name="kind"),
        CheckConstraint("found IN ('live', 'later')", name="found"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    zone_id: Mapped[int] = mapped_column(ForeignKey("zones.id"))
    kind: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    peak: Mapped[int]
    degree_seconds: Mapped[int] = mapped_column(BigInteger, default=0)
    limits: Mapped[dict[str, Any]]
    """The limits in force (`judge.Limits`): a later change never rewrites this."""
    found: Mapped[str]
    noted_at: Mapped[datetime]


class Lot(Base):
    """Goods of one product, one producer and one use-by date, waiting or placed in a hangar room."""

    __tablename__ = "lots"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    use_by: Mapped[date]
    zone_id: Mapped[int | None] = mapped_column(ForeignKey("zones.id"), index=True)
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    placed_by: Mapped[str] = mapped_column(default="")
    placed_at: Mapped[datetime | None]
