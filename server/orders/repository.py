"""Queries about orders, claims and the compartments they hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.catalogue.models import Product
from server.foundation.errors import NotFound
from server.lockers.models import Compartment, Zone
from server.orders.models import OCCUPIES, Claim, Order, OrderLine


@dataclass(frozen=True)
class Held:
    """A line of an order with its product, its claim and, once bound, its compartment and zone."""

    line: OrderLine
    product: Product
    claim: Claim
    compartment: Compartment | None
    zone: Zone | None

    @property
    def cents(self) -> int:
        """The line's price."""
        return self.line.quantity * self.line.unit_cents


def get_order(session: Session, order_id: str) -> Order:
    """An order by id; raises NotFound."""
    order = session.get(Order, order_id)
    if order is None:
        raise NotFound("there is no such order")
    return order


def holdings(session: Session, order_id: str) -> list[Held]:
    """The lines of an order, in the order of their making."""
    rows = session.execute(
        select(OrderLine, Product, Claim, Compartment, Zone)
        .join(Product, Product.id == OrderLine.product_id)
        .join(Claim, Claim.line_id == OrderLine.id)
        .outerjoin(Compartment, Compartment.id == Claim.compartment_id)
        .outerjoin(Zone, Zone.id == Compartment.zone_id)
        .where(OrderLine.order_id == order_id)
        .order_by(OrderLine.id)
    ).all()
    return [Held(*row) for row in rows]


def claims(session: Session, order_id: str) -> Sequence[Claim]:
    """The claims of an order."""
    return session.scalars(select(Claim).where(Claim.order_id == order_id).order_by(Claim.id)).all()


def claim_of_load(session: Session, controller_id: str, load: int) -> Claim | None:
    """The claim whose goods a load is."""
    if load <= 0:
        return None
    return session.scalars(
        select(Claim).where(Claim.controller_id == controller_id, Claim.load == load)
    ).one_or_none()


def live_claim(session: Session, compartment_id: int) -> Claim | None:
    """The claim that has a compartment for itself, if one does."""
    return session.scalars(
        select(Claim).where(Claim.compartment_id == compartment_id, OCCUPIES)
    ).one_or_none()
