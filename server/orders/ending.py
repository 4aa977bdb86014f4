"""How orders end: refunds that are final only after the revocation was applied, windows that are over,
doors confirmed empty."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.errors import Conflict, Unprocessable
from server.grants import service as grants
from server.lockers import blocks, commands, contents
from server.lockers.commands import find_door
from server.lockers.models import EMPTY, REVOKED, Compartment, Controller
from server.orders import capacity, moves
from server.orders.models import Order
from server.orders.repository import claims, get_order, holdings, live_claim
from server.orders.states import (
    BOUND,
    CLEARED,
    COLLECTED,
    DOUBTFUL,
    EXPIRED,
    LOADED,
    PAID,
    READY,
    REFUNDING,
    REFUSED,
    REGISTERED,
    WITHDRAWN,
)
from server.payments.models import Refund
from server.payments.states import DROPPED, DUE, WAITING
from server.people.logins import Signed


def begin_refund(session: Session, context: Context, order: Order, reason: str, by: str) -> Refund:
    """Moves the order to refunding and revokes its code. The sum is settled when the controller has applied
    that, or at once if nothing more can be heard of it."""
    controller = session.get_one(Controller, order.controller_id)
    moves.move_order(session, context, order, REFUNDING, by)
    version = grants.revoke(session, context, controller, order.id, by)
    refund = Refund(
        id=context.ids.new(),
        order_id=order.id,
        amount_cents=_owed(session, order),
        currency=order.currency,
        reason=reason,
        by=by,
        state=WAITING,
        grants_version=version,
        created_at=context.clock.now(),
    )
    session.add(refund)
    session.flush()
    record(session, context, by, "refund.began", f"order:{order.id}", {"reason": reason, "version": version})
    if version <= controller.grants_applied or controller.presence == REVOKED:
        settle(session, context, refund)
    return refund


def _owed(session: Session, order: Order) -> int:
    """The price of every line that was not collected, nor is left to a manager as doubtful."""
    return sum(
        held.cents for held in holdings(session, order.id) if held.claim.state not in (COLLECTED, DOUBTFUL)
    )


def refund(
    session: Session, context: Context, order: Order, reason: str, by: str, *, besides_doubtful: bool = False
) -> Refund:
    """Gives an order up: its claims are withdrawn, its code revoked, its money returned for what was not
    collected. `besides_doubtful`: nor for goods that may have been taken, which stay as they are.

    Raises Conflict for an order that is not paid, or is over; Unprocessable without a reason.
    """
    if not reason.strip():
        raise Unprocessable("a reason is needed", code="reason-needed")
    if order.state not in (PAID, REGISTERED, READY, EXPIRED):
        raise Conflict(f"an order that is {order.state} cannot be refunded")
    for claim in claims(session, order.id):
        if claim.state == PAID:
            moves.move_claim(session, context, claim, REFUSED, by, ended_at=context.clock.now())
            capacity.free(session, claim.id)
        elif claim.state == DOUBTFUL and claim.loaded_at is not None and besides_doubtful:
            continue
        elif claim.state in (BOUND, LOADED, DOUBTFUL, EXPIRED):
            moves.move_claim(session, context, claim, WITHDRAWN, by)
    return begin_refund(session, context, order, reason, by)


def settle(session: Session, context: Context, refund: Refund) -> None:
    """The revocation is applied, so every collection before it is known: fixes the sum, frees doors that
    are surely empty."""
    order = session.get_one(Order, refund.order_id)
    returned = _owed(session, order)
    for held in holdings(session, order.id):
        never_loaded = held.claim.loaded_at is None
        if (
            held.claim.state == WITHDRAWN
            and never_loaded
            and held.compartment
            and held.compartment.contents == EMPTY
        ):
            moves.move_claim(session, context, held.claim, CLEARED, "system", ended_at=context.clock.now())
            capacity.free(session, held.claim.id)
    refund.amount_cents = returned
    if returned == 0:
        refund.state = DROPPED
        refund.done_at = context.clock.now()
        moves.move_order(session, context, order, COLLECTED, "system", collected_at=context.clock.now())
    else:
        refund.state = DUE
    record(
        session,
        context,
        "system",
        "refund.settled",
        f"order:{order.id}",
        {"amount_cents": returned, "state": refund.state},
    )
    session.flush()


def settle_applied(session: Session, context: Context, controller: Controller) -> None:
    """After an `applied` record: every refund whose revocation the controller has by now. Of a revoked
    controller: every one."""
    query = (
        select(Refund)
        .join(Order, Order.id == Refund.order_id)
        .where(Order.controller_id == controller.id, Refund.state == WAITING)
    )
    if controller.presence != REVOKED:
        query = query.where(Refund.grants_version <= controller.grants_applied)
    for each in session.scalars(query).all():
        settle(session, context, each)


def revoke_controller(
    session: Session, context: Context, person: Signed, controller_id: str, reason: str
) -> Controller:
    """Takes a controller's right to connect away, and gives back the money of the orders whose doors it has:
    none of its codes can be withdrawn any more, and no word of a collection will come.

    Raises as `commands.revoke_controller`.
    """
    controller = commands.revoke_controller(session, context, person, controller_id, reason)
    settle_applied(session, context, controller)
    live = select(Order).where(
        Order.controller_id == controller.id, Order.state.in_((PAID, REGISTERED, READY))
    )
    for order in session.scalars(live.order_by(Order.id)).all():
        refund(session, context, order, "the lockers were taken out of service", person.actor)
    return controller


def on_window(session: Session, context: Context, order_id: str) -> None:
    """Timer: the window is over. Goods inside expire and stay until somebody looks; goods never loaded are
    refunded."""
    order = get_order(session, order_id)
    if order.state in (PAID, REGISTERED):
        refund(session, context, order, "not loaded before the end of the window", "system")
    elif order.state == READY:
        controller = session.get_one(Controller, order.controller_id)
        moves.move_order(session, context, order, EXPIRED, "system")
        for claim in claims(session, order.id):
            if claim.state == LOADED:
                moves.move_claim(session, context, claim, EXPIRED, "system")
        grants.revoke(session, context, controller, order.id, "system")


def blocked_doors(session: Session, order: Order) -> list[int]:
    """Doors of a live order that are blocked now; if there are any, its customer is offered the money
    back."""
    if order.state not in (PAID, REGISTERED, READY):
        return []
    return [
        held.compartment.number
        for held in holdings(session, order.id)
        if held.compartment
        and held.zone
        and held.claim.state in (BOUND, LOADED)
        and blocks.covering(session, order.controller_id, held.zone.key)
    ]


def refund_by_customer(session: Session, context: Context, order: Order) -> Refund:
    """The customer takes the offer of a blocked order; raises Conflict where nothing is blocked.

    Goods that the customer may have taken, from a compartment whose sensor could not see, are a manager's
    decision.
    """
    if not blocked_doors(session, order):
        raise Conflict("no door of this order is blocked")
    by = f"customer:{order.id}"
    return refund(session, context, order, "blocked by the cold chain", by, besides_doubtful=True)


def confirm_empty(
    session: Session, context: Context, person: Signed, controller_id: str, number: int, reason: str
) -> Compartment:
    """A person looked and says that a compartment is empty: it is offered again.

    Raises Conflict where the goods of a live order belong inside, or the door is open.
    """
    if not reason.strip():
        raise Unprocessable("a reason is needed", code="reason-needed")
    door = find_door(session, controller_id, number)
    if door.door_open:
        raise Conflict("the door is open; close it first")
    claim = live_claim(session, door.id)
    now = context.clock.now()
    if claim is not None:
        if claim.state in (BOUND, LOADED):
            raise Conflict("an order has its goods here; refund it first", code="in-use")
        to = COLLECTED if claim.state == DOUBTFUL else CLEARED
        moves.move_claim(session, context, claim, to, person.actor, ended_at=now)
        capacity.free(session, claim.id)
    elif door.contents == EMPTY:
        raise Conflict("this compartment is empty already")
    contents.change(session, context, door, EMPTY, person.actor, reason)
    record(
        session,
        context,
        person.actor,
        "door.confirmed_empty",
        f"controller:{controller_id}",
        {"door": number, "reason": reason},
    )
    return door
