"""Sends money back: the provider is called outside any transaction, under the refund's own key; then the
ledger says so.

A process claims a refund for a while before it calls: of several servers one at a time is at it. One that
dies in between leaves its claim to run out, and the key sees to it that the provider pays once.
"""

import logging
from datetime import timedelta
from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.errors import Conflict
from server.orders import mails, moves
from server.orders.models import Order
from server.orders.states import REFUNDED
from server.payments import sessions, states
from server.payments.models import MoneyEntry, Refund
from server.payments.provider import provider

log = logging.getLogger(__name__)


_CLAIM = timedelta(seconds=60)
_AGAIN = timedelta(seconds=10)
"""After this a provider that did not take a refund is asked again."""


def _claim(context: Context, limit: int) -> list[tuple[str, str, int, str]]:
    """(refund, payment session, cents, currency) of what is due and nobody is at."""
    now = context.clock.now()
    free = (
        select(Refund)
        .where(Refund.state == states.DUE, or_(Refund.claimed_until.is_(None), Refund.claimed_until <= now))
        .order_by(Refund.id)
        .limit(limit)
    )
    with context.store.read() as session:
        if session.scalars(free.limit(1)).first() is None:
            return []

    def claim(session: Session) -> list[tuple[str, str, int, str]]:
        claimed = []
        for refund in session.scalars(free.with_for_update(skip_locked=True)).all():
            payment = sessions.of_order(session, refund.order_id)
            if payment is not None:
                refund.claimed_until = now + _CLAIM
                claimed.append((refund.id, payment.session, refund.amount_cents, refund.currency))
        return claimed

    return context.store.run(claim)


def _release(context: Context, refund_id: str, wait: timedelta = timedelta(0)) -> None:
    with context.store.write() as session:
        refund = session.get_one(Refund, refund_id)
        refund.claimed_until = context.clock.now() + wait


def send_due(context: Context, limit: int = 20) -> int:
    """Returns what is due; called again and again by the background thread. Returns how many went.

    One that fails holds back no other; the first failure is raised at the end.
    """
    due = _claim(context, limit)
    done = 0
    failure: Exception | None = None
    for refund_id, name, amount_cents, currency in due:
        try:
            provider(context).refund(name, amount_cents, currency, f"refund:{refund_id}")
        except OSError as error:
            log.warning("the provider did not take a refund, it waits: %s", type(error).__name__)
            _release(context, refund_id, _AGAIN)
            continue
        try:
            context.store.run(partial(_book, context=context, refund_id=refund_id))
        except Conflict:
            log.info("another process booked the refund")
            continue
        except Exception as error:  # noqa: BLE001 - raised below, when the others have had their turn
            failure = failure or error
            _release(context, refund_id)
            continue
        done += 1
    if failure is not None:
        raise failure
    return done


def _book(session: Session, context: Context, refund_id: str) -> None:
    refund = session.get_one(Refund, refund_id, with_for_update=True)
    if refund.state != states.DUE:
        raise Conflict("booked already")
    now = context.clock.now()
    session.add(
        MoneyEntry(
            id=context.ids.new(),
            key=f"refund:{refund.id}",
            order_id=refund.order_id,
            kind="refunded",
            amount_cents=refund.amount_cents,
            currency=refund.currency,
            at=now,
        )
    )
    refund.state = states.DONE
    refund.done_at = now
    refund.claimed_until = None
    payment = sessions.of_order(session, refund.order_id)
    if payment is not None:
        payment.state = states.REFUNDED
        payment.changed_at = now
    order = session.get_one(Order, refund.order_id)
    moves.move_order(session, context, order, REFUNDED, "system")
    record(
        session,
        context,
        "system",
        "payment.refunded",
        f"order:{order.id}",
        {"amount_cents": refund.amount_cents},
    )
    mails.refunded(session, context, order, refund.amount_cents)
