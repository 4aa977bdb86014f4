"""The manager's list of orders."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.locales.formats import money, period
from server.lockers.models import Compartment, Controller, Site
from server.orders import states
from server.orders.models import Claim, Order
from server.pages import words
from server.pages.words import Look
from server.payments.events import MISMATCH
from server.payments.models import Payment, PaymentEvent

PAGE = 50
MISMATCHES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in one line."""

    id: str
    reference: str
    created_at: datetime
    customer: str
    window: str
    doors: str
    total: str
    state: str
    look: Look
    refundable: bool


@dataclass(frozen=True, slots=True)
class MismatchRow:
    """A payment of another sum than was asked: nothing was done with it, and a person must look."""

    order: str
    reference: str
    asked: str
    told: str
    received_at: datetime


def mismatches(session: Session, language: str) -> list[MismatchRow]:
    """The last payments of another sum, newest first."""
    found = session.execute(
        select(PaymentEvent, Payment, Order)
        .join(Payment, Payment.session == PaymentEvent.session)
        .join(Order, Order.id == Payment.order_id)
        .where(PaymentEvent.outcome == MISMATCH)
        .order_by(PaymentEvent.received_at.desc())
        .limit(MISMATCHES_SHOWN)
    ).all()
    return [
        MismatchRow(
            order=order.id,
            reference=order.reference,
            asked=money(payment.amount_cents, payment.currency, language),
            told=money(event.amount_cents, event.currency, language),
            received_at=event.received_at,
        )
        for event, payment, order in found
    ]


def rows(session: Session, language: str, before: str = "") -> tuple[list[OrderRow], str]:
    """A page of orders, newest first (ids sort by time), and the id to go on before; empty at the end."""
    query = select(Order).order_by(Order.id.desc()).limit(PAGE + 1)
    if before:
        query = query.where(Order.id < before)
    orders = list(session.scalars(query))
    shown = [_row(session, order, language) for order in orders[:PAGE]]
    return shown, orders[PAGE - 1].id if len(orders) > PAGE else ""


def _row(session: Session, order: Order, language: str) -> OrderRow:
    controller = session.get_one(Controller, order.controller_id)
    zone = ZoneInfo(session.get_one(Site, controller.site_id).timezone)
    doors = session.scalars(
        select(Compartment.number)
        .join(Claim, Claim.compartment_id == Compartment.id)
        .where(Claim.order_id == order.id)
        .order_by(Compartment.number)
    )
    return OrderRow(
        id=order.id,
        reference=order.reference,
        created_at=order.created_at,
        customer=order.customer_name,
        window=period(order.window_start, order.window_end, zone, language),
        doors=", ".join(str(number) for number in doors),
        total=money(order.total_cents, order.currency, language),
        state=order.state,
        look=words.look(words.ORDER, order.state, language),
        refundable=states.REFUNDING in states.ORDER[order.state] and order.state != states.LAPSED,
    )
