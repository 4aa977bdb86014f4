"""Brings InfluxDB up to the ledger, from cursors in our database, with writes that are answered.

One process at a time feeds (a lease in `outer_views`); a cursor moves only after its slice is written, and
only for who holds the lease, so a feeder that dies or is slow leaves nothing out. What is written twice
overwrites itself. A marker in each bucket shows that it was emptied, or put back from an older copy: then
everything is written anew. No fault loses anything; each is tried again after longer and longer pauses, and
stands in the row.
"""

import logging
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.foundation.settings import Settings
from server.foundation.upserts import insert_into
from server.telemetry.influx import slices
from server.telemetry.influx.client import WRITE_MS, Influx, TroubleError
from server.telemetry.influx.line import Mark
from server.telemetry.influx.reading import marks
from server.telemetry.influx.slices import Slice
from server.telemetry.models import OuterView, ViewCursor
from server.telemetry.store import TROUBLES, State, Step

log = logging.getLogger(__name__)

NAME = "influx"
LEASE = timedelta(seconds=60)
_RENEW = timedelta(seconds=40)
"""A lease with less left than this is renewed before a slice: longer than its three writes may take."""
LOOK_MS = 1000
CHECK_MS = 30_000
"""How often the buckets and their markers are looked at while all is well."""
_LONGEST_PAUSE_MS = 30_000
_MARGIN_S = 3600
"""Periods about to leave a bucket are not written: InfluxDB answers with a fault once they have."""


class Feeder:
    """Feeds the InfluxDB of the settings; one in a process, used by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._influx = Influx(settings, WRITE_MS)
        self._holder = ""
        self._generation = ""
        self._wrote = False
        self._failures = 0
        self._check_at_ms: int | None = None
        self._not_before_ms: int | None = None
        self._kept: dict[Step, int] = {}

    def close(self, context: Context) -> None:
        """Closes the connection and gives the lease back."""
        self._influx.close()
        if self._holder:
            with context.store.write() as session:
                row = self._row(session)
                if row is not None:
                    row.lease_until = None

    def round(self, context: Context) -> int:
        """Writes the next slice if it is time; returns the number of records that it covered."""
        now = context.clock.monotonic_ms()
        if self._not_before_ms is not None and now < self._not_before_ms:
            return 0
        self._not_before_ms = now + LOOK_MS
        if not self._hold(context):
            return 0
        try:
            self._check(context)
            done = self._write_next(context)
        except TroubleError as trouble:
            self._failed(context, trouble)
            return 0
        self._failures = 0
        if done:
            self._not_before_ms = None
        return done

    def hurry(self) -> None:
        """Look at the buckets and try at once, whatever pause was planned."""
        self._check_at_ms = self._not_before_ms = None

    # The lease.

    def _hold(self, context: Context) -> bool:
        now = context.clock.now()
        with context.store.read() as session:
            row = session.get(OuterView, NAME)
            free = row is None or row.lease_until is None or row.lease_until <= now
            mine = row is not None and bool(self._holder) and row.holder == self._holder
            if not mine and not free:
                return False
            if mine and row is not None:
                if row.generation != self._generation:
                    self._check_at_ms = None  # somebody asked for a rebuild
                if row.lease_until is not None and row.lease_until - now > _RENEW:
                    return True
        self._holder = self._holder or context.ids.new()
        with context.store.write() as session:
            session.connection().execute(
                insert_into(session, OuterView).on_conflict_do_nothing(), {"name": NAME, **_NEW}
            )
            row = session.get_one(OuterView, NAME, with_for_update=True, populate_existing=True)
            if row.holder != self._holder and row.lease_until is not None and row.lease_until > now:
                return False
            if row.holder != self._holder:
                self._check_at_ms = None
            row.holder, row.lease_until = self._holder, now + LEASE
        return True

    def _row(self, session: Session) -> OuterView | None:
        """The view's row, locked; None if another process feeds by now."""
        row = session.get(OuterView, NAME, with_for_update=True, populate_existing=True)
        return row if row is not None and row.holder == self._holder else None

    # The marker.

    def _check(self, context: Context) -> None:
        """Sees to it that the buckets are there and hold what the cursors say."""
        now = context.clock.monotonic_ms()
        if self._check_at_ms is not None and now < self._check_at_ms:
            return
        self._kept = self._influx.ensure_buckets()
        with context.store.read() as session:
            row = session.get_one(OuterView, NAME)
            mark, marked_at = Mark(row.generation, row.marks), row.marked_at
        if not mark.generation:
            self._influx.clear()
            self._begin_anew(context)
        elif not all(
            mark.is_shown_by(marks(self._influx, context.settings, step, _stamp(context))) for step in Step
        ):
            log.warning("InfluxDB was emptied: it is written anew from the ledger")
            self._begin_anew(context)
        else:
            self._generation = mark.generation
            old = marked_at is None or context.clock.now() - marked_at > timedelta(days=1)
            if self._wrote or old:
                self._mark(context, Mark(mark.generation, mark.marks + 1))
        self._wrote = False
        self._check_at_ms = now + CHECK_MS

    def _begin_anew(self, context: Context) -> None:
        generation = context.ids.new()
        with context.store.write() as session:
            row = self._row(session)
            if row is None:
                return
            session.execute(delete(ViewCursor).where(ViewCursor.view == NAME))
            row.generation, row.marks, row.state = generation, 0, State.REBUILDING
            row.error, row.failing_since = "", None
        self._generation = generation
        self._mark(context, Mark(generation, 0))

    def _mark(self, context: Context, mark: Mark) -> None:
        for step in Step:
            self._influx.write(step, [mark.line(_stamp(context))])
        with context.store.write() as session:
            row = self._row(session)
            if row is not None and row.generation == mark.generation:
                row.marks, row.marked_at = mark.marks, context.clock.now()

    # The slices.

    def _write_next(self, context: Context) -> int:
        now = _stamp(context)
        oldest = {step: now - kept + _MARGIN_S if kept else 0 for step, kept in self._kept.items()}
        with context.store.read() as session:
            found = slices.take(session, NAME, oldest)
            if not found.moves:
                row = session.get_one(OuterView, NAME)
                if row.state == State.LEVEL:
                    return 0
        for step, lines in found.lines.items():
            if lines:
                self._influx.write(step, lines)
                self._wrote = True
        return self._advance(context, found)

    def _advance(self, context: Context, found: Slice) -> int:
        with context.store.write() as session:
            row = self._row(session)
            if row is None or row.generation != self._generation:
                self._check_at_ms = None
                return 0
            for move in found.moves:
                cursor = session.get(ViewCursor, (NAME, move.controller), with_for_update=True)
                if cursor is None:
                    cursor = ViewCursor(view=NAME, controller_id=move.controller, position=0)
                    session.add(cursor)
                if cursor.position == move.start:
                    cursor.position = move.end
            session.flush()
            row.error, row.failing_since = "", None
            if slices.lag(session, NAME) == 0:
                row.state, row.caught_up_at = State.LEVEL, context.clock.now()
            elif row.state != State.REBUILDING:
                row.state = State.BEHIND
        return found.records

    def _failed(self, context: Context, trouble: TroubleError) -> None:
        self._failures += 1
        pause = min(_LONGEST_PAUSE_MS, LOOK_MS * 2 ** min(self._failures, 10))
        self._not_before_ms = context.clock.monotonic_ms() + pause
        self._check_at_ms = None  # whatever happened there, look before writing on
        self._influx.close()
        with context.store.read() as session:
            known = session.get_one(OuterView, NAME)
            if known.state == trouble.state and known.error == str(trouble):
                return
        log.warning("InfluxDB is %s (%s); it is tried again", trouble.state, trouble)
        with context.store.write() as session:
            row = self._row(session)
            if row is not None:
                row.state, row.error = trouble.state, str(trouble)
                row.failing_since = row.failing_since or context.clock.now()


def _stamp(context: Context) -> int:
    return int(context.clock.now().timestamp())


_NEW = {"holder": "", "generation": "", "marks": 0, "state": State.REBUILDING.value, "error": ""}


def ask_for_rebuild(session: Session) -> None:
    """From now on nothing in InfluxDB counts: whoever feeds removes it and writes it anew."""
    row = session.get(OuterView, NAME, with_for_update=True)
    if row is not None:
        row.generation, row.state = "", State.REBUILDING
        session.execute(delete(ViewCursor).where(ViewCursor.view == NAME))


def is_level(session: Session, controller: str) -> bool:
    """Whether InfluxDB holds the whole ledger of a controller, and is not in trouble as far as we know."""
    row = session.get(OuterView, NAME)
    if row is None or row.state in TROUBLES:
        return False
    return session.scalar(slices.level(NAME, controller)) or False
