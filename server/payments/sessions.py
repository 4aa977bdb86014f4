"""A payment session, made with the order."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.payments.models import Payment
from server.payments.provider import provider
from server.payments.states import CREATED


def create(session: Session, context: Context, order_id: str, amount_cents: int, currency: str) -> Payment:
    """The order's one session at the provider of the settings."""
    now = context.clock.now()
    payment = Payment(
        id=context.ids.new(),
        order_id=order_id,
        provider=provider(context).name,
        session=f"test_{context.ids.token(16)}",
        state=CREATED,
        amount_cents=amount_cents,
        currency=currency,
        created_at=now,
        changed_at=now,
    )
    session.add(payment)
    session.flush()
    return payment


def of_order(session: Session, order_id: str) -> Payment | None:
    """An order's session."""
    return session.scalars(select(Payment).where(Payment.order_id == order_id)).one_or_none()


def by_session(session: Session, name: str) -> Payment | None:
    """A session by the provider's name for it."""
    return session.scalars(select(Payment).where(Payment.session == name)).one_or_none()
