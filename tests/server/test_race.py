"""No compartment twice, by construction: each race is first shown to lose without the rule, then to hold
with it."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.orders import capacity
from server.orders.models import Capacity, Claim
from server.orders.states import BOUND, OCCUPYING
from tests.server.bench import Bench

DOORS = 2
CLIENTS = 6


def claims_of(bench: Bench) -> list[str]:
    """As many held claims as clients, of one product, without capacity."""
    found: list[str] = []
    for _ in range(CLIENTS):
        order = bench.order(("tomates",)).json()
        with bench.context.store.write() as session:
            claim = session.scalars(select(Claim).where(Claim.order_id == order["id"])).one()
            capacity.free(session, claim.id)
            found.append(claim.id)
    return found


def race(
    bench: Bench,
    claim_ids: list[str],
    look: Callable[[Session, str], int | None],
    take: Callable[[Session, str, int], None],
) -> None:
    """Every client looks, waits until all have looked, then takes what it saw: the worst order there is."""
    gate = threading.Barrier(len(claim_ids))
    lost: list[BaseException] = []

    def client(claim_id: str) -> None:
        with bench.context.store.read() as session:
            seen = look(session, claim_id)
        gate.wait(30)
        if seen is None:
            return
        try:
            with bench.context.store.write() as session:
                take(session, claim_id, seen)
        except IntegrityError as error:
            lost.append(error)

    threads = [threading.Thread(target=client, args=(claim_id,)) for claim_id in claim_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def look_free(session: Session, claim_id: str) -> int | None:
    """A compartment that seems free: what a check before the write sees."""
    claim = session.get_one(Claim, claim_id)
    for compartment, _zone in capacity.candidates(session, "wall-1", claim.climate, claim.size, None):
        held = select(Claim.id).where(Claim.compartment_id == compartment.id, Claim.state.in_(OCCUPYING))
        if session.scalar(held) is None:
            return compartment.id
    return None


def bind(session: Session, claim_id: str, compartment_id: int) -> None:
    """Binds without looking again."""
    claim = session.get_one(Claim, claim_id)
    claim.state, claim.compartment_id = BOUND, compartment_id
    session.flush()


def double_bound(bench: Bench) -> int:
    """Compartments with more than one live claim."""
    with bench.context.store.read() as session:
        rows = session.scalars(select(Claim.compartment_id).where(Claim.state.in_(OCCUPYING)))
        return sum(1 for count in Counter(rows).values() if count > 1)


@pytest.mark.parametrize("rule", [False, True], ids=["without the index", "with the index"])
@pytest.mark.fault("S1")
def test_a_compartment_is_bound_to_one_claim(bench: Bench, rule: bool) -> None:
    claim_ids = claims_of(bench)
    if not rule:
        with bench.context.store.write() as session:
            session.execute(text("DROP INDEX uq_claims_live_compartment"))
    race(bench, claim_ids, look_free, bind)
    assert double_bound(bench) == (0 if rule else 1)


@pytest.mark.fault("S3")
def test_a_day_of_a_compartment_is_promised_once(bench: Bench) -> None:
    claim_ids = claims_of(bench)
    day = bench.clock.now().date()

    def promise(session: Session, claim_id: str, compartment_id: int) -> None:
        session.add(Capacity(compartment_id=compartment_id, day=day, claim_id=claim_id))
        session.flush()

    race(bench, claim_ids, look_free, promise)
    with bench.context.store.read() as session:
        assert len(session.scalars(select(Capacity)).all()) == 1


@pytest.mark.fault("S3")
def test_shops_that_ask_at_once_never_get_more_than_there_is(bench: Bench) -> None:
    answers: list[int] = []

    def shop(number: int) -> None:
        answers.append(bench.order(("tomates",), key=f"k{number}", reference=f"R{number}").status_code)

    threads = [threading.Thread(target=shop, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Counter(answers) == {201: DOORS, 409: CLIENTS - DOORS}


def test_a_hold_that_lapses_while_it_is_paid_ends_one_way(bench: Bench) -> None:
    order = bench.order(("tomates",)).json()
    raw = bench.event(order, "evt-1")
    bench.clock.advance(seconds=timedelta(minutes=35).total_seconds())
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(bench.webhook(raw).status_code)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [202] * 4
    assert bench.state(order["id"])["state"] == "paid"
