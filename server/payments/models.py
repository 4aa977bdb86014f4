"""Tables of payments: sessions, events as they came, the ledger, refunds."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base
from server.orders.states import sql_list
from server.payments.states import REFUND


class Payment(Base):
    """A payment session at the provider, one an order."""

    __tablename__ = "payments"
    __table_args__ = (CheckConstraint("amount_cents >= 0", name="amount"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), unique=True)
    provider: Mapped[str]
    session: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    amount_cents: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class PaymentEvent(Base):
    """An event as the provider sent it; its id is unique, so a second delivery has no second effect."""

    __tablename__ = "payment_events"
    __table_args__ = (UniqueConstraint("provider", "external_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str]
    external_id: Mapped[str]
    type: Mapped[str]
    session: Mapped[str] = mapped_column(index=True)
    amount_cents: Mapped[int]
    currency: Mapped[str]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="")


class MoneyEntry(Base):
    """One line of the ledger, never overwritten. `key` is unique: `capture:SESSION`, `refund:REFUND`."""

    __tablename__ = "money_entries"
    __table_args__ = (CheckConstraint("amount_cents > 0", name="amount"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    kind: Mapped[str]
    """captured or refunded."""
    amount_cents: Mapped[int]
    currency: Mapped[str]
    at: Mapped[datetime]


class Refund(Base):
    """Money going back, one an order. `waiting`: the code is being revoked; `due`: to be sent to the
    provider; `done`."""

    __tablename__ = "refunds"
    __table_args__ = (CheckConstraint(f"state IN {sql_list(tuple(REFUND))}", name="state"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), unique=True)
    amount_cents: Mapped[int]
    currency: Mapped[str]
    reason: Mapped[str]
    by: Mapped[str]
    state: Mapped[str]
    grants_version: Mapped[int]
    """The controller's set that no longer has the order's grants; final once it is applied. 0: nothing to
    revoke."""
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    """Until then a process is at it, or waits after a refusal of the provider's."""
