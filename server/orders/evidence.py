"""What controllers' records say of orders: `applied`, `after`, `door`. Contents change on evidence alone."""

import logging
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract import records
from server.foundation.audit import record
from server.foundation.context import Context
from server.gateways.dispatch import Item
from server.grants import service as grants
from server.grants import sets
from server.lockers import contents
from server.lockers.models import DOUBTFUL, EMPTY, STOCKED, Compartment, Controller
from server.orders import capacity, ending, mails, moves
from server.orders import states as st
from server.orders.models import Claim, Order
from server.orders.repository import claim_of_load, claims

log = logging.getLogger(__name__)


_OF_THE_BOARD = ("flash", "memory")
"""Refusals that no other document would change (R-34): the gateway says the same again, after longer and
longer pauses.
"""


def on_applied(
    session: Session, context: Context, device: Controller | None, body: dict[str, Any], _item: Item
) -> None:
    """The controller holds a document: codes are registered, revocations final. Refused for what it says or
    stands upon: the whole set is sent anew."""
    if device is None:
        return
    version = int(body["ver"])
    if version > (device.config_version if body["d"] == "cfg" else device.grants_version):
        log.warning("%s says that it applied a version that was never sent", device.id)
        return  # taken at its word it would make every later revocation final at once
    if body["d"] == "cfg":
        if body["ok"] == 1:
            device.config_applied = max(device.config_applied, version)
        return
    if body["d"] != "grants":
        return
    if body["ok"] != 1:
        if version == device.grants_version and body.get("r") not in _OF_THE_BOARD:
            sets.resend(session, context, device)
        return
    if version <= device.grants_applied:
        return
    device.grants_applied = version
    session.flush()
    ending.settle_applied(session, context, device)
    waiting = session.scalars(
        select(Order).where(Order.controller_id == device.id, Order.state == st.PAID).order_by(Order.id)
    ).all()
    for order in waiting:
        progress(session, context, order)


def _done(claim: Claim) -> bool:
    return claim.state == st.COLLECTED or (claim.state == st.DOUBTFUL and claim.loaded_at is not None)


def progress(session: Session, context: Context, order: Order) -> None:
    """Moves an order as far as its claims and its code allow: registered, ready, collected."""
    controller = session.get_one(Controller, order.controller_id)
    held = claims(session, order.id)
    if order.state == st.PAID and grants.is_registered(session, controller, order.id):
        moves.move_order(session, context, order, st.REGISTERED, f"device:{controller.id}")
        mails.registered(session, context, order)
    if order.state == st.REGISTERED and all(claim.state == st.LOADED or _done(claim) for claim in held):
        moves.move_order(
            session, context, order, st.READY, f"device:{controller.id}", ready_at=context.clock.now()
        )
        grants.drop_loaders(session, context, controller, [claim.id for claim in held])
        mails.ready(session, context, order)
    if order.state in (st.READY, st.EXPIRED) and held and all(_done(claim) for claim in held):
        moves.move_order(
            session, context, order, st.COLLECTED, f"device:{controller.id}", collected_at=context.clock.now()
        )
        grants.revoke(session, context, controller, order.id, f"device:{controller.id}")


def on_after(
    session: Session, context: Context, device: Controller | None, body: dict[str, Any], item: Item
) -> None:
    """A contact cycle ended at a door: `ld` the load concerned, `i` the item sensor, `r` what it comes to."""
    if device is None:
        return
    door = _door(session, device.id, int(body["d"]))
    if door is None:
        raise ValueError("no such door")
    actor = f"device:{device.id}"
    claim = claim_of_load(session, device.id, int(body["ld"]))
    if claim is not None and claim.compartment_id != door.id:
        claim = None
    result, sensor = str(body["r"]), int(body["i"])
    if result == records.LOADED:
        _loaded(session, context, door, claim, int(body["ld"]), item, actor)
    elif result == records.COLLECTED and sensor == records.ABSENT:
        _collected(session, context, door, claim, actor)
    elif result in (records.COLLECTED, records.DOUBTFUL):
        _doubtful(session, context, door, claim, actor, "a cycle that proves nothing")
    elif sensor == records.ABSENT and door.contents == STOCKED:
        contents.change(session, context, door, DOUBTFUL, actor, "opened, and nothing seen inside")
    elif sensor != records.ABSENT and door.contents == EMPTY:
        contents.change(session, context, door, DOUBTFUL, actor, "opened, and perhaps something inside")
    if claim is not None:
        progress(session, context, session.get_one(Order, claim.order_id))


def _door(session: Session, controller_id: str, number: int) -> Compartment | None:
    return session.scalars(
        select(Compartment).where(Compartment.controller_id == controller_id, Compartment.number == number)
    ).one_or_none()


def _loaded(
    session: Session,
    context: Context,
    door: Compartment,
    claim: Claim | None,
    load: int,
    item: Item,
    actor: str,
) -> None:
    door.load = load
    contents.change(session, context, door, STOCKED, actor, "loaded")
    if claim is None:
        return
    claim.loaded_at = item.at
    session.flush()
    if moves.may_claim(claim, st.LOADED):
        moves.move_claim(session, context, claim, st.LOADED, actor)


def _collected(
    session: Session, context: Context, door: Compartment, claim: Claim | None, actor: str
) -> None:
    if claim is not None and claim.state == st.BOUND:  # the record of the loading fell into a gap
        moves.move_claim(session, context, claim, st.LOADED, actor, loaded_at=context.clock.now())
    if claim is not None and moves.may_claim(claim, st.COLLECTED):
        moves.move_claim(session, context, claim, st.COLLECTED, actor, ended_at=context.clock.now())
        capacity.free(session, claim.id)
    if door.contents == DOUBTFUL:
        return  # an old doubt is lifted by a person alone
    contents.change(session, context, door, EMPTY, actor, "contact cycle, sensor says empty")


def _doubtful(
    session: Session, context: Context, door: Compartment, claim: Claim | None, actor: str, why: str
) -> None:
    contents.change(session, context, door, DOUBTFUL, actor, why)
    if claim is not None and moves.may_claim(claim, st.DOUBTFUL):
        moves.move_claim(session, context, claim, st.DOUBTFUL, actor)


def on_door(
    session: Session, context: Context, device: Controller | None, body: dict[str, Any], item: Item
) -> None:
    """A door's contact; an opening nobody asked for leaves a line, and doubt about what is inside."""
    if device is None:
        return
    door = _door(session, device.id, int(body["d"]))
    if door is None:
        return
    contents.note_door(door, is_open=body["s"] == 1, at=item.at)
    if body["s"] == 1 and body["x"] == 1:
        record(
            session,
            context,
            f"device:{device.id}",
            "door.forced",
            f"controller:{device.id}",
            {"door": door.number},
        )
        if door.contents == EMPTY:  # goods inside are judged by the sensor, in the `after` record
            contents.change(session, context, door, DOUBTFUL, f"device:{device.id}", "opened by force")
