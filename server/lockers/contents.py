"""What is behind a door, and the evidence that may change it. No other module writes
`Compartment.contents`."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.database import changed
from server.foundation.errors import Conflict
from server.lockers.models import DOUBTFUL, EMPTY, STOCKED, Compartment

CONTENTS: dict[str, dict[str, str]] = {
    EMPTY: {
        STOCKED: "a loader's contact cycle left goods (or the sensor cannot see)",
        DOUBTFUL: "a cycle that proves nothing",
    },
    STOCKED: {
        EMPTY: "contact cycle, sensor says empty; or a person looked",
        DOUBTFUL: "a cycle that proves nothing",
    },
    DOUBTFUL: {EMPTY: "a person looked: empty", STOCKED: "a person looked, or loaded it"},
}


def change(session: Session, context: Context, door: Compartment, to: str, actor: str, why: str) -> bool:
    """Moves a compartment's contents if the table allows it; True if it changed. Raises Conflict if it does
    not."""
    if door.contents == to:
        return False
    if to not in CONTENTS[door.contents]:
        raise Conflict(f"a compartment does not go from {door.contents} to {to}")
    before = door.contents
    moved = changed(
        session,
        update(Compartment)
        .where(Compartment.id == door.id, Compartment.contents == before)
        .values(contents=to),
    )
    if moved != 1:
        raise Conflict("somebody else changed this compartment at the same time")
    session.refresh(door)
    record(
        session,
        context,
        actor,
        "contents." + to,
        f"controller:{door.controller_id}",
        {"door": door.number, "from": before, "why": why},
    )
    return True


def note_door(door: Compartment, *, is_open: bool, at: datetime) -> None:
    """The contact's word. The last one in the lane's order stands: a clock may be set, that order not."""
    door.door_open = is_open
    door.door_at = at
