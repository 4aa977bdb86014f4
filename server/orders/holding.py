"""Taking an order: capacity held for every line, a payment session, a time after which the hold lapses."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, exists, insert, select
from sqlalchemy.orm import Session

from server.catalogue.models import Product
from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.database import table_of
from server.foundation.errors import Conflict, NotFound, Unprocessable
from server.foundation.timers import set_timer
from server.lockers.models import REVOKED, Controller
from server.orders import capacity, moves
from server.orders.models import IS_HELD, Claim, Order, OrderLine
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


@dataclass(frozen=True)
class TakenLine:
    """A line of an order just held."""

    id: str
    product: str
    quantity: int
    climate: str


@dataclass(frozen=True)
class Taken:
    """An order just held; its rows say the same."""

    id: str
    expires_at: datetime
    total_cents: int
    currency: str
    lines: tuple[TakenLine, ...]
    payment: sessions.Opened


def hold(session: Session, context: Context, new: NewOrder, actor: str) -> Taken:
    """Holds capacity for every line or for none.

    Raises NotFound (bank, product), Unprocessable (window, total), Conflict `full` (no capacity),
    `reference` or `revoked` (the bank is out of service for good).

    The busiest thing a shop does: it looks and writes in whole rows, with statements that are made once, and
    makes no object of the session.
    """
    now = context.clock.now()
    _check_window(new, now)
    session.flush()
    connection = session.connection()
    asked = {"bank": new.bank, "shop_id": new.shop_id, "reference": new.reference, "now": now}
    seen = connection.execute(_LOOK, asked).one()
    if seen.kind != "bank":
        raise NotFound("there is no such bank", code="unknown-bank")
    if seen.presence == REVOKED:
        raise Conflict("this bank is out of service", code="revoked")
    if seen.known:
        raise Conflict("this reference was used before", code="reference")
    products = _products(connection, new)
    total = sum(products[line.product_id].price_cents * line.quantity for line in new.lines)
    if total <= 0:
        raise Unprocessable("an order without a price cannot be paid")
    if seen.overdue:
        lapse_overdue(session, context, new.bank)
    order_id = context.ids.new()
    expires = now + timedelta(seconds=seen.hold_seconds)
    order = {
        "id": order_id,
        "shop_id": new.shop_id,
        "reference": new.reference,
        "controller_id": new.bank,
        "customer_email": new.email,
        "customer_name": new.name,
        "locale": new.locale,
        "window_start": new.start,
        "window_end": new.end,
        "state": HELD,
        "hold_expires_at": expires,
        "total_cents": total,
        "currency": seen.currency,
        "created_at": now,
        "changed_at": now,
    }
    connection.execute(_ORDER, order)
    lines = _hold_lines(session, context, new, order_id, products)
    payment = sessions.create(session, context, order_id, total, seen.currency)
    set_timer(session, LAPSE, order_id, expires)
    details = {"bank": new.bank, "total_cents": total}
    record(session, context, actor, "order.held", f"order:{order_id}", details)
    return Taken(order_id, expires, total, seen.currency, lines, payment)


def _look() -> Select[Any]:
    """All there is to know before an order is taken, in one row: what the bank is (kind None: there is none),
    whether the reference is known, whether holds of the bank are over, what the platform says.
    """
    bank, platform, orders = table_of(Controller), table_of(Platform), table_of(Order)
    known = exists().where(
        orders.c.shop_id == bindparam("shop_id"), orders.c.reference == bindparam("reference")
    )
    return (
        select(
            bank.c.kind,
            bank.c.presence,
            platform.c.hold_seconds,
            platform.c.currency,
            known.label("known"),
            exists().where(*_overdue(bindparam("bank"), bindparam("now"))).label("overdue"),
        )
        .join_from(platform, bank, bank.c.id == bindparam("bank"), isouter=True)
        .where(platform.c.id == 1)
    )


def _overdue(controller_id: str | BindParameter[str], now: datetime | BindParameter[datetime]) -> Any:
    """Conditions of a hold that is over."""
    orders = table_of(Order).c
    return (orders.controller_id == controller_id, IS_HELD, orders.hold_expires_at <= now)


_LOOK = _look()
_PRODUCTS = select(table_of(Product)).where(table_of(Product).c.id.in_(bindparam("wanted", expanding=True)))
_ORDER, _LINE, _CLAIM = (insert(table_of(table)) for table in (Order, OrderLine, Claim))


def _check_window(new: NewOrder, now: datetime) -> None:
    if new.end <= new.start or new.end <= now:
        raise Unprocessable("the window ends before it begins, or is over", code="window")
    if new.end - new.start > MAX_WINDOW or new.start - now > MAX_AHEAD:
        raise Unprocessable("the window is longer than 14 days or more than 180 days away", code="window")


def _products(connection: Connection, new: NewOrder) -> dict[str, Any]:
    """The rows of the products, by id."""
    wanted = {line.product_id for line in new.lines}
    found = {row.id: row for row in connection.execute(_PRODUCTS, {"wanted": sorted(wanted)})}
    missing = sorted(wanted - found.keys())
    if missing:
        raise NotFound("there is no product " + ", ".join(missing), code="unknown-product")
    return found


def _hold_lines(
    session: Session, context: Context, new: NewOrder, order_id: str, products: dict[str, Any]
) -> tuple[TakenLine, ...]:
    """Writes the lines and their claims, then has capacity promised to each claim."""
    now = context.clock.now()
    lines: list[dict[str, Any]] = []
    claims: list[dict[str, Any]] = []
    for wanted in new.lines:
        product = products[wanted.product_id]
        line = {
            "id": context.ids.new(),
            "order_id": order_id,
            "product_id": product.id,
            "quantity": wanted.quantity,
            "unit_cents": product.price_cents,
        }
        claim = {
            "id": context.ids.new(),
            "order_id": order_id,
            "line_id": line["id"],
            "controller_id": new.bank,
            "climate": product.climate,
            "size": product.size,
            "state": HELD,
            "changed_at": now,
        }
        lines.append(line)
        claims.append(claim)
    connection = session.connection()
    connection.execute(_LINE, lines)
    connection.execute(_CLAIM, claims)
    for line, claim in zip(lines, claims, strict=True):
        limit = products[line["product_id"]].max_centi
        need = capacity.Need(new.bank, claim["climate"], claim["size"], limit, new.start, new.end)
        if capacity.plan(session, claim["id"], need) is None:
            message = f"no {claim['climate']} compartment is free for {line['product_id']} then"
            raise Conflict(message, code="full")
    return tuple(
        TakenLine(line["id"], line["product_id"], line["quantity"], claim["climate"])
        for line, claim in zip(lines, claims, strict=True)
    )


def lapse(session: Session, context: Context, order: Order) -> None:
    """Ends a hold whose time is over; its capacity is free for others."""
    moves.move_order(session, context, order, LAPSED, "system")
    for claim in claims(session, order.id):
        moves.move_claim(session, context, claim, LAPSED, "system")
        capacity.free(session, claim.id)


def lapse_overdue(session: Session, context: Context, controller_id: str) -> None:
    """Ends every hold of a bank that is over, so that a claim never meets a dead one; the timer only tidies
    up."""
    overdue = session.scalars(select(Order).where(*_overdue(controller_id, context.clock.now()))).all()
    for order in overdue:
        lapse(session, context, order)


def on_lapse(session: Session, context: Context, order_id: str) -> None:
    """Timer: the hold ran out."""
    order = get_order(session, order_id)
    if order.state == HELD and order.hold_expires_at <= context.clock.now():
        lapse(session, context, order)
