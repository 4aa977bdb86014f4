"""What a captured payment brings: doors for the order, or the money back; never both, never neither."""

from datetime import timedelta

from sqlalchemy.orm import Session

from server.catalogue.models import Product
from server.foundation.context import Context
from server.foundation.timers import set_timer
from server.grants import service as grants
from server.lockers.models import REVOKED, Compartment, Controller
from server.orders import capacity, ending, holding, moves
from server.orders.models import Claim, Order, OrderLine
from server.orders.repository import claims, get_order
from server.orders.states import BOUND, HELD, LAPSED, PAID, REFUSED

BIND = "order.bind"
WINDOW = "order.window"

_RETRY = timedelta(seconds=20)
_PATIENCE = timedelta(minutes=10)
"""How long after the window opened a paid order may still wait for a door before the money goes back."""
AFTER_WINDOW = timedelta(minutes=5)
"""A customer who opened in time may finish."""


def on_captured(session: Session, context: Context, order: Order) -> str:
    """Moves the order on; returns what happened: `paid`, `late-paid`, `refunded` or `already`."""
    now = context.clock.now()
    revoked = session.get_one(Controller, order.controller_id).presence == REVOKED
    if order.state == HELD and (order.hold_expires_at <= now or revoked):
        holding.lapse(session, context, order)
    if order.state == HELD:
        _paid(session, context, order)
        return "paid"
    if order.state == LAPSED:
        if not revoked and order.window_end > now and _claim_again(session, context, order):
            _paid(session, context, order)
            return "late-paid"
        for claim in claims(session, order.id):
            moves.move_claim(session, context, claim, REFUSED, "system", ended_at=now)
        ending.begin_refund(session, context, order, "paid after the hold had lapsed, nothing free", "system")
        return "refunded"
    return "already"


def _claim_again(session: Session, context: Context, order: Order) -> bool:
    """Capacity for every claim of a lapsed order, or for none."""
    holding.lapse_overdue(session, context, order.controller_id)
    held = claims(session, order.id)
    for claim in held:
        product = _product(session, claim)
        need = capacity.Need(
            claim.controller_id,
            claim.climate,
            claim.size,
            product.max_centi,
            order.window_start,
            order.window_end,
        )
        if capacity.plan(session, claim.id, need) is None:
            for each in held:
                capacity.free(session, each.id)
            return False
    return True


def _product(session: Session, claim: Claim) -> Product:
    line = session.get_one(OrderLine, claim.line_id)
    return session.get_one(Product, line.product_id)


def _paid(session: Session, context: Context, order: Order) -> None:
    moves.move_order(session, context, order, PAID, "system")
    for claim in claims(session, order.id):
        moves.move_claim(session, context, claim, PAID, "system")
    set_timer(session, WINDOW, order.id, order.window_end + AFTER_WINDOW)
    due = order.window_start - timedelta(hours=context.settings.bind_lead_hours)
    if due > context.clock.now() or not bind(session, context, order):
        set_timer(session, BIND, order.id, max(due, context.clock.now() + _RETRY))


def bind(session: Session, context: Context, order: Order) -> bool:
    """Binds every claim to a compartment and sends the grants; False, and nothing changed, if a door is
    missing now."""
    controller = session.get_one(Controller, order.controller_id)
    chosen: list[tuple[Claim, Compartment, Product]] = []
    with session.begin_nested() as step:
        for claim in claims(session, order.id):
            product = _product(session, claim)
            door = capacity.door_for(session, claim, order, product.max_centi)
            if door is None:
                step.rollback()
                return False
            controller.last_load += 1
            moves.move_claim(
                session,
                context,
                claim,
                BOUND,
                "system",
                compartment_id=door.id,
                load=controller.last_load,
            )
            chosen.append((claim, door, product))
        doors = [
            grants.DoorGrant(claim.id, door.number, claim.load or 0, product.producer_id, product.name)
            for claim, door, product in chosen
        ]
        grants.issue(session, context, controller, order.id, doors, order.window_start, order.window_end)
    return True


def on_bind(session: Session, context: Context, order_id: str) -> None:
    """Timer: time to bind, again if no door was free; when patience is over the money goes back."""
    order = get_order(session, order_id)
    if order.state != PAID or any(claim.state != PAID for claim in claims(session, order.id)):
        return
    if bind(session, context, order):
        return
    now = context.clock.now()
    if now >= min(order.window_start + _PATIENCE, order.window_end):
        ending.refund(session, context, order, "no compartment was free in time", "system")
    else:
        set_timer(session, BIND, order.id, now + _RETRY)
