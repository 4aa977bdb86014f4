"""What a manager does from a page: each act is a form, named and with a reason, answered by a redirect."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from server.alarms import service as alarms
from server.coldchain import lots
from server.foundation.context import Context
from server.foundation.errors import Conflict, Unprocessable
from server.lockers import commands
from server.orders import ending
from server.orders.repository import get_order
from server.pages.addresses import Device, DoorNumber, RowName, ZoneKey
from server.pages.words import NOTED
from server.people.access import Ctx, Manager

router = APIRouter(prefix="/manager", include_in_schema=False)

SEE_OTHER = 303

Reason = Annotated[str, Form(max_length=200, pattern=r"^[^\x00]*$")]
Word = Annotated[str, Form(max_length=40, pattern=r"^[^\x00]*$")]


def _act(context: Context, back: str, note: str, act: Callable[[Session], object]) -> Response:
    """Runs an act in one transaction and goes back with its note, or with why it cannot be."""
    try:
        with context.store.write() as session:
            act(session)
    except (Conflict, Unprocessable) as refusal:
        note = refusal.code if refusal.code in NOTED else "impossible"
    path, _, fragment = back.partition("#")
    return RedirectResponse(f"{path}?note={note}" + (f"#{fragment}" if fragment else ""), SEE_OTHER)


@router.post("/alarms/{alarm_id}/acknowledge")
def acknowledge(context: Ctx, person: Manager, alarm_id: RowName, comment: Reason = "") -> Response:
    """Takes note of an alarm."""
    return _act(
        context,
        "/manager/alarms",
        "acknowledged",
        lambda session: alarms.acknowledge(session, context, alarm_id, person, comment),
    )


@router.post("/doors/{device}/{number}/open")
def open_door(
    context: Ctx, person: Manager, device: Device, number: DoorNumber, reason: Reason = ""
) -> Response:
    """Opens a door at a distance."""
    return _act(
        context,
        f"/manager/doors/{device}/{number}",
        "sent",
        lambda session: commands.open_door(session, context, person, device, number, reason),
    )


@router.post("/doors/{device}/{number}/confirm")
def confirm_empty(
    context: Ctx, person: Manager, device: Device, number: DoorNumber, reason: Reason = ""
) -> Response:
    """Says that a compartment is empty, having looked."""
    return _act(
        context,
        f"/manager/doors/{device}/{number}",
        "confirmed",
        lambda session: ending.confirm_empty(session, context, person, device, number, reason),
    )


@router.post("/zones/{device}/{key}/block")
def block_zone(context: Ctx, person: Manager, device: Device, key: ZoneKey, reason: Reason = "") -> Response:
    """Blocks a zone's doors by hand."""
    return _act(
        context,
        f"/manager/zones/{device}/{key}",
        "blocked",
        lambda session: commands.block_doors(session, context, person, device, key, reason),
    )


@router.post("/blocks/{block_id}/release")
def release(context: Ctx, person: Manager, block_id: RowName, reason: Reason = "") -> Response:
    """Releases a block by name and reason."""
    return _act(
        context,
        "/manager/doors",
        "releasing",
        lambda session: commands.release_block(session, context, person, block_id, reason),
    )


@router.post("/controllers/{device}/revoke")
def revoke(
    context: Ctx, person: Manager, device: Device, reason: Reason = "", confirm: Word = ""
) -> Response:
    """Takes a controller's right to connect away for good; its name is typed again, for nothing undoes it."""

    def act(session: Session) -> object:
        if confirm.strip() != device:
            raise Unprocessable("the controller's id is to be typed again", code="not-confirmed")
        return ending.revoke_controller(session, context, person, device, reason)

    return _act(context, "/manager/health", "revoked", act)


@router.post("/orders/{order_id}/refund")
def refund(context: Ctx, person: Manager, order_id: RowName, reason: Reason = "") -> Response:
    """Gives an order up and returns its money."""
    return _act(
        context,
        "/manager/orders",
        "refunding",
        lambda session: ending.refund(session, context, get_order(session, order_id), reason, person.actor),
    )


@router.post("/lots")
def create_lot(
    context: Ctx,
    person: Manager,
    product: Word = "",
    quantity: Annotated[int, Form(ge=0, le=lots.MOST)] = 0,
    use_by: Annotated[date | None, Form()] = None,
) -> Response:
    """A new lot."""
    if use_by is None:
        raise Unprocessable("the use-by date is missing")
    return _act(
        context,
        "/manager/hangar",
        "lot-created",
        lambda session: lots.create(session, context, person, product, quantity, use_by),
    )


@router.post("/lots/{lot_id}/place")
def place_lot(
    context: Ctx, person: Manager, lot_id: RowName, room: Annotated[int, Form(ge=0, le=1 << 31)] = 0
) -> Response:
    """Loads a lot into a room; refused while the room is breached."""
    return _act(
        context,
        "/manager/hangar",
        "lot-placed",
        lambda session: lots.place(session, context, person, lot_id, room),
    )
