"""Orders as the API shows them."""

from datetime import UTC

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.orders.holding import NewOrder, Taken
from server.orders.models import Order
from server.orders.repository import holdings
from server.orders.schemas import LineView, OrderView, PaymentView, RefundView
from server.orders.states import HELD
from server.payments import sessions
from server.payments.models import Refund
from server.payments.provider import provider


def first_view(context: Context, new: NewOrder, held: Taken) -> OrderView:
    """What `view` shows of an order that was held a moment ago, told without a look at its rows."""
    return OrderView(
        id=held.id,
        reference=new.reference,
        bank=new.bank,
        state=HELD,
        hold_expires_at=held.expires_at,
        window_start=new.start.astimezone(UTC),
        window_end=new.end.astimezone(UTC),
        total_cents=held.total_cents,
        currency=held.currency,
        lines=[
            LineView(
                id=line.id, product=line.product, quantity=line.quantity, climate=line.climate, state=HELD
            )
            for line in held.lines
        ],
        doors=[],
        payment=PaymentView(
            provider=held.payment.provider,
            session=held.payment.session,
            url=provider(context).page(held.payment.session),
            state=held.payment.state,
        ),
        refund=None,
    )


def view(session: Session, context: Context, order: Order) -> OrderView:
    """Everything but the code, which is the customer's alone."""
    payment = sessions.of_order(session, order.id)
    refund = session.scalars(select(Refund).where(Refund.order_id == order.id)).one_or_none()
    held = holdings(session, order.id)
    return OrderView(
        id=order.id,
        reference=order.reference,
        bank=order.controller_id,
        state=order.state,
        hold_expires_at=order.hold_expires_at,
        window_start=order.window_start,
        window_end=order.window_end,
        total_cents=order.total_cents,
        currency=order.currency,
        lines=[
            LineView(
                id=each.line.id,
                product=each.product.id,
                quantity=each.line.quantity,
                climate=each.claim.climate,
                state=each.claim.state,
                door=each.compartment.number if each.compartment else None,
            )
            for each in held
        ],
        doors=[each.compartment.number for each in held if each.compartment],
        payment=None
        if payment is None
        else PaymentView(
            provider=payment.provider,
            session=payment.session,
            url=provider(context).page(payment.session),
            state=payment.state,
        ),
        refund=None
        if refund is None
        else RefundView(state=refund.state, amount_cents=refund.amount_cents, reason=refund.reason),
    )
