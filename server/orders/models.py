"""Tables of orders, lines, claims and capacity."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.foundation.database import Base, index_where
from server.orders.states import CLAIM, HELD, OCCUPYING, ORDER, sql_list

_HELD = f"state = '{HELD}'"


class Order(Base):
    """What a shop ordered for a customer; all its doors are in one bank."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("shop_id", "reference"),
        CheckConstraint(f"state IN {sql_list(tuple(ORDER))}", name="state"),
        CheckConstraint("total_cents >= 0", name="total"),
        index_where("ix_orders_held", "controller_id", "hold_expires_at", where=_HELD),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    shop_id: Mapped[str] = mapped_column(ForeignKey("shops.id"))
    reference: Mapped[str]
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"), index=True)
    customer_email: Mapped[str]
    customer_name: Mapped[str]
    locale: Mapped[str]
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    state: Mapped[str]
    hold_expires_at: Mapped[datetime]
    total_cents: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    collected_at: Mapped[datetime | None]


IS_HELD = text(f"orders.{_HELD}")
"""Said in the words of the index, as both databases want it: years of orders are then nothing to it."""


class OrderLine(Base):
    """One product of an order; it gets one claim, hence one compartment."""

    __tablename__ = "order_lines"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    quantity: Mapped[int]
    unit_cents: Mapped[int]


class Claim(Base):
    """What a line holds: first capacity, then a bound compartment."""

    __tablename__ = "claims"
    __table_args__ = (
        CheckConstraint(f"state IN {sql_list(tuple(CLAIM))}", name="state"),
        CheckConstraint(
            f"state NOT IN {sql_list(OCCUPYING)} OR compartment_id IS NOT NULL",
            name="occupying_has_compartment",
        ),
        index_where(
            "uq_claims_live_compartment",
            "compartment_id",
            unique=True,
            where=f"state IN {sql_list(OCCUPYING)}",
        ),
        UniqueConstraint("controller_id", "load"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    line_id: Mapped[str] = mapped_column(ForeignKey("order_lines.id"), unique=True)
    controller_id: Mapped[str] = mapped_column(ForeignKey("controllers.id"))
    climate: Mapped[str]
    size: Mapped[str]
    state: Mapped[str]
    compartment_id: Mapped[int | None] = mapped_column(ForeignKey("compartments.id"))
    load: Mapped[int | None]
    """The load id made fresh when the compartment was bound; None before."""
    loaded_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


OCCUPIES = text(f"claims.state IN {sql_list(OCCUPYING)}")
"""A claim in a state of `OCCUPYING`, in the words of the index over such claims: with the states as values of
a statement, SQLite would go through all claims there ever were."""


class Capacity(Base):
    """One compartment promised to one claim for one day: its key is why capacity cannot be oversold.

    The compartment is nominal until the claim is bound, and may be exchanged for another free one of the
    same climate.
    """

    __tablename__ = "capacity"

    compartment_id: Mapped[int] = mapped_column(
        ForeignKey("compartments.id"), primary_key=True, autoincrement=False
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    claim_id: Mapped[str] = mapped_column(ForeignKey("claims.id"), index=True)
