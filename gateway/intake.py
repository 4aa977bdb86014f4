"""What devices say, into the store: presence, hellos and records, each judged by its number (R-40 to R-49).

Everything here happens inside the caller's transaction; acknowledgements are effects, sent when it is on
disk.
"""

import sqlite3

from firmware.contract import records
from firmware.contract.errors import ContractError
from gateway import hello as hellos
from gateway import lanes
from gateway.clock import SiteClock
from gateway.cursor import Cursor, Hole, Verdict, judge
from gateway.documents import Documents
from gateway.effects import Effects
from gateway.flow import Flow
from gateway.gate import Arrival
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.presence import ONLINE, WORDS, Presence
from gateway.roster import Roster
from gateway.tally import Tally

FUTURE_S = 86_400
MAX_EPOCHS = 8
"""Journal epochs remembered per device."""
MAX_ASIDE = 1000
"""Messages put aside that are kept for a person to look at."""

Key = tuple[str, str, int]
"""Device, journal epoch, lane."""


class Intake:
    """Takes arrivals of one site."""

    def __init__(
        self,
        database: sqlite3.Connection,
        roster: Roster,
        documents: Documents,
        clock: SiteClock,
        tally: Tally,
        flow: Flow,
    ) -> None:
        self._database = database
        self._roster = roster
        self._documents = documents
        self._clock = clock
        self._tally = tally
        self._flow = flow
        self._cursors: dict[Key, Cursor] = {}
        self._holes: dict[Key, Hole] = {}

    def forget(self) -> None:
        """Drop what is remembered of the store, after a transaction that failed."""
        self._cursors.clear()

    def take(self, arrival: Arrival, effects: Effects) -> None:
        """One message from the broker."""
        if arrival.message is None:
            self._put_aside(arrival, arrival.reason)
        elif arrival.leaf == "state":
            self._state(arrival, arrival.message)
        elif arrival.leaf == "up":
            if arrival.retained:
                self._put_aside(arrival, "retained")
            elif arrival.message.get("k") == "hello":
                self._hello(arrival, arrival.message, effects)
            else:
                self._record(arrival, arrival.message, effects)

    def _state(self, arrival: Arrival, message: dict[str, object]) -> None:
        try:
            said = _presence(message)
        except ContractError as error:
            self._put_aside(arrival, error.reason)
            return
        self._roster.say(arrival.device, said, arrival.at)

    def _hello(self, arrival: Arrival, message: dict[str, object], effects: Effects) -> None:
        try:
            said = hellos.read(message)
        except ContractError as error:
            self._put_aside(arrival, error.reason)
            return
        device, now = arrival.device, arrival.at
        renewed = self._documents.epoch(device) not in (None, said.epoch)
        if renewed:
            self._roster.reset(device)
        self._roster.hear(device, said.boot, said.uptime_ms, now, renewed)
        self._roster.keep_uptime(device)
        self._roster.say(device, Presence(ONLINE, said.boot, said.connects), now)
        for lane in records.LANES:
            key = (device, said.epoch, lane)
            cursor = self._cursor(key)
            if said.first[lane] > cursor.seq + 1:
                self._close(key, said.first[lane] - 1, said.boot, said.uptime_ms, now)
                cursor = self._cursor(key)
            effects.acknowledge(device, said.epoch, lane, cursor.boot or said.boot, cursor.seq)
        effects.publish("gw", "time", records.encode(self._clock.message(now)))
        self._documents.greet(device, said.epoch, said.config, said.grants, now, effects)

    def _record(self, arrival: Arrival, message: dict[str, object], effects: Effects) -> None:
        reason = ""
        try:
            first = self._check(message, arrival.at)
        except ContractError as error:
            reason = error.reason
        try:
            key, boot, first, last = _numbers(arrival.device, message, ranged=reason in ("", "future"))
        except ContractError:
            # It can't be acknowledged; the device's repeats close the hole (cursor.Hole).
            self._put_aside(arrival, reason)
            return
        cursor = self._cursor(key)
        verdict = judge(cursor, first, last)
        if verdict is Verdict.HOLE:
            hole = self._holes.setdefault(key, Hole(arrival.at.mono_ms))
            given_up = hole.seen(first, arrival.at.mono_ms)
            if self._tally.refused_since(arrival.device, hole.since_ms):
                del self._holes[key]
            elif given_up is not None:
                self._close(key, given_up - 1, boot, _int(message, "u"), arrival.at)
                verdict = Verdict.NEXT
        if verdict is Verdict.NEXT:
            if reason:
                self._put_aside(arrival, reason)
            if reason and key[2] == records.READINGS:
                # The history is judged on a prefix without holes: what is missing from it must be said.
                self._close(key, last, boot, _int(message, "u"), arrival.at, reason)
                effects.upstream = True
            else:
                if not reason:
                    self._store(arrival, message, effects)
                self._move(key, Cursor(boot, last), arrival.at)
        cursor = self._cursor(key)
        effects.acknowledge(arrival.device, key[1], key[2], cursor.boot or boot, cursor.seq)

    def _check(self, message: dict[str, object], now: Moment) -> int:
        """The first number a record stands for. Raises ContractError: put it aside (R-41, R-49)."""
        records.check(message)
        first = records.first_seq(message)
        if not 1 <= first <= records.integer(message, "n"):
            raise ContractError("field")
        if self._clock.trusted(now) and records.integer(message, "t") > now.unix_s + FUTURE_S:
            raise ContractError("future")
        if self._clock.trusted(now) and records.is_ahead(message, now.unix_s):
            raise ContractError("future")
        return first

    def _store(self, arrival: Arrival, message: dict[str, object], effects: Effects) -> None:
        device, now = arrival.device, arrival.at
        boot, uptime = records.integer(message, "b"), records.integer(message, "u")
        self._roster.hear(device, boot, uptime, now)
        self._flow.add(self._lane(arrival, message), device, now.wall_ms, message)
        effects.upstream = True
        if message["k"] == "applied":
            self._documents.applied(device, message, now, effects)

    def _lane(self, arrival: Arrival, message: dict[str, object]) -> Lane:
        if message["l"] == records.EVENTS:
            return Lane.EVENTS
        boot, uptime, at = (records.integer(message, key) for key in ("b", "u", "t"))
        current = self._roster.uptime_ms(arrival.device, boot, arrival.at)
        if current is not None:
            return Lane.LIVE if current - uptime < lanes.FRESH_MS else Lane.BACKFILL
        if at and self._clock.trusted(arrival.at):
            return Lane.LIVE if arrival.at.wall_ms - at * 1000 < lanes.FRESH_MS else Lane.BACKFILL
        return Lane.BACKFILL

    def _close(
        self, key: Key, upto: int, boot: int, uptime_ms: int, now: Moment, reason: str = "gateway"
    ) -> None:
        """A gap record on the device's behalf: it holds nothing of that range any more, or nothing that can
        be read (R-45).
        """
        device, epoch, lane = key
        trusted = self._clock.trusted(now)
        gap: dict[str, object] = {
            "v": 1,
            "e": epoch,
            "l": lane,
            "b": boot,
            "n": upto,
            "u": uptime_ms,
            "t": now.unix_s if trusted else 0,
            "q": self._clock.quality(now),
            "k": "gap",
            "f": self._cursor(key).seq + 1,
            "r": reason,
        }
        lanes.add(
            self._database, Lane.EVENTS if lane == records.EVENTS else Lane.LIVE, device, now.wall_ms, gap
        )
        self._move(key, Cursor(boot, upto), now)

    def _cursor(self, key: Key) -> Cursor:
        if key not in self._cursors:
            if len(self._cursors) > 10_000:
                self._cursors.clear()
            row = self._database.execute(
                "SELECT boot, seq FROM cursor WHERE device = ? AND epoch = ? AND lane = ?", key
            ).fetchone()
            self._cursors[key] = Cursor() if row is None else Cursor(*row)
        return self._cursors[key]

    def _move(self, key: Key, cursor: Cursor, now: Moment) -> None:
        fresh = self._cursor(key).seq == 0
        self._cursors[key] = cursor
        self._holes.pop(key, None)
        self._database.execute(
            "INSERT OR REPLACE INTO cursor (device, epoch, lane, boot, seq, seen_ms)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*key, cursor.boot, cursor.seq, now.wall_ms),
        )
        if fresh:
            self._bound_epochs(key[0])

    def _bound_epochs(self, device: str) -> None:
        stale = self._database.execute(
            "SELECT epoch FROM cursor WHERE device = ? GROUP BY epoch"
            " ORDER BY max(seen_ms) DESC LIMIT -1 OFFSET ?",
            (device, MAX_EPOCHS),
        ).fetchall()
        for (epoch,) in stale:
            self._database.execute("DELETE FROM cursor WHERE device = ? AND epoch = ?", (device, epoch))
            for lane in records.LANES:
                self._cursors.pop((device, epoch, lane), None)

    def _put_aside(self, arrival: Arrival, reason: str) -> None:
        self._tally.add(arrival.device, reason)
        self.keep(arrival.device, arrival.payload, reason, arrival.at)

    def keep(self, device: str, payload: bytes, reason: str, now: Moment) -> None:
        """Keep what was put aside, for a person to look at: the newest MAX_ASIDE of all."""
        self._database.execute(
            "INSERT INTO aside (at_ms, device, reason, payload) VALUES (?, ?, ?, ?)",
            (now.wall_ms, device, reason, payload),
        )
        self._database.execute("DELETE FROM aside WHERE id <= (SELECT max(id) FROM aside) - ?", (MAX_ASIDE,))


def _presence(message: dict[str, object]) -> Presence:
    said = Presence(records.text(message, "s"), records.count(message, "b"), records.count(message, "cc"))
    if said.word not in WORDS:
        raise ContractError("field")
    return said


def _numbers(device: str, message: dict[str, object], ranged: bool) -> tuple[Key, int, int, int]:
    """(cursor key, boot, first, last) of a record, also of one whose other fields are wrong. Raises
    ContractError.
    """
    epoch, lane = records.text(message, "e"), records.integer(message, "l")
    boot, last = records.count(message, "b"), records.count(message, "n")
    if len(epoch) != 8 or lane not in records.LANES or boot < 1 or last < 1:
        raise ContractError("field")
    return (device, epoch, lane), boot, records.first_seq(message) if ranged else last, last


def _int(message: dict[str, object], key: str) -> int:
    value = message.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else 0
