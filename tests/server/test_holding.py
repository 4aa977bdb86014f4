"""What holding an order costs in statements, what it answers, and which door it chooses: the one query
against the rules said plainly.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, insert, select
from sqlalchemy.orm import Session

from server.catalogue.models import SIZES
from server.foundation import audit
from server.lockers.models import DOUBTFUL, EMPTY, STOCKED, Compartment, Zone
from server.orders import capacity
from server.orders.models import Capacity, Claim, Order
from server.orders.states import BOUND, COLLECTED, HELD, LOADED, OCCUPYING
from tests.server.bench import START, Bench

MOST_STATEMENTS = 16
"""Of an order of one line: shop, key, look, products, six rows, a door, timer, three of the audit, key."""

STATES = 60


VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@contextmanager
def heard(bench: Bench) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that does something, with its parameters, of readers and of the writer."""
    statements: list[tuple[str, Any]] = []

    def speaks(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(VERBS):
            statements.append((statement, parameters))

    engines = {bench.context.store.writer, bench.context.store.reader}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", speaks)
    yield statements
    for engine in engines:
        event.remove(engine, "before_cursor_execute", speaks)


def test_an_order_is_held_in_few_statements(bench: Bench) -> None:
    assert bench.order(("tomates",)).status_code == 201
    with heard(bench) as statements:
        assert bench.order(("tomates",)).status_code == 201
    assert len(statements) <= MOST_STATEMENTS, statements


def test_no_order_goes_through_all_there_ever_were(bench: Bench) -> None:
    """By SQLite's own plans; PostgreSQL's depend on how much there is."""
    if not bench.context.store.is_sqlite:
        return
    with heard(bench) as statements:
        assert bench.order(("tomates",)).status_code == 201
    looks = [each for each in statements if each[0].startswith("SELECT")]
    with bench.context.store.read() as session:
        plans = [
            str(step.detail)
            for statement, parameters in looks
            for step in session.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
        ]
    assert "SEARCH orders USING INDEX ix_orders_held (controller_id=? AND hold_expires_at<?)" in plans
    assert "SEARCH claims USING INDEX uq_claims_live_compartment (compartment_id=?)" in plans
    assert [step for step in plans if step.startswith("SCAN")] == []


def test_the_first_answer_is_what_the_rows_say(bench: Bench) -> None:
    there = timezone(timedelta(hours=2))
    start = (START + timedelta(days=2, microseconds=5)).astimezone(there)
    first = bench.order(("lait", "tomates"), start=start, end=start + timedelta(hours=6, seconds=1))
    assert first.status_code == 201
    assert first.json() == bench.state(first.json()["id"])
    with bench.context.store.read() as session:
        assert audit.verify(session) == ""


def test_what_is_refused_leaves_nothing(bench: Bench) -> None:
    full = bench.order(("tomates",) * 3)
    assert (full.status_code, full.json()["code"]) == (409, "full")
    with bench.context.store.read() as session:
        rows = [session.scalar(select(func.count()).select_from(table)) for table in (Order, Claim, Capacity)]
    assert rows == [0, 0, 0]


def chosen(session: Session, need: capacity.Need) -> int | None:
    """The door that the rules lead to, one after the other."""
    wanted = capacity.days(need.start, need.end)
    promised = {(row.compartment_id, row.day) for row in session.scalars(select(Capacity))}
    claims = session.execute(select(Claim, Order).join(Order, Order.id == Claim.order_id)).all()
    for door, _zone in capacity.candidates(
        session, need.controller_id, need.climate, need.size, need.max_centi
    ):
        stays = [
            claim
            for claim, order in claims
            if claim.compartment_id == door.id
            and claim.state in OCCUPYING
            and not (claim.state in (BOUND, LOADED) and order.window_end < need.start)
        ]
        if door.contents != DOUBTFUL and not stays and not any((door.id, day) in promised for day in wanted):
            return door.id
    return None


def shuffle(session: Session, dice: random.Random) -> None:
    """Doors of every size and state, zones with and without probes, claims in any state, promised days."""
    for zone in session.scalars(select(Zone)):
        zone.probes = dice.choice([[], ["28a1000000000011"]])
        zone.high_centi = dice.choice([300, 400, 500])
    doors = session.scalars(select(Compartment).order_by(Compartment.id)).all()
    for door in doors:
        door.size = dice.choice(SIZES)
        door.in_service = dice.random() < 0.9
        door.contents = dice.choice([EMPTY, EMPTY, STOCKED, DOUBTFUL])
    free = [door.id for door in doors]
    dice.shuffle(free)
    claims = session.scalars(select(Claim).order_by(Claim.id)).all()
    for claim in claims:
        claim.state, claim.compartment_id = HELD, None
    session.flush()
    for claim in claims:
        capacity.free(session, claim.id)
        claim.state = dice.choice([HELD, COLLECTED, *OCCUPYING])
        claim.compartment_id = free.pop() if claim.state in OCCUPYING else None
        session.flush()
        if dice.random() < 0.5:
            day = START.date() + timedelta(days=dice.randrange(4))
            promised = session.get(Capacity, (door_id := dice.choice(doors).id, day))
            if promised is None:
                session.add(Capacity(compartment_id=door_id, day=day, claim_id=claim.id))
    session.flush()


def test_one_query_finds_the_door_that_the_rules_lead_to(bench: Bench) -> None:
    for product in ("tomates", "lait", "lait"):
        assert bench.order((product,)).status_code == 201
    claim_id = bench.order(("tomates",)).json()["id"]
    dice = random.Random(20)
    found: list[int | None] = []
    with bench.context.store.write() as session:
        mine = session.scalars(select(Claim.id).where(Claim.order_id == claim_id)).one()
        for _ in range(STATES):
            shuffle(session, dice)
            capacity.free(session, mine)
            start = START + timedelta(days=dice.randrange(3), hours=dice.choice([-3, 0, 6, 7]))
            need = capacity.Need(
                "wall-1",
                dice.choice(["ambient", "chilled"]),
                dice.choice(SIZES),
                dice.choice([None, 400]),
                start,
                start + timedelta(hours=dice.choice([2, 30])),
            )
            expected = chosen(session, need)
            assert capacity.plan(session, mine, need) == expected
            found.append(expected)
    assert len(set(found)) > 3, "the states lead to several doors and to none"
    assert None in found


@pytest.mark.fault("S3")
def test_a_promise_that_somebody_else_made_first_leads_to_the_next_door(bench: Bench) -> None:
    """Another writer cannot come in between; the rule of the table and the second look stand all the same."""
    later = START + timedelta(days=10)
    ids = [bench.order(("tomates",), start=later, end=later + timedelta(hours=2)).json()["id"] for _ in "ab"]
    need = capacity.Need("wall-1", "ambient", "S", None, later, later + timedelta(days=1))
    lost: list[date] = []

    def overtake(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        """The rival takes the second day of the door that was just chosen."""
        if lost or not statement.startswith("INSERT INTO capacity"):
            return
        lost.append(need.end.date())
        row = {"compartment_id": first, "day": lost[0], "claim_id": rival}
        connection.execute(insert(Capacity), row)

    with bench.context.store.write() as session:
        rival, mine = (
            session.scalars(select(Claim.id).where(Claim.order_id == order_id)).one() for order_id in ids
        )
        capacity.free(session, rival)
        capacity.free(session, mine)
        first = chosen(session, need)
        assert first is not None
        event.listen(bench.context.store.writer, "before_cursor_execute", overtake)
        found = capacity.plan(session, mine, need)
        event.remove(bench.context.store.writer, "before_cursor_execute", overtake)
        assert lost
        assert found is not None
        assert found != first
        rows = session.execute(select(Capacity.compartment_id).where(Capacity.claim_id == mine)).all()
        assert [row.compartment_id for row in rows] == [found, found], "nothing is left at the first door"
