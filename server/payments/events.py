"""Events of payment providers: stored once by their id, then applied; twice, late, reordered or forged: one
effect or none."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation.audit import record
from server.foundation.context import Context
from server.orders import paying
from server.orders.models import Order
from server.payments import notices, sessions, states
from server.payments.models import MoneyEntry, PaymentEvent
from server.payments.provider import CAPTURED, FAILED, Event

MISMATCH = "mismatch"
"""Outcome of an event of another sum than was asked: a person must look."""


def take(session: Session, context: Context, provider_name: str, event: Event) -> str:
    """Stores and applies a verified event; returns its outcome.

    `duplicate`, `unknown-session`, `mismatch` (another amount or currency: a person must look), `noted`,
    `already`, or what `paying.on_captured` says.
    """
    known = session.scalars(
        select(PaymentEvent).where(
            PaymentEvent.provider == provider_name, PaymentEvent.external_id == event.external_id
        )
    ).one_or_none()
    if known is not None:
        return "duplicate"
    now = context.clock.now()
    row = PaymentEvent(
        id=context.ids.new(),
        provider=provider_name,
        external_id=event.external_id,
        type=event.type,
        session=event.session,
        amount_cents=event.amount_cents,
        currency=event.currency,
        received_at=now,
        handled_at=now,
    )
    session.add(row)
    session.flush()
    row.outcome = _apply(session, context, event)
    return row.outcome


def _apply(session: Session, context: Context, event: Event) -> str:
    payment = sessions.by_session(session, event.session)
    if payment is None:
        return "unknown-session"
    about = f"order:{payment.order_id}"
    if event.type == FAILED and states.FAILED in states.PAYMENT[payment.state]:
        payment.state = states.FAILED  # the hold stays: the customer may try again
        payment.changed_at = context.clock.now()
        record(session, context, "system", "payment.failed", about)
        return "noted"
    if event.type != CAPTURED:
        return "noted"
    if (event.amount_cents, event.currency) != (payment.amount_cents, payment.currency):
        details = {"told": f"{event.amount_cents} {event.currency}", "event": event.external_id}
        record(session, context, "system", "payment.mismatch", about, details)
        notices.mismatch(session, context, session.get_one(Order, payment.order_id), payment, event)
        return MISMATCH
    key = f"capture:{payment.session}"
    if session.scalar(select(MoneyEntry.id).where(MoneyEntry.key == key)) is not None:
        return "already"
    session.add(
        MoneyEntry(
            id=context.ids.new(),
            key=key,
            order_id=payment.order_id,
            kind="captured",
            amount_cents=payment.amount_cents,
            currency=payment.currency,
            at=context.clock.now(),
        )
    )
    payment.state = states.CAPTURED
    payment.changed_at = context.clock.now()
    session.flush()
    record(session, context, "system", "payment.captured", about, {"amount_cents": payment.amount_cents})
    return paying.on_captured(session, context, session.get_one(Order, payment.order_id))
