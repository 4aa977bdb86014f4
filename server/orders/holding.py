"""Taking an order: capacity held for every line, a payment session, a time after which the hold lapses."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.catalogue.models import Product
from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.errors import Conflict, NotFound, Unprocessable
from server.foundation.timers import set_timer
from server.lockers.models import REVOKED, Controller
from server.orders import capacity, moves
from server.orders.models import Claim, Order, OrderLine
from server.orders.repository import claims, get_order
from server.orders.states import HELD, LAPSED
from server.payments import sessions
from server.people.models import Platform

LAPSE = "order.lapse"

MAX_WINDOW = timedelta(days=14)
MAX_AHEAD = timedelta(days=180)


@dataclass(frozen=True)
class Wanted:
    """One line of a new order."""

    product_id: str
    quantity: int


@dataclass(frozen=True)
class NewOrder:
    """What a shop asks for."""

    shop_id: str
    reference: str
    bank: str
    email: str
    name: str
    locale: str
    start: datetime
    end: datetime
    lines: tuple[Wanted, ...]


def hold(session: Session, context: Context, new: NewOrder, actor: str) -> Order:
    """Holds capacity for every line or for none.

    Raises NotFound (bank, product), Unprocessable (window, total), Conflict `full` (no capacity),
    `reference` or `revoked` (the bank is out of service for good).
    """
    now = context.clock.now()
    _check_window(new, now)
    bank = session.get(Controller, new.bank)
    if bank is None or bank.kind != "bank":
        raise NotFound("there is no such bank", code="unknown-bank")
    if bank.presence == REVOKED:
        raise Conflict("this bank is out of service", code="revoked")
    known = session.scalars(
        select(Order.id).where(Order.shop_id == new.shop_id, Order.reference == new.reference)
    ).one_or_none()
    if known is not None:
        raise Conflict("this reference was used before", code="reference")
    platform = session.get_one(Platform, 1)
    products = _products(session, new)
    total = sum(products[line.product_id].price_cents * line.quantity for line in new.lines)
    if total <= 0:
        raise Unprocessable("an order without a price cannot be paid")
    lapse_overdue(session, context, bank.id)
    order = Order(
        id=context.ids.new(),
        shop_id=new.shop_id,
        reference=new.reference,
        controller_id=bank.id,
        customer_email=new.email,
        customer_name=new.name,
        locale=new.locale,
        window_start=new.start,
        window_end=new.end,
        state=HELD,
        hold_expires_at=now + timedelta(seconds=platform.hold_seconds),
        total_cents=total,
        currency=platform.currency,
        created_at=now,
        changed_at=now,
    )
    session.add(order)
    session.flush()
    for line in new.lines:
        _hold_line(session, context, order, products[line.product_id], line.quantity)
    sessions.create(session, context, order.id, total, platform.currency)
    set_timer(session, LAPSE, order.id, order.hold_expires_at)
    record(
        session, context, actor, "order.held", f"order:{order.id}", {"bank": bank.id, "total_cents": total}
    )
    return order


def _check_window(new: NewOrder, now: datetime) -> None:
    if new.end <= new.start or new.end <= now:
        raise Unprocessable("the window ends before it begins, or is over", code="window")
    if new.end - new.start > MAX_WINDOW or new.start - now > MAX_AHEAD:
        raise Unprocessable("the window is longer than 14 days or more than 180 days away", code="window")


def _products(session: Session, new: NewOrder) -> dict[str, Product]:
    wanted = {line.product_id for line in new.lines}
    found = {
        product.id: product for product in session.scalars(select(Product).where(Product.id.in_(wanted)))
    }
    missing = sorted(wanted - found.keys())
    if missing:
        raise NotFound("there is no product " + ", ".join(missing), code="unknown-product")
    return found


def _hold_line(session: Session, context: Context, order: Order, product: Product, quantity: int) -> None:
    line = OrderLine(
        id=context.ids.new(),
        order_id=order.id,
        product_id=product.id,
        quantity=quantity,
        unit_cents=product.price_cents,
    )
    session.add(line)
    session.flush()
    claim = Claim(
        id=context.ids.new(),
        order_id=order.id,
        line_id=line.id,
        controller_id=order.controller_id,
        climate=product.climate,
        size=product.size,
        state=HELD,
        changed_at=context.clock.now(),
    )
    session.add(claim)
    session.flush()
    if capacity.plan(session, claim, order.window_start, order.window_end, product.max_centi) is None:
        raise Conflict(f"no {product.climate} compartment is free for {product.id} then", code="full")


def lapse(session: Session, context: Context, order: Order) -> None:
    """Ends a hold whose time is over; its capacity is free for others."""
    moves.move_order(session, context, order, LAPSED, "system")
    for claim in claims(session, order.id):
        moves.move_claim(session, context, claim, LAPSED, "system")
        capacity.free(session, claim.id)


def lapse_overdue(session: Session, context: Context, controller_id: str) -> None:
    """Ends every hold of a bank that is over, so that a claim never meets a dead one; the timer only tidies
    up."""
    overdue = session.scalars(
        select(Order).where(
            Order.controller_id == controller_id,
            Order.state == HELD,
            Order.hold_expires_at <= context.clock.now(),
        )
    ).all()
    for order in overdue:
        lapse(session, context, order)


def on_lapse(session: Session, context: Context, order_id: str) -> None:
    """Timer: the hold ran out."""
    order = get_order(session, order_id)
    if order.state == HELD and order.hold_expires_at <= context.clock.now():
        lapse(session, context, order)
