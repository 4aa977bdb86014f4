"""A controller holds so many grants and no more: what is sold fits its memory, however many doors it has."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract.grants import MAX_GRANTS
from server.lockers.models import Compartment
from server.orders import capacity
from server.orders.models import Capacity, Claim, Order
from server.orders.states import BOUND
from tests.server.bench import Bench

DOORS = capacity.MOST_CLAIMS + 5
PRODUCT = "tomates"


def _a_large_wall(session: Session) -> None:
    doors = session.scalars(select(Compartment).where(Compartment.controller_id == "wall-1")).all()
    like = next(door for door in doors if door.number == 4)
    for number in range(len(doors) + 1, DOORS + len(doors)):
        session.add(
            Compartment(
                controller_id="wall-1",
                number=number,
                zone_id=like.zone_id,
                board=0,
                channel=number,
                size="L",
                item_sensor=True,
            )
        )


def test_no_more_is_held_for_a_day_than_a_controller_holds_grants(bench: Bench) -> None:
    with bench.context.store.write() as session:
        _a_large_wall(session)
    for _ in range(4):
        assert bench.order((PRODUCT,) * (capacity.MOST_CLAIMS // 4)).status_code == 201
    refused = bench.order((PRODUCT,))
    assert (refused.status_code, refused.json()["code"]) == (409, "full")
    later = bench.clock.now() + timedelta(days=3)
    other_day = bench.order((PRODUCT,), start=later, end=later + timedelta(hours=6))
    assert other_day.status_code == 201
    assert capacity.MOST_CLAIMS * 2 <= MAX_GRANTS


def test_a_paid_claim_waits_for_room_in_the_controllers_set(bench: Bench) -> None:
    with bench.context.store.write() as session:
        _a_large_wall(session)
    for _ in range(4):
        bench.order((PRODUCT,) * (capacity.MOST_CLAIMS // 4))
    later = bench.clock.now() + timedelta(days=3)
    order_id = bench.order((PRODUCT,), start=later, end=later + timedelta(hours=6)).json()["id"]
    with bench.context.store.write() as session:
        late = session.scalars(select(Claim).where(Claim.order_id == order_id)).one()
        order = session.get_one(Order, order_id)
        others = session.scalars(select(Claim).where(Claim.order_id != order_id)).all()
        assert capacity.door_for(session, late, order, None) is not None
        for claim in others:
            claim.compartment_id = session.scalars(
                select(Capacity.compartment_id).where(Capacity.claim_id == claim.id)
            ).first()
            claim.state = BOUND
        session.flush()
        assert capacity.door_for(session, late, order, None) is None
        others[0].state = "collected"
        session.flush()
        assert capacity.door_for(session, late, order, None) is not None
