"""Hangar lots: made by a manager, placed into a room; a room that is warm or blind takes none, and each
refusal says why.
"""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.catalogue.models import Product
from server.coldchain import service as coldchain
from server.coldchain.models import Lot
from server.foundation.audit import record as audit
from server.foundation.context import Context
from server.foundation.errors import Conflict, NotFound, Unprocessable
from server.lockers.models import Controller, Zone
from server.people.logins import Signed

ROOM = "room"
MOST = 100_000


def create(
    session: Session, context: Context, person: Signed, product_id: str, quantity: int, use_by: date
) -> Lot:
    """A new lot, not yet placed. NotFound (product), Unprocessable (quantity, or a use-by date that has
    passed).
    """
    product = session.get(Product, product_id)
    if product is None:
        raise NotFound("There is no such product", code="product-unknown")
    if not 1 <= quantity <= MOST:
        raise Unprocessable(f"A quantity lies between 1 and {MOST}", code="quantity")
    if use_by < context.clock.now().date():
        raise Unprocessable("The use-by date has passed: no sale, no gift", code="use-by-passed")
    lot = Lot(
        id=context.ids.new(),
        product_id=product.id,
        quantity=quantity,
        use_by=use_by,
        created_by=person.name,
        created_at=context.clock.now(),
        placed_by="",
    )
    session.add(lot)
    audit(
        session,
        context,
        person.actor,
        "lot.created",
        f"lot:{lot.id}",
        {"product": product.id, "quantity": quantity, "use_by": use_by.isoformat()},
    )
    return lot


def rooms(session: Session) -> list[Zone]:
    """Every zone of a hangar controller, in the order of the site file."""
    return list(
        session.scalars(
            select(Zone)
            .join(Controller, Controller.id == Zone.controller_id)
            .where(Controller.kind == ROOM)
            .order_by(Zone.id)
        )
    )


def refusal(session: Session, lot: Lot, room: Zone) -> str:
    """Why a lot may not be loaded into a room, as a code; empty if it may."""
    product = session.get_one(Product, lot.product_id)
    if coldchain.is_breached(session, room):
        return "room-breached"
    if product.max_centi is not None and room.high_centi > product.max_centi:
        return "room-too-warm-for-product"
    return ""


def place(session: Session, context: Context, person: Signed, lot_id: str, zone_id: int) -> Lot:
    """Loads a lot into a room. NotFound; Conflict `room-breached` or `room-too-warm-for-product`."""
    lot = session.get(Lot, lot_id)
    room = session.get(Zone, zone_id)
    if lot is None:
        raise NotFound("There is no such lot", code="lot-unknown")
    if room is None or room not in rooms(session):
        raise NotFound("There is no such room", code="room-unknown")
    why = refusal(session, lot, room)
    if why:
        raise Conflict(f"{room.name} cannot take this lot", code=why, extra={"room": room.key})
    lot.zone_id = room.id
    lot.placed_by = person.name
    lot.placed_at = context.clock.now()
    audit(
        session,
        context,
        person.actor,
        "lot.placed",
        f"lot:{lot.id}",
        {"room": f"{room.controller_id}/{room.key}"},
    )
    return lot


def all_lots(session: Session, limit: int = 200) -> list[Lot]:
    """Lots, the earliest use-by date first (FEFO)."""
    return list(session.scalars(select(Lot).order_by(Lot.use_by, Lot.id).limit(limit)))
