"""Capacity: a compartment promised per claim and day, so that what is sold fits behind doors. The table's
key is the rule.

The promise is nominal: at binding another free compartment of the same climate may take its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from firmware.contract.grants import MAX_GRANTS
from server.catalogue.models import SIZES
from server.foundation.database import table_of
from server.foundation.upserts import insert_for
from server.lockers.blocks import covering
from server.lockers.models import DOUBTFUL, EMPTY, Compartment, Zone
from server.orders.models import OCCUPIES, Capacity, Claim, Order
from server.orders.states import BOUND, LOADED, sql_list

MOST_CLAIMS = MAX_GRANTS // 2
"""Claims that a controller holds at a time: each has the customer's grant and the producer's."""


def days(start: datetime, end: datetime) -> list[date]:
    """The UTC days that a window touches."""
    first, last = start.date(), end.date()
    return [first + timedelta(days=at) for at in range((last - first).days + 1)]


def candidates(
    session: Session, controller_id: str, climate: str, size: str, max_centi: int | None
) -> Iterator[tuple[Compartment, Zone]]:
    """Compartments of a bank that goods may go into by climate, size and limit; the smallest first, then by
    number.

    A product with a stricter maximum than its zone's upper limit is not put there (a zone without probes is
    not judged).
    """
    rows = session.execute(
        select(Compartment, Zone)
        .join(Zone, Zone.id == Compartment.zone_id)
        .where(
            Compartment.controller_id == controller_id,
            Compartment.in_service.is_(True),
            Zone.climate == climate,
            Compartment.size.in_(SIZES[SIZES.index(size) :]),
        )
    ).all()
    for compartment, zone in sorted(rows, key=lambda row: (SIZES.index(row[0].size), row[0].number)):
        if max_centi is None or not zone.probes or zone.high_centi <= max_centi:
            yield compartment, zone


def _promised(session: Session, compartment_ids: list[int], wanted: list[date], besides: str) -> set[int]:
    return set(
        session.scalars(
            select(Capacity.compartment_id).where(
                Capacity.compartment_id.in_(compartment_ids),
                Capacity.day.in_(wanted),
                Capacity.claim_id != besides,
            )
        )
    )


@dataclass(frozen=True)
class Need:
    """What a claim needs of a bank: a climate, a size, a limit (hundredths of a degree Celsius; None: any),
    from `start` to `end`."""

    controller_id: str
    climate: str
    size: str
    max_centi: int | None
    start: datetime
    end: datetime


def plan(session: Session, claim_id: str, need: Need) -> int | None:
    """Promises a compartment for each day of the window to a claim, whose row stands already; returns the
    compartment's id, None if there is none."""
    session.flush()
    connection = session.connection()
    wanted = days(need.start, need.end)
    promising = _promising(session.get_bind().dialect.name)
    asked = {
        "controller_id": need.controller_id,
        "climate": need.climate,
        "rank": SIZES.index(need.size),
        "max_centi": _NO_LIMIT if need.max_centi is None else need.max_centi,
        "first": wanted[0],
        "last": wanted[-1],
        "start": need.start,
    }
    for _ in range(_MOST_DOORS):
        door: int | None = connection.execute(_FREE_DOOR, asked).scalar()
        if door is None:
            break
        rows = [{"compartment_id": door, "day": day, "claim_id": claim_id} for day in wanted]
        if connection.execute(promising, rows).rowcount == len(rows):
            return door
        free(session, claim_id)  # another transaction was faster; the key kept the promise whole
    return None


_NO_LIMIT = 1_000_000
"""No zone is as warm (hundredths of a degree Celsius)."""
_MOST_DOORS = 255
"""Of one bank; nobody is overtaken at more of them."""


@cache
def _promising(dialect: str) -> Any:
    statement = insert_for(dialect, table_of(Capacity)).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


def _first_free_door() -> Select[Any]:
    """The smallest compartment of a `Need`, then the one with the lowest number, that is promised to nobody
    on any of its days and will be empty by its start, as far as one can know; none where the controller has
    on one of these days all the claims it can hold, doors or no doors.

    Parameters: controller_id, climate, rank (of the size), max_centi, first, last (days), start.
    """
    door, zone = table_of(Compartment).c, table_of(Zone).c
    promise, claim, order = table_of(Capacity).c, table_of(Claim).c, table_of(Order).c
    sizes = " ".join(f"WHEN '{size}' THEN {at}" for at, size in enumerate(SIZES))
    rank = literal_column(f"CASE compartments.size {sizes} END", Integer)
    wanted = promise.day.between(bindparam("first"), bindparam("last"))
    bank: BindParameter[str] = bindparam("controller_id")
    neighbour = table_of(Compartment).alias("neighbour")
    crowded = (
        select(promise.day)
        .join_from(table_of(Capacity), neighbour, neighbour.c.id == promise.compartment_id)
        .where(neighbour.c.controller_id == bank, wanted)
        .group_by(promise.day)
        .having(func.count() >= MOST_CLAIMS)
    )
    promised = select(promise.day).where(promise.compartment_id == door.id, wanted)
    leaves = and_(text(f"claims.state IN {sql_list((BOUND, LOADED))}"), order.window_end < bindparam("start"))
    stuck = (
        select(claim.id)
        .join_from(table_of(Claim), table_of(Order), order.id == claim.order_id)
        .where(claim.compartment_id == door.id, OCCUPIES, not_(leaves))
    )
    return (
        select(door.id)
        .join_from(table_of(Compartment), table_of(Zone), zone.id == door.zone_id)
        .where(
            door.controller_id == bank,
            door.in_service.is_(True),
            door.contents != DOUBTFUL,
            rank >= bindparam("rank"),
            zone.climate == bindparam("climate"),
            or_(func.json_array_length(zone.probes) == 0, zone.high_centi <= bindparam("max_centi")),
            ~promised.exists(),
            ~stuck.exists(),
            ~crowded.exists(),
        )
        .order_by(rank, door.number)
        .limit(1)
    )


_FREE_DOOR = _first_free_door()


def free(session: Session, claim_id: str) -> None:
    """Gives a claim's promised days back."""
    session.execute(delete(Capacity).where(Capacity.claim_id == claim_id))


def door_for(session: Session, claim: Claim, order: Order, max_centi: int | None) -> Compartment | None:
    """The compartment to bind a paid claim to: the promised one if it is free now, else another that is
    free all its days.

    Moves the promise along. None if no door is free at present, or if the controller's set has no room.
    """
    held = select(func.count()).where(
        Claim.controller_id == claim.controller_id, OCCUPIES, Claim.id != claim.id
    )
    if session.scalars(held).one() >= MOST_CLAIMS:
        return None
    wanted = days(order.window_start, order.window_end)
    promised = session.scalar(select(Capacity.compartment_id).where(Capacity.claim_id == claim.id).limit(1))
    fitting = list(candidates(session, claim.controller_id, claim.climate, claim.size, max_centi))
    ids = [compartment.id for compartment, _zone in fitting]
    taken = set(session.scalars(select(Claim.compartment_id).where(Claim.compartment_id.in_(ids), OCCUPIES)))
    others = _promised(session, ids, wanted, claim.id)
    fitting.sort(key=lambda pair: pair[0].id != promised)
    for compartment, zone in fitting:
        if compartment.contents != EMPTY or compartment.door_open:
            continue
        if compartment.id in taken or compartment.id in others:
            continue
        if covering(session, claim.controller_id, zone.key):
            continue
        if compartment.id != promised:
            session.execute(
                update(Capacity).where(Capacity.claim_id == claim.id).values(compartment_id=compartment.id)
            )
        return compartment
    return None
