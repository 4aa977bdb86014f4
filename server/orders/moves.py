"""The only way an order or a claim changes state: compare-and-swap along the tables of `states`, with an
audit line."""

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.database import changed
from server.foundation.errors import Conflict
from server.orders.models import Claim, Order
from server.orders.states import CLAIM, ORDER


def may_claim(claim: Claim, to: str) -> bool:
    """True if the table leads from the claim's state to `to`."""
    return to in CLAIM[claim.state]


def may_order(order: Order, to: str) -> bool:
    """True if the table leads from the order's state to `to`."""
    return to in ORDER[order.state]


def move_claim(session: Session, context: Context, claim: Claim, to: str, actor: str, **values: Any) -> None:
    """Moves a claim, setting further columns; raises Conflict if the table or another transaction forbids
    it."""
    before = claim.state
    if to not in CLAIM[before]:
        raise Conflict(f"a claim does not go from {before} to {to}")
    moved = changed(
        session,
        update(Claim)
        .where(Claim.id == claim.id, Claim.state == before)
        .values(state=to, changed_at=context.clock.now(), **values),
    )
    if moved != 1:
        raise Conflict("somebody else changed this claim at the same time")
    session.refresh(claim)
    record(
        session,
        context,
        actor,
        "claim." + to,
        f"order:{claim.order_id}",
        {"claim": claim.id, "from": before, "compartment": claim.compartment_id},
    )


def move_order(session: Session, context: Context, order: Order, to: str, actor: str, **values: Any) -> None:
    """Moves an order, setting further columns; raises Conflict if the table or another transaction forbids
    it."""
    before = order.state
    if to not in ORDER[before]:
        raise Conflict(f"an order does not go from {before} to {to}")
    moved = changed(
        session,
        update(Order)
        .where(Order.id == order.id, Order.state == before)
        .values(state=to, changed_at=context.clock.now(), **values),
    )
    if moved != 1:
        raise Conflict("somebody else changed this order at the same time")
    session.refresh(order)
    record(session, context, actor, "order." + to, f"order:{order.id}", {"from": before})
