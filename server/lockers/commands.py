"""Commands: a person's act on a door, sent once with an expiry in the device's own uptime; what became of
it comes back.

`open_door`, `block_doors`, `release_block` are for the pages and the API alike; each writes its audit line.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from firmware.contract import commands as wire
from firmware.contract import records
from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.database import changed
from server.foundation.errors import Conflict, NotFound, Unprocessable
from server.foundation.timers import set_timer
from server.gateways import feed
from server.gateways.dispatch import Item
from server.lockers import blocks, hearing
from server.lockers.keys import sealed
from server.lockers.models import REVOKED, Block, Command, Compartment, Controller, Zone
from server.people.logins import Signed

_ANSWER_WITHIN = timedelta(seconds=150)
"""After the longest life of a command and some: then it is `silent`, and nobody may assume that it did
nothing."""

TIMER = "command.silent"

_FINAL = {
    records.DONE: "done",
    records.FAILED: "failed",
}


def open_door(
    session: Session, context: Context, person: Signed, controller_id: str, number: int, reason: str
) -> Command:
    """Opens one door from afar. Raises NotFound, Unprocessable (no reason), Conflict (offline)."""
    door = find_door(session, controller_id, number)
    controller = session.get_one(Controller, door.controller_id)
    return _send(session, context, person, controller, wire.OPEN, reason, door=number)


def block_doors(
    session: Session, context: Context, person: Signed, controller_id: str, zone_key: str, reason: str
) -> Command:
    """Asks for a block of a zone's doors, or of all with zone "", until a person releases them; it is in
    force when its `block` record comes back.

    Raises NotFound for a controller or a zone that is not, or that the controller does not know: it is told
    of zones with probes alone (`configuration.build`).
    """
    controller = session.get(Controller, controller_id)
    if controller is None:
        raise NotFound("there is no such controller")
    if zone_key:
        probes = session.scalar(
            select(Zone.probes).where(Zone.controller_id == controller_id, Zone.key == zone_key)
        )
        if not probes:
            raise NotFound("the controller has no such zone to block")
    block_id = context.ids.token(8)
    return _send(
        session, context, person, controller, wire.BLOCK, reason, zone_key=zone_key, block_id=block_id
    )


def release_block(
    session: Session, context: Context, person: Signed, block_row_id: str, reason: str
) -> Command:
    """Asks the controller to lift a block; it is lifted when its `release` record
    comes back."""
    block = session.get(Block, block_row_id)
    if block is None:
        raise NotFound("there is no such block")
    if block.released_at is not None:
        raise Conflict("this block was released already")
    controller = session.get_one(Controller, block.controller_id)
    command = _send(
        session,
        context,
        person,
        controller,
        wire.RELEASE,
        reason,
        zone_key=block.zone_key,
        block_id=block.block_id,
    )
    block.requested_at = context.clock.now()
    block.release_reason = reason
    return command


def revoke_controller(
    session: Session, context: Context, person: Signed, controller_id: str, reason: str
) -> Controller:
    """A stolen or replaced controller: its gateway drops its key, its rights and its session. It never
    comes back."""
    controller = session.get(Controller, controller_id)
    if controller is None:
        raise NotFound("there is no such controller")
    if not reason.strip():
        raise Unprocessable("a reason is needed", code="reason-needed")
    if controller.presence == REVOKED:
        raise Conflict("this controller was revoked already")
    controller.presence = REVOKED
    controller.presence_at = context.clock.now()
    feed.append(session, context, controller.site_id, controller.id, "revoke", {})
    record(
        session,
        context,
        person.actor,
        "controller.revoked",
        f"controller:{controller.id}",
        {"reason": reason},
    )
    return controller


def find_door(session: Session, controller_id: str, number: int) -> Compartment:
    """A door by its controller and number; raises NotFound."""
    door = session.scalars(
        select(Compartment).where(Compartment.controller_id == controller_id, Compartment.number == number)
    ).one_or_none()
    if door is None:
        raise NotFound("there is no such door")
    return door


def _send(
    session: Session,
    context: Context,
    person: Signed,
    controller: Controller,
    op: str,
    reason: str,
    *,
    door: int = 0,
    zone_key: str = "",
    block_id: str = "",
) -> Command:
    reason = reason.strip()
    if not reason:
        raise Unprocessable("a reason is needed", code="reason-needed")
    now = context.clock.now()
    elapsed_ms = hearing.elapsed_ms(context.clock, controller)
    if controller.presence != "online" or elapsed_ms is None or elapsed_ms > hearing.HEARD_WITHIN_MS:
        raise Conflict("the controller is not connected; nothing was sent", code="offline")
    not_after_ms = controller.uptime_ms + elapsed_ms + context.settings.command_ttl_s * 1000
    by = person.name.encode()[:64].decode(errors="ignore")
    command_id = context.ids.token(8)
    body = wire.Command(command_id, op, controller.boot, not_after_ms, door, zone_key, block_id, by).pack()
    command = Command(
        id=command_id,
        controller_id=controller.id,
        op=op,
        door=door,
        zone_key=zone_key,
        block_id=block_id,
        boot=controller.boot,
        not_after_ms=not_after_ms,
        by=person.name,
        reason=reason,
        created_at=now,
        state="sent",
    )
    session.add(command)
    feed.append(
        session,
        context,
        controller.site_id,
        controller.id,
        "command",
        {
            "id": command_id,
            "boot": controller.boot,
            "not_after_ms": not_after_ms,
            "payload": sealed(context, controller, "cmd", body),
        },
    )
    set_timer(session, TIMER, command_id, now + _ANSWER_WITHIN)
    details: dict[str, Any] = {"reason": reason, "command": command_id}
    if door:
        details["door"] = door
    if block_id:
        details |= {"zone": zone_key, "block": block_id}
    record(session, context, person.actor, f"door.{op}", f"controller:{controller.id}", details)
    return command


def _finish(
    session: Session, context: Context, command_id: str, state: str, result: str, outcome: str = ""
) -> None:
    done = changed(
        session,
        update(Command)
        .where(Command.id == command_id, Command.state.in_(("sent", "silent")))
        .values(state=state, result=result, outcome=outcome, result_at=context.clock.now()),
    )
    if done == 1:
        record(session, context, "system", "command.ended", f"command:{command_id}", {"result": result})


def on_cmd(
    session: Session, context: Context, device: Controller | None, body: dict[str, Any], _item: Item
) -> None:
    """A `cmd` record: the first word of a command's end stands; `duplicate`, `badseal` … of others change
    nothing."""
    command = session.get(Command, str(body.get("id")))
    if command is None or device is None or command.controller_id != device.id:
        return
    word = str(body.get("st"))
    if word == records.DUPLICATE:
        word = str(body.get("st1", word))
        if word == records.DUPLICATE:
            return
    if word == records.BAD_SEAL:
        return  # whoever altered it chose the id; the real one may still arrive
    _finish(session, context, command.id, _FINAL.get(word, "refused"), word, str(body.get("o", "")))
    if word == records.FAILED and body.get("op") == wire.RELEASE:
        blocks.forget(session, context, command)


def on_undelivered(
    session: Session, context: Context, _device: Controller | None, body: dict[str, Any], item: Item
) -> None:
    """The gateway could not hand a command over, and will not. Another site's gateway knows nothing of it."""
    command = session.get(Command, str(body.get("id")))
    if command is not None and session.get_one(Controller, command.controller_id).site_id == item.site_id:
        _finish(session, context, command.id, "undelivered", str(body.get("r", ""))[:32])


def on_silent(session: Session, context: Context, command_id: str) -> None:
    """Timer: nothing came back in time."""
    session.execute(
        update(Command)
        .where(Command.id == command_id, Command.state == "sent")
        .values(state="silent", result_at=context.clock.now())
    )
