"""A payment session, made with the order."""

from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.foundation.database import table_of
from server.payments.models import Payment
from server.payments.provider import provider
from server.payments.states import CREATED

_OPEN = insert(table_of(Payment))


@dataclass(frozen=True)
class Opened:
    """A session just made: where to pay."""

    provider: str
    session: str
    state: str = CREATED


def create(session: Session, context: Context, order_id: str, amount_cents: int, currency: str) -> Opened:
    """The order's one session at the provider of the settings. The order's row stands already."""
    now = context.clock.now()
    opened = Opened(provider(context).name, f"test_{context.ids.token(16)}")
    row = {
        "id": context.ids.new(),
        "order_id": order_id,
        "provider": opened.provider,
        "session": opened.session,
        "state": opened.state,
        "amount_cents": amount_cents,
        "currency": currency,
        "created_at": now,
        "changed_at": now,
    }
    session.connection().execute(_OPEN, row)
    return opened


def of_order(session: Session, order_id: str) -> Payment | None:
    """An order's session."""
    return session.scalars(select(Payment).where(Payment.order_id == order_id)).one_or_none()


def by_session(session: Session, name: str) -> Payment | None:
    """A session by the provider's name for it."""
    return session.scalars(select(Payment).where(Payment.session == name)).one_or_none()
