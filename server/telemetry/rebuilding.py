"""The SQL views made anew from the ledger, slice by slice, while the server runs.

A controller's head says where its views stand. Intake carries views on only while they are level with the
ledger; whoever rebuilds (the command, or the background thread after one that was interrupted) catches up in
short transactions, so that a door's click never waits long behind one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.lockers.models import Zone
from server.telemetry import chain, rollups
from server.telemetry.models import CLEARING, LedgerHead, LedgerRow, Reading, ReadingDay, ReadingHour

SLICE = 500
"""Records of one transaction."""
_CLEARED_AT_ONCE = 5000
_STEPS_PER_TICK = 4


@dataclass(frozen=True)
class Progress:
    """How far the views of all controllers go."""

    shown: int
    records: int


def begin(context: Context) -> None:
    """From now on nothing of the views counts; the ledger and what is judged from it are not touched."""
    with context.store.write() as session:
        session.execute(update(LedgerHead).values(shown=CLEARING))


def is_under_way(session: Session) -> bool:
    """True if some controller's views are not level with its ledger."""
    return _behind(session) is not None


def progress(session: Session) -> Progress:
    """Of all controllers together; views that are being removed count as nothing."""
    shown, records = session.execute(
        select(
            func.coalesce(func.sum(LedgerHead.shown).filter(LedgerHead.shown > 0), 0),
            func.coalesce(func.sum(LedgerHead.position), 0),
        )
    ).one()
    return Progress(int(shown), int(records))


def _behind(session: Session) -> str | None:
    return session.scalar(
        select(LedgerHead.controller_id)
        .where(LedgerHead.shown != LedgerHead.position)
        .order_by(LedgerHead.controller_id)
        .limit(1)
    )


def step(context: Context) -> int:
    """One short transaction of catching up; returns 1, or 0 if all views are level."""
    with context.store.read() as session:
        controller = _behind(session)
    if controller is None:
        return 0
    with context.store.write() as session:
        head = session.get(LedgerHead, controller, with_for_update=True, populate_existing=True)
        if head is None or head.shown == head.position:
            return 1  # somebody else was faster
        if head.shown == CLEARING:
            if not _clear(session, controller):
                head.shown = 0
            return 1
        _advance(session, head)
    return 1


def _clear(session: Session, controller: str) -> bool:
    """Removes some rows of a controller's views; False once there are none."""
    zones = session.scalars(select(Zone.id).where(Zone.controller_id == controller)).all()
    for zone in zones:
        boundary = session.scalar(
            select(Reading.at)
            .where(Reading.zone_id == zone)
            .order_by(Reading.at)
            .offset(_CLEARED_AT_ONCE)
            .limit(1)
        )
        if boundary is not None:
            session.execute(delete(Reading).where(Reading.zone_id == zone, Reading.at < boundary))
            return True
    for table in (Reading, ReadingHour, ReadingDay):
        session.execute(delete(table).where(table.zone_id.in_(zones)))
    return False


def _advance(session: Session, head: LedgerHead) -> None:
    rows = session.execute(
        select(LedgerRow.position, LedgerRow.body)
        .where(LedgerRow.controller_id == head.controller_id, LedgerRow.position > head.shown)
        .order_by(LedgerRow.position)
        .limit(SLICE)
    ).all()
    records = [chain.record_of(body) for _, body in rows]
    zones = rollups.zone_ids(session, [head.controller_id])
    told = [(head.controller_id, record) for record in records if record["k"] == "r"]
    rollups.apply(session, rollups.rows_of(zones, told))
    head.shown = rows[-1].position if rows else head.position


def catch_up(context: Context) -> int:
    """Work of the background thread: goes on with a rebuild, a few slices at a time."""
    done = 0
    while done < _STEPS_PER_TICK and step(context):
        done += 1
    return done


def run(context: Context, say: Callable[[Progress], None]) -> None:
    """Goes on until all views are level; `say` hears how far it is, from time to time."""
    turn = 0
    while step(context):
        turn += 1
        if turn % 20 == 0:
            with context.store.read() as session:
                say(progress(session))
    with context.store.read() as session:
        say(progress(session))
