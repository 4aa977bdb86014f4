"""What several server processes do to one database at the same moment; each function runs in a process of its
own.

Every act looks, waits until its rivals have looked too (as long as they can look at all), then takes what it
saw. That is the worst order there is, with and without the rules.
"""

import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.foundation import audit, postgresql, timers
from server.foundation.context import Context
from server.foundation.errors import Problem
from server.foundation.ids import Ids
from server.grants import codes
from server.grants.models import Credential
from server.grants.sets import next_grant_number
from server.lockers.models import Controller
from server.orders import capacity
from server.orders.models import Capacity, Claim, Order
from server.orders.states import BOUND
from tests.server.bench import MovedClock, make_context

Seen = TypeVar("Seen")

_GATE: list[Barrier] = []
"""The one gate of this process's pool, put there by `join`."""


def join(gate: Barrier) -> None:
    """Initializer of a process."""
    _GATE.append(gate)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _meet(patience: float) -> None:
    """Waits for the rivals; goes on alone where a rule keeps them from coming."""
    try:
        _GATE[0].wait(patience)
    except BrokenBarrierError:
        return


def _in_turn(
    context: Context,
    locked: bool,
    look: Callable[[Session], Seen],
    take: Callable[[Session, Seen], None],
) -> str:
    """`taken`, `lost` (a rule of the tables refused it) or the code of a problem."""
    store = context.store

    def act(session: Session) -> None:
        seen = look(session)
        _meet(0.5 if locked else 20)
        take(session, seen)

    try:
        if locked:
            store.run(act)
        elif store.is_sqlite:  # it has no writer without its lock: the look is in a transaction of its own
            with Session(store.writer) as session:
                seen = look(session)
                session.rollback()
            _meet(20)
            with store.write() as session:
                take(session, seen)
        else:
            with store.write() as session:
                act(session)
    except IntegrityError:
        return "lost"
    except Problem as problem:
        return problem.code
    return "taken"


def _opened(folder: str, locked: bool) -> Context:
    if not locked:
        vars(postgresql)["become_writer"] = lambda _connection: None
    return make_context(Path(folder), MovedClock())


def _closed(context: Context, become_writer: Callable[..., None]) -> None:
    context.store.close()
    vars(postgresql)["become_writer"] = become_writer


def bind(folder: str, locked: bool, claim_id: str) -> str:
    """Binds a paid claim to the compartment that `capacity.door_for` finds."""
    sound = postgresql.become_writer
    context = _opened(folder, locked)

    def look(session: Session) -> int:
        claim = session.get_one(Claim, claim_id)
        door = capacity.door_for(session, claim, session.get_one(Order, claim.order_id), None)
        return door.id if door is not None else 0

    def take(session: Session, compartment_id: int) -> None:
        if compartment_id:
            claim = session.get_one(Claim, claim_id)
            claim.state, claim.compartment_id = BOUND, compartment_id
            session.flush()

    try:
        return _in_turn(context, locked, look, take)
    finally:
        _closed(context, sound)


def code(folder: str, locked: bool, number: int) -> str:
    """Makes a credential with a code that is free. Chance is the same in every process: the worst luck."""
    sound = postgresql.become_writer
    context = _opened(folder, locked)
    draws = itertools.count()
    unlucky = Ids(context.clock, lambda size: bytes((next(draws) * 7 + at) % 250 for at in range(size)))
    context = replace(context, ids=unlucky)

    def look(session: Session) -> tuple[str, bytes]:
        bank = session.get_one(Controller, "wall-1")
        return codes.personal_code(session, context, bank.site_id)

    def take(session: Session, found: tuple[str, bytes]) -> None:
        _shown, code_mac = found
        bank = session.get_one(Controller, "wall-1")
        session.add(
            Credential(
                id=f"{number:032x}",
                site_id=bank.site_id,
                controller_id=bank.id,
                number=10_000 + number,
                kind="staff",
                code_mac=code_mac,
                sealed_short=None,
                sealed_long=None,
                created_at=context.clock.now(),
            )
        )
        session.flush()

    try:
        return _in_turn(context, locked, look, take)
    finally:
        _closed(context, sound)


def promise(folder: str, locked: bool, claim_id: str) -> str:
    """Promises a compartment to a claim that has none."""
    sound = postgresql.become_writer
    context = _opened(folder, locked)

    def look(session: Session) -> int:
        claim = session.get_one(Claim, claim_id)
        order = session.get_one(Order, claim.order_id)
        days = capacity.days(order.window_start, order.window_end)
        fitting = [
            each.id for each, _zone in capacity.candidates(session, "wall-1", claim.climate, claim.size, None)
        ]
        taken = capacity._promised(session, fitting, days, claim.id)
        return next((each for each in fitting if each not in taken), 0)

    def take(session: Session, compartment_id: int) -> None:
        if compartment_id:
            order = session.get_one(Order, session.get_one(Claim, claim_id).order_id)
            for day in capacity.days(order.window_start, order.window_end):
                session.add(Capacity(compartment_id=compartment_id, day=day, claim_id=claim_id))
            session.flush()

    try:
        return _in_turn(context, locked, look, take)
    finally:
        _closed(context, sound)


def count_up(folder: str, times: int) -> int:
    """Gives grants their numbers and writes lines of audit, as fast as it can: nothing may be given twice."""
    context = make_context(Path(folder), MovedClock())
    for number in range(times):

        def act(session: Session, number: int = number) -> None:
            bank = session.scalars(select(Controller).where(Controller.id == "wall-1")).one()
            given = next_grant_number(bank)
            audit.record(session, context, "system", "rival.counted", "wall-1", {"given": given, "n": number})

        context.store.run(act)
    context.store.close()
    return times


def run_timers(folder: str, rounds: int) -> int:
    """A background thread's work, as often as told."""
    context = make_context(Path(folder), MovedClock())

    def rang(session: Session, context: Context, subject: str) -> None:
        audit.record(session, context, "system", "rival.rang", subject)

    timers.register("rival.once", rang)
    timers.every("rival.period", 60, rang)
    timers.ensure_periodic(context)
    _meet(20)
    done = 0
    for _ in range(rounds):
        done += timers.run_due(context)
    context.store.close()
    return done


def die_in_mid_work(folder: str) -> None:
    """Is killed while it is the writer, after it has written."""
    context = make_context(Path(folder), MovedClock())
    with context.store.write() as session:
        audit.record(session, context, "system", "rival.died", "wall-1")
        session.flush()
        os.kill(os.getpid(), signal.SIGKILL)
