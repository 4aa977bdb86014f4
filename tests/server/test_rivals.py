"""Several processes at one database: what goes wrong without the rules is shown first, then that it does not
with them."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from server.foundation import audit
from server.foundation.timers import Timer, set_timer
from server.grants.models import Credential
from server.lockers.models import Controller
from server.orders import capacity
from server.orders.models import Capacity, Claim
from server.orders.states import OCCUPYING, PAID
from tests.server import rivals
from tests.server.bench import Bench

PROCESSES = 3
DOORS = 2
"""Compartments of the wall that tomatoes may go into."""


class Pool:
    """Processes that live through the tests of this file, and the gate at which they meet."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        # From a process that has imported the server and nothing else has happened in.
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload(["tests.server.rivals"])
        self._gate = forking.Barrier(PROCESSES)
        self._pool = ProcessPoolExecutor(
            PROCESSES, mp_context=forking, initializer=rivals.join, initargs=(self._gate,)
        )

    def run(self, act: Callable[..., object], *each: tuple[object, ...]) -> list[object]:
        """`act` in as many processes as there are tuples of arguments, at once."""
        self._gate.reset()
        try:
            return [future.result(120) for future in [self._pool.submit(act, *words) for words in each]]
        except BrokenProcessPool:
            # Whoever died at the gate holds it for ever: the next test would wait there.
            self._begin()
            raise

    def close(self) -> None:
        """Ends them."""
        self._pool.shutdown()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.close()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps a figure for the end of the run (`tests/counts.py`)."""
    return lambda said: request.node.user_properties.append(("figure", said))


def paid_claims(bench: Bench, count: int) -> list[str]:
    """As many paid claims as told, of one product, without a promise; their orders wait for doors."""
    found: list[str] = []
    for _ in range(count):
        order = bench.order(("tomates",)).json()
        with bench.context.store.write() as session:
            claim = session.scalars(select(Claim).where(Claim.order_id == order["id"])).one()
            capacity.free(session, claim.id)
            claim.state = PAID
            found.append(claim.id)
    return found


def without(bench: Bench, *statements: str) -> None:
    """Takes rules out of the tables."""
    with bench.context.store.write() as session:
        for statement in statements:
            session.execute(text(statement))


RULES = pytest.mark.parametrize(
    ("ruled", "locked"), [(False, False), (True, False), (False, True), (True, True)],
    ids=["no rule, no lock", "rule alone", "lock alone", "both"],
)  # fmt: skip


def rules(ruled: bool, locked: bool) -> str:
    """What held, in words."""
    return f"{'with' if ruled else 'without'} the index, {'one writer' if locked else 'many writers'}"


@RULES
@pytest.mark.fault("S1")
def test_a_compartment_is_bound_once(
    bench: Bench, pool: Pool, tell: Callable[[str], None], ruled: bool, locked: bool
) -> None:
    claim_ids = paid_claims(bench, PROCESSES)
    if not ruled:
        without(bench, "DROP INDEX uq_claims_live_compartment")
    pool.run(rivals.bind, *((str(bench.folder), locked, claim_id) for claim_id in claim_ids))
    with bench.context.store.read() as session:
        bound = session.scalars(
            select(Claim.compartment_id).where(Claim.state.in_(OCCUPYING), Claim.compartment_id.is_not(None))
        ).all()
    twice = len(bound) - len(set(bound))
    kind = bench.context.store.writer.dialect.name
    tell(f"{kind}, {rules(ruled, locked)}: {twice} of {len(bound)} claims at a door that had one")
    assert twice == (0 if ruled or locked else PROCESSES - 1)
    if locked:
        assert len(bound) == DOORS, "the third finds none"


@RULES
@pytest.mark.fault("S3")
def test_the_last_compartment_of_a_day_is_promised_once(
    bench: Bench, pool: Pool, tell: Callable[[str], None], ruled: bool, locked: bool
) -> None:
    claim_ids = paid_claims(bench, PROCESSES)
    if not ruled:
        without(
            bench,
            "CREATE TABLE loose AS SELECT * FROM capacity",
            "DROP TABLE capacity",
            "ALTER TABLE loose RENAME TO capacity",
        )
    pool.run(rivals.promise, *((str(bench.folder), locked, claim_id) for claim_id in claim_ids))
    with bench.context.store.read() as session:
        promised = session.execute(select(Capacity.compartment_id, Capacity.day)).all()
    twice = len(promised) - len(set(promised))
    kind = bench.context.store.writer.dialect.name
    tell(f"{kind}, {rules(ruled, locked)}: {twice} of {len(promised)} promises of a day that was gone")
    assert twice == (0 if ruled or locked else PROCESSES - 1)


@RULES
def test_a_code_is_given_once(
    bench: Bench, pool: Pool, tell: Callable[[str], None], ruled: bool, locked: bool
) -> None:
    if not ruled:
        without(bench, "DROP INDEX uq_credentials_live_code")
    ended = pool.run(rivals.code, *((str(bench.folder), locked, number) for number in range(PROCESSES)))
    with bench.context.store.read() as session:
        given = session.scalars(select(Credential.code_mac).where(Credential.kind == "staff")).all()
    twice = len(given) - len(set(given))
    kind = bench.context.store.writer.dialect.name
    tell(f"{kind}, {rules(ruled, locked)}: {twice} of {len(given)} codes given before")
    assert twice == (0 if ruled or locked else PROCESSES - 1)
    if locked:
        assert ended == ["taken"] * PROCESSES, "who is refused a code draws another"


def test_numbers_and_lines_of_audit_are_given_once_and_without_a_hole(bench: Bench, pool: Pool) -> None:
    with bench.context.store.read() as session:
        first = session.get_one(Controller, "wall-1").last_grant_no
    pool.run(rivals.count_up, *([(str(bench.folder), 15)] * PROCESSES))
    with bench.context.store.read() as session:
        lines = session.scalars(
            select(audit.AuditEntry.details).where(audit.AuditEntry.action == "rival.counted")
        ).all()
        assert sorted(line["given"] for line in lines) == list(range(first + 1, first + 1 + 15 * PROCESSES))
        assert audit.verify(session) == ""


def test_timers_ring_once_and_periods_once_each(bench: Bench, pool: Pool) -> None:
    with bench.context.store.write() as session:
        for number in range(20):
            set_timer(session, "rival.once", f"{number}", bench.clock.now() - timedelta(seconds=1))
    pool.run(rivals.run_timers, *([(str(bench.folder), 3)] * PROCESSES))
    with bench.context.store.read() as session:
        rang = Counter(
            session.scalars(
                select(audit.AuditEntry.subject).where(audit.AuditEntry.action == "rival.rang")
            ).all()
        )
        assert rang == Counter([*map(str, range(20)), ""])
        left = select(func.count()).select_from(Timer).where(Timer.kind == "rival.once")
        assert session.scalar(left) == 0


@pytest.mark.fault("F51")
def test_a_writer_that_is_killed_leaves_nothing_and_stops_nobody(bench: Bench) -> None:
    doomed = multiprocessing.get_context("spawn").Process(
        target=rivals.die_in_mid_work, args=(str(bench.folder),)
    )
    doomed.start()
    doomed.join(60)
    assert doomed.exitcode == -9
    assert bench.order().status_code == 201
    with bench.context.store.read() as session:
        died = select(audit.AuditEntry.id).where(audit.AuditEntry.action == "rival.died")
        assert session.scalar(died) is None
        assert audit.verify(session) == ""
