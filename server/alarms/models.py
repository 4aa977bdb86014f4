"""The table of alarms."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base, index_where


class Alarm(Base):
    """Something a person must act on. One open alarm for a kind and a subject; the database enforces it."""

    __tablename__ = "alarms"
    __table_args__ = (
        index_where(
            "uq_alarms_open",
            "controller_id",
            "kind",
            "zone_key",
            "door",
            "probe",
            unique=True,
            where="closed_at IS NULL",
        ),
        index_where("uq_alarms_open_site", "site_id", "kind", unique=True, where="closed_at IS NULL"),
        Index("ix_alarms_opened_at", "opened_at"),
        CheckConstraint("(controller_id IS NULL) <> (site_id IS NULL)", name="of_one"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    controller_id: Mapped[str | None] = mapped_column(ForeignKey("controllers.id"))
    site_id: Mapped[str | None] = mapped_column(ForeignKey("sites.id"))
    """Of an alarm about a site's gateway; one about a controller has that."""
    kind: Mapped[str]
    zone_key: Mapped[str]
    door: Mapped[int]
    probe: Mapped[int]
    value: Mapped[int | None]
    block_id: Mapped[str]
    opened_at: Mapped[datetime]
    """When it happened, by the device's clock where it had one."""
    noted_at: Mapped[datetime]
    """When the server came to know; much later than `opened_at` after an outage."""
    over_at: Mapped[datetime | None]
    """When its cause ended."""
    closed_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str]
    comment: Mapped[str]
