"""Sends money back: the provider is called outside any transaction, under the refund's own key; then the
ledger says so."""

import logging

from sqlalchemy import select

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


def send_due(context: Context, limit: int = 20) -> int:
    """Returns what is due; called again and again by the background thread. Returns how many went.

    One that fails holds back no other; the first failure is raised at the end.
    """
    with context.store.read() as session:
        due = [
            (refund.id, payment.session, refund.amount_cents, refund.currency)
            for refund in session.scalars(select(Refund).where(Refund.state == states.DUE).limit(limit))
            if (payment := sessions.of_order(session, refund.order_id)) is not None
        ]
    done = 0
    failure: Exception | None = None
    for refund_id, name, amount_cents, currency in due:
        try:
            provider(context).refund(name, amount_cents, currency, f"refund:{refund_id}")
        except OSError as error:
            log.warning("the provider did not take a refund, it waits: %s", type(error).__name__)
            continue
        try:
            _book(context, refund_id)
        except Conflict:
            log.info("another process booked the refund")
            continue
        except Exception as error:  # noqa: BLE001 - raised below, when the others have had their turn
            failure = failure or error
            continue
        done += 1
    if failure is not None:
        raise failure
    return done


def _book(context: Context, refund_id: str) -> None:
    with context.store.write() as session:
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
