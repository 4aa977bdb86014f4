"""`/api/v1/controllers`, `/blocks`, `/commands`, `/records`: what a manager sees of the walls, and the acts
on doors."""

from typing import Annotated

from fastapi import APIRouter, Path
from sqlalchemy import select

from server.foundation.errors import NotFound
from server.foundation.paging import AfterNumber, Limit, Page
from server.foundation.web import Identifier, RowId, problems
from server.gateways.models import DeviceRecord
from server.lockers import blocks, commands
from server.lockers.models import EMPTY, Block, Command, Compartment, Controller, Zone
from server.lockers.schemas import (
    BlockBody,
    BlockView,
    CommandView,
    ControllerView,
    DoorView,
    RecordView,
)
from server.orders import ending
from server.orders.models import Claim
from server.orders.schemas import Reason
from server.orders.states import OCCUPYING
from server.people.access import Ctx, Manager

router = APIRouter(prefix="/api/v1", tags=["lockers"])

DoorNumber = Annotated[int, Path(ge=1, le=255)]
CommandId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


def _controller_view(row: Controller) -> ControllerView:
    return ControllerView(
        id=row.id,
        site=row.site_id,
        kind=row.kind,
        name=row.name,
        presence=row.presence,
        boot=row.boot,
        heard_at=row.heard_at,
        config_version=row.config_version,
        config_applied=row.config_applied,
        grants_version=row.grants_version,
        grants_applied=row.grants_applied,
    )


def _command_view(row: Command) -> CommandView:
    return CommandView(
        id=row.id,
        controller=row.controller_id,
        op=row.op,
        door=row.door,
        by=row.by,
        reason=row.reason,
        state=row.state,
        result=row.result,
        outcome=row.outcome,
        created_at=row.created_at,
        result_at=row.result_at,
    )


def _block_view(row: Block) -> BlockView:
    return BlockView(
        id=row.id,
        controller=row.controller_id,
        zone=row.zone_key,
        reason=row.reason,
        by=row.by,
        began_at=row.began_at,
        released_at=row.released_at,
        released_by=row.released_by,
    )


@router.get("/controllers", responses=problems(401, 403))
def list_controllers(context: Ctx, _manager: Manager) -> Page[ControllerView]:
    """Every controller."""
    with context.store.read() as session:
        rows = session.scalars(select(Controller).order_by(Controller.id)).all()
        return Page(items=[_controller_view(row) for row in rows])


@router.get("/controllers/{controller_id}/doors", responses=problems(401, 403, 404))
def list_doors(context: Ctx, _manager: Manager, controller_id: Identifier) -> Page[DoorView]:
    """The doors of a bank."""
    with context.store.read() as session:
        if session.get(Controller, controller_id) is None:
            raise NotFound("there is no such controller")
        live = {block.zone_key for block in blocks.live(session, controller_id)}
        rows = session.execute(
            select(Compartment, Zone, Claim)
            .join(Zone, Zone.id == Compartment.zone_id)
            .outerjoin(Claim, (Claim.compartment_id == Compartment.id) & Claim.state.in_(OCCUPYING))
            .where(Compartment.controller_id == controller_id)
            .order_by(Compartment.number)
        ).all()
        items = []
        for door, zone, joined in rows:
            claim: Claim | None = joined  # an outer join: SQLAlchemy's types do not say so
            blocked = "" in live or zone.key in live
            free = door.in_service and door.contents == EMPTY and not door.door_open
            items.append(
                DoorView(
                    number=door.number,
                    zone=zone.key,
                    climate=zone.climate,
                    size=door.size,
                    contents=door.contents,
                    open=door.door_open,
                    in_service=door.in_service,
                    blocked=blocked,
                    claim=claim.state if claim is not None else None,
                    order=claim.order_id if claim is not None else None,
                    offered=free and claim is None and not blocked,
                )
            )
        return Page(items=items)


@router.post(
    "/controllers/{controller_id}/doors/{number}/open",
    status_code=202,
    responses=problems(401, 403, 404, 409),
)
def open_door(
    context: Ctx, manager: Manager, controller_id: Identifier, number: DoorNumber, body: Reason
) -> CommandView:
    """Opens a door from afar; look at the command for what became of it."""
    with context.store.write() as session:
        row = commands.open_door(session, context, manager, controller_id, number, body.reason)
        return _command_view(row)


@router.post(
    "/controllers/{controller_id}/doors/{number}/confirm-empty", responses=problems(401, 403, 404, 409)
)
def confirm_empty(
    context: Ctx, manager: Manager, controller_id: Identifier, number: DoorNumber, body: Reason
) -> dict[str, str]:
    """A person looked and found the compartment empty."""
    with context.store.write() as session:
        door = ending.confirm_empty(session, context, manager, controller_id, number, body.reason)
        return {"contents": door.contents}


@router.post("/controllers/{controller_id}/block", status_code=202, responses=problems(401, 403, 404, 409))
def block_doors(context: Ctx, manager: Manager, controller_id: Identifier, body: BlockBody) -> CommandView:
    """Blocks a zone's doors, or all."""
    with context.store.write() as session:
        row = commands.block_doors(session, context, manager, controller_id, body.zone, body.reason)
        return _command_view(row)


@router.post("/controllers/{controller_id}/revoke", responses=problems(401, 403, 404, 409))
def revoke_controller(
    context: Ctx, manager: Manager, controller_id: Identifier, body: Reason
) -> ControllerView:
    """Takes a stolen or replaced controller's right to connect away for good; refunds its live orders."""
    with context.store.write() as session:
        row = ending.revoke_controller(session, context, manager, controller_id, body.reason)
        return _controller_view(row)


@router.get("/blocks", responses=problems(401, 403))
def list_blocks(context: Ctx, _manager: Manager) -> Page[BlockView]:
    """Blocks in force."""
    with context.store.read() as session:
        return Page(items=[_block_view(row) for row in blocks.live(session)])


@router.post("/blocks/{block_id}/release", status_code=202, responses=problems(401, 403, 404, 409))
def release_block(context: Ctx, manager: Manager, block_id: RowId, body: Reason) -> CommandView:
    """Asks the controller to lift a block; it is lifted when the controller says so."""
    with context.store.write() as session:
        return _command_view(commands.release_block(session, context, manager, block_id, body.reason))


@router.get("/commands/{command_id}", responses=problems(401, 403, 404))
def read_command(context: Ctx, _manager: Manager, command_id: CommandId) -> CommandView:
    """A command and what became of it."""
    with context.store.read() as session:
        row = session.get(Command, command_id)
        if row is None:
            raise NotFound("there is no such command")
        return _command_view(row)


@router.get("/records", responses=problems(401, 403))
def list_records(
    context: Ctx,
    _manager: Manager,
    controller: Identifier | None = None,
    after: AfterNumber = 0,
    limit: Limit = 100,
) -> Page[RecordView]:
    """Every controller's records in the order in which they were stored."""
    query = select(DeviceRecord).where(DeviceRecord.id > after).order_by(DeviceRecord.id).limit(limit)
    if controller is not None:
        query = query.where(DeviceRecord.controller_id == controller)
    with context.store.read() as session:
        items = [
            RecordView(
                id=row.id,
                controller=row.controller_id,
                epoch=row.epoch,
                lane=row.lane,
                boot=row.boot,
                seq=row.seq,
                kind=row.kind,
                at=row.at,
                received_at=row.received_at,
                body=row.body,
            )
            for row in session.scalars(query)
        ]
    return Page(items=items, next=str(items[-1].id) if len(items) == limit else None)
