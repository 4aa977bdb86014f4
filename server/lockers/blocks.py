"""Blocks as controllers tell them: a `block` record opens one, a `release` record naming a person ends it
(R-53)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract import commands as wire
from server.foundation.audit import record
from server.foundation.context import Context
from server.gateways.dispatch import Item
from server.lockers.models import Block, Command, Controller


def live(session: Session, controller_id: str | None = None) -> Sequence[Block]:
    """Blocks in force, oldest first."""
    query = select(Block).where(Block.released_at.is_(None)).order_by(Block.began_at)
    if controller_id is not None:
        query = query.where(Block.controller_id == controller_id)
    return session.scalars(query).all()


def covering(session: Session, controller_id: str, zone_key: str) -> Sequence[Block]:
    """Blocks in force for a zone's doors."""
    return [block for block in live(session, controller_id) if block.zone_key in ("", zone_key)]


def find(session: Session, controller_id: str, block_id: str) -> Block | None:
    """A block by the id that the controller knows it by."""
    return session.scalars(
        select(Block).where(Block.controller_id == controller_id, Block.block_id == block_id)
    ).one_or_none()


def on_block(
    session: Session, context: Context, device: Controller | None, body: dict[str, Any], item: Item
) -> None:
    """A `block` record: the block is in force at the doors. One that a command asked for bears the person's
    name and words."""
    if device is None or find(session, device.id, str(body["id"])) is not None:
        return
    asked = session.scalars(
        select(Command).where(
            Command.controller_id == device.id, Command.op == wire.BLOCK, Command.block_id == str(body["id"])
        )
    ).one_or_none()
    session.add(
        Block(
            id=context.ids.new(),
            controller_id=device.id,
            block_id=str(body["id"]),
            zone_key=str(body["z"]),
            reason=str(body["r"]),
            by=asked.by if asked is not None else "device",
            note=asked.reason if asked is not None else "",
            began_at=item.at,
        )
    )
    session.flush()
    record(
        session,
        context,
        f"device:{device.id}",
        "block.began",
        f"controller:{device.id}",
        {"zone": body["z"], "reason": body["r"], "block": body["id"]},
    )


def on_release(
    session: Session, context: Context, device: Controller | None, body: dict[str, Any], item: Item
) -> None:
    """A `release` record: the block is lifted at the doors."""
    if device is None:
        return
    block = find(session, device.id, str(body["id"]))
    if block is None or block.released_at is not None:
        return
    block.released_at = item.at
    block.released_by = str(body["by"])
    record(
        session,
        context,
        f"device:{device.id}",
        "block.released",
        f"controller:{device.id}",
        {"block": block.block_id, "by": block.released_by, "reason": block.release_reason},
    )


def forget(session: Session, context: Context, command: Command) -> None:
    """A release failed because the controller holds no block of that id (it lost its flash, say): nothing is
    blocked at the doors, so nothing is blocked here."""
    block = find(session, command.controller_id, command.block_id)
    if block is None or block.released_at is not None:
        return
    block.released_at = context.clock.now()
    block.released_by = command.by
    record(
        session,
        context,
        f"device:{command.controller_id}",
        "block.unknown",
        f"controller:{command.controller_id}",
        {"block": block.block_id, "by": command.by, "reason": command.reason},
    )
