"""Timers are rows, claimed by whichever process runs them: a restart forgets none, none runs twice.

`register(kind, handler)` names what a kind does; `set_timer` plans it once for a subject; `every` plans
something again and again. A handler runs in a transaction of its own together with the removal of its row,
so its effect happens once.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from sqlalchemy import ColumnElement, Index, UniqueConstraint, and_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.foundation.context import Context
from server.foundation.database import Base, table_of
from server.foundation.upserts import insert_for

log = logging.getLogger(__name__)

_RETRY = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=30)
_SET_BACK = timedelta(minutes=10)
"""What runs again and again is never planned further ahead than its period; by so much more, and the clock
was set back. Two processes' clocks may differ by half of it.
"""


class Timer(Base):
    """Something to do at a time: `kind` names the handler, `subject` what it is about. One row per kind and
    subject."""

    __tablename__ = "timers"
    __table_args__ = (UniqueConstraint("kind", "subject"), Index("ix_timers_due_at", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject: Mapped[str]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)


Handler = Callable[[Session, Context, str], None]

_HANDLERS: dict[str, Handler] = {}
_PERIODS: dict[str, timedelta] = {}


def register(kind: str, handler: Handler) -> None:
    """Says what a timer of this kind does: `handler(session, context, subject)`."""
    _HANDLERS[kind] = handler


def every(kind: str, seconds: float, handler: Handler) -> None:
    """Runs `handler(session, context, "")` every so many seconds, in one process at a time."""
    _HANDLERS[kind] = handler
    _PERIODS[kind] = timedelta(seconds=seconds)


def set_timer(session: Session, kind: str, subject: str, due_at: datetime) -> None:
    """Plans (or plans anew) the timer of this kind and subject."""
    session.flush()
    planned = {"kind": kind, "subject": subject, "due_at": due_at, "attempts": 0}
    session.connection().execute(_planning(session.get_bind().dialect.name), planned)


@cache
def _planning(dialect: str) -> Any:
    statement = insert_for(dialect, table_of(Timer))
    anew = {"due_at": statement.excluded.due_at, "attempts": 0}
    return statement.on_conflict_do_update(index_elements=["kind", "subject"], set_=anew).inline()


def ensure_periodic(context: Context) -> None:
    """Makes the rows of what runs again and again; called once at start."""
    with context.store.write() as session:
        known = set(session.scalars(select(Timer.kind).where(Timer.subject == "")))
        for kind in _PERIODS.keys() - known:
            session.add(Timer(kind=kind, subject="", due_at=context.clock.now(), attempts=0))


def run_due(context: Context, limit: int = 100) -> int:
    """Runs what is due, each in its own transaction; returns how many.

    A failing one is logged and tried again after 30 s, then after longer waits; it holds back no other.
    """
    with context.store.read() as session:
        due = session.scalars(
            select(Timer.id).where(_is_due(context.clock.now())).order_by(Timer.due_at).limit(limit)
        ).all()
    done = 0
    for timer_id in due:
        try:
            done += context.store.run(partial(_run_one, context=context, timer_id=timer_id))
        except Exception:  # whatever one handler raises must not hold back the others
            log.exception("timer %s failed", timer_id)
            with context.store.write() as session:
                timer = session.get(Timer, timer_id)
                if timer is not None:
                    timer.attempts += 1
                    # What runs again and again (say, the watch over silence) is not put off for long.
                    doublings = 0 if timer.kind in _PERIODS else min(timer.attempts - 1, 6)
                    wait = min(_RETRY * 2**doublings, _LONGEST_WAIT)
                    timer.due_at = context.clock.now() + wait
    return done


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Due by the clock, or by one that has been set back since: the watch over silence, say, must not rest
    until the old time has come again (invariant 16).
    """
    behind = [
        and_(Timer.kind == kind, Timer.due_at > now + period + _SET_BACK) for kind, period in _PERIODS.items()
    ]
    return or_(Timer.due_at <= now, *behind)


def _run_one(session: Session, context: Context, timer_id: int) -> int:
    now = context.clock.now()
    timer = session.scalars(
        select(Timer).where(Timer.id == timer_id, _is_due(now)).with_for_update(skip_locked=True)
    ).one_or_none()
    if timer is None:
        return 0
    handler = _HANDLERS.get(timer.kind)
    if handler is None:
        log.error("no handler for timers of kind %s", timer.kind)
        timer.due_at = now + _RETRY
        return 0
    subject = timer.subject
    if timer.kind in _PERIODS:
        timer.due_at = now + _PERIODS[timer.kind]
        timer.attempts = 0
    else:
        session.delete(timer)
    session.flush()
    handler(session, context, subject)
    return 1
