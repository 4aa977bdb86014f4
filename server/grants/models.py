"""Tables of credentials (a code) and grants (a door for a code)."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base, index_where


class Credential(Base):
    """A code: a customer's for one order, or a producer's own at one bank. Codes are sealed; MACs make live
    ones unique."""

    __tablename__ = "credentials"
    __table_args__ = (
        CheckConstraint("kind IN ('customer', 'loader', 'staff')", name="kind"),
        UniqueConstraint("controller_id", "number"),
        index_where("uq_credentials_live_code", "site_id", "code_mac", unique=True, where="ended_at IS NULL"),
        index_where(
            "uq_credentials_live_order",
            "order_id",
            unique=True,
            where="ended_at IS NULL AND order_id IS NOT NULL",
        ),
        index_where(
            "uq_credentials_live_producer",
            "controller_id",
            "producer_id",
            unique=True,
            where="ended_at IS NULL AND producer_id IS NOT NULL",
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("sites.id"))
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    number: Mapped[int]
    """Its id at the bank, never used again there."""
    kind: Mapped[str]
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.id"))
    producer_id: Mapped[str | None] = mapped_column(ForeignKey("producers.id"))
    code_mac: Mapped[bytes]
    """Keyed MAC of the code that must be unique at the site: the short one, or a producer's only one."""
    sealed_short: Mapped[bytes | None]
    sealed_long: Mapped[bytes | None]
    """Erased when the credential ends."""
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class GrantRow(Base):
    """A grant in a controller's set; `record` is its 64 bytes. Removed ones stay as history."""

    __tablename__ = "grants"
    __table_args__ = (
        UniqueConstraint("controller_id", "number"),
        Index("ix_grants_claim_id", "claim_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    number: Mapped[int]
    credential_id: Mapped[str] = mapped_column(ForeignKey("credentials.id"), index=True)
    claim_id: Mapped[str | None] = mapped_column(ForeignKey("claims.id"))
    door: Mapped[int]
    record: Mapped[bytes]
    until: Mapped[datetime]
    added_version: Mapped[int]
    removed_version: Mapped[int | None]
