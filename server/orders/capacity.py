"""Capacity: a compartment promised per claim and day, so that what is sold fits behind doors. The table's
key is the rule.

The promise is nominal: at binding another free compartment of the same climate may take its place.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from firmware.contract.grants import MAX_GRANTS
from server.catalogue.models import SIZES
from server.lockers.blocks import covering
from server.lockers.models import DOUBTFUL, EMPTY, Compartment, Zone
from server.orders.models import Capacity, Claim, Order
from server.orders.states import BOUND, LOADED, OCCUPYING

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


def _stuck(session: Session, compartment_ids: list[int], start: datetime) -> set[int]:
    """Compartments whose present claim will not be gone by `start`, as far as one can know."""
    rows = session.execute(
        select(Claim.compartment_id, Claim.state, Order.window_end)
        .join(Order, Order.id == Claim.order_id)
        .where(Claim.compartment_id.in_(compartment_ids), Claim.state.in_(OCCUPYING))
    ).all()
    return {
        compartment_id
        for compartment_id, state, window_end in rows
        if compartment_id is not None and (state not in (BOUND, LOADED) or window_end >= start)
    }


def plan(
    session: Session, claim: Claim, start: datetime, end: datetime, max_centi: int | None
) -> Compartment | None:
    """Promises a compartment for each day of the window to the claim; None if there is none."""
    wanted = days(start, end)
    if _is_crowded(session, claim.controller_id, wanted):
        return None
    fitting = [
        compartment
        for compartment, _zone in candidates(
            session, claim.controller_id, claim.climate, claim.size, max_centi
        )
    ]
    ids = [compartment.id for compartment in fitting]
    out = _promised(session, ids, wanted, claim.id) | _stuck(session, ids, start)
    for compartment in fitting:
        if compartment.id in out or compartment.contents == DOUBTFUL:
            continue
        try:
            with session.begin_nested():
                session.add_all(
                    Capacity(compartment_id=compartment.id, day=day, claim_id=claim.id) for day in wanted
                )
                session.flush()
        except IntegrityError:
            continue  # another transaction was faster; the key kept the promise whole
        return compartment
    return None


def _is_crowded(session: Session, controller_id: str, wanted: list[date]) -> bool:
    """Whether on one of these days a controller has all the claims it can hold, doors or no doors."""
    promised = (
        select(Capacity.day)
        .join(Compartment, Compartment.id == Capacity.compartment_id)
        .where(Compartment.controller_id == controller_id, Capacity.day.in_(wanted))
        .group_by(Capacity.day)
        .having(func.count() >= MOST_CLAIMS)
    )
    return session.scalars(promised.limit(1)).first() is not None


def free(session: Session, claim_id: str) -> None:
    """Gives a claim's promised days back."""
    session.execute(delete(Capacity).where(Capacity.claim_id == claim_id))


def door_for(session: Session, claim: Claim, order: Order, max_centi: int | None) -> Compartment | None:
    """The compartment to bind a paid claim to: the promised one if it is free now, else another that is
    free all its days.

    Moves the promise along. None if no door is free at present, or if the controller's set has no room.
    """
    held = select(func.count()).where(
        Claim.controller_id == claim.controller_id, Claim.state.in_(OCCUPYING), Claim.id != claim.id
    )
    if session.scalars(held).one() >= MOST_CLAIMS:
        return None
    wanted = days(order.window_start, order.window_end)
    promised = session.scalar(select(Capacity.compartment_id).where(Capacity.claim_id == claim.id).limit(1))
    fitting = list(candidates(session, claim.controller_id, claim.climate, claim.size, max_centi))
    ids = [compartment.id for compartment, _zone in fitting]
    taken = set(
        session.scalars(
            select(Claim.compartment_id).where(Claim.compartment_id.in_(ids), Claim.state.in_(OCCUPYING))
        )
    )
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
