"""Invariants 11, 12 and 14: every durable record reaches the server once and unaltered, or lies in a recorded
gap; nothing is acknowledged that is not stored; no lie of a probe becomes a temperature.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from firmware.contract import records
from firmware.core.probe import STUCK_AFTER_MS
from gateway.effects import Publish
from gateway.lanes import NAMES, Lane
from simulator.day.judge.broken import hold
from simulator.day.judge.watched import Watched

_ENVELOPE = ("v", "e", "l", "b", "n", "u", "t", "q", "k")
_NEAR_C = 0.7
"""A probe hangs up to 0.15 °C aside, lags by a minute, rounds to a sixteenth and has noise of 0.02."""

Key = tuple[str, str, int]
"""Controller, journal epoch, lane."""


@dataclass
class Lived:
    """One lane of one controller: what was written, and what the server has of it."""

    written: dict[int, int] = field(default_factory=dict)
    """Number → fingerprint of kind and fields."""
    stored: set[int] = field(default_factory=set)
    gaps: set[int] = field(default_factory=set)
    """Numbers that a gap record stands for."""
    last: int = 0


@dataclass
class Air:
    """How cold and warm a zone's air was in this period of readings and in the one before."""

    low: float = math.inf
    high: float = -math.inf
    low_before: float = math.inf
    high_before: float = -math.inf
    stuck_s: dict[int, float] = field(default_factory=dict)
    """Since when a probe repeats itself."""
    freed_s: dict[int, float] = field(default_factory=dict)
    """When one last moved again: the period before has its old value in it."""


class Journals:
    """Follows the journal of every controller."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.lanes: dict[Key, Lived] = {}
        self._air: dict[tuple[str, str], Air] = {}
        self._acked: dict[Key, int] = {}

    # what a board writes.

    def told(self, seen: Watched, kind: str, lane: int, number: int, fields: dict[str, Any]) -> None:
        """A record is durable: the next number of its lane."""
        if seen.board.pen is None:
            return
        lived = self._lane((seen.id, seen.board.pen.journal.epoch, lane))
        if number > lived.last + 1:
            self._adopt(seen, lane, lived, number)
        hold(number == lived.last + 1, f"11: {seen.id} gives number {number} after {lived.last}")
        lived.last = number
        lived.written[number] = _print(kind, fields)
        if kind == "r":
            self._temperatures(seen, fields)

    def booted(self, seen: Watched) -> None:
        """A board is on again, and about to send whatever its flash holds."""
        # A board that starts anew has to watch a probe for six hours again.
        for (device, _), air in self._air.items():
            if device == seen.id:
                air.stuck_s = dict.fromkeys(air.stuck_s, seen.now_s)
        if seen.board.pen is not None:
            for lane in records.LANES:
                lived = self._lane((seen.id, seen.board.pen.journal.epoch, lane))
                self._adopt(seen, lane, lived, seen.board.flash(lane).last + 1)

    def _adopt(self, seen: Watched, lane: int, lived: Lived, before: int) -> None:
        """What was wholly written when the mains failed counts, though its writer never came to say so."""
        ring = seen.board.flash(lane)
        while lived.last + 1 < before:
            found = ring.read_after(lived.last)
            if found is None or found[0] >= before:
                return
            record = json.loads(found[1])
            lived.last = found[0]
            lived.written[found[0]] = _print(record["k"], _own(record))

    def _lane(self, key: Key) -> Lived:
        return self.lanes.setdefault(key, Lived())

    # what the server stores.

    def check(self, touched: dict[str, list[Any]], walls: dict[str, Watched]) -> None:
        """After a transaction. Raises InvariantError."""
        for key in touched.get("device_records", ()):
            row = self._database.execute(
                "SELECT controller_id, epoch, lane, seq, kind, body FROM device_records WHERE id = ?", (key,)
            ).fetchone()
            if row is not None:
                self._stored(row, walls)
        for key in touched.get("ledger_rows", ()):
            (device, body) = self._database.execute(
                "SELECT controller_id, body FROM ledger_rows WHERE id = ?", (key,)
            ).fetchone()
            record = json.loads(body)["r"]
            if record["k"] == "r":
                lived = self._lane((device, record["e"], records.READINGS))
                self._same(lived, record["n"], _print("r", _own(record)), device)

    def _stored(self, row: tuple[Any, ...], walls: dict[str, Watched]) -> None:
        device, epoch, lane, number, kind, body = row
        lived = self._lane((device, epoch, lane))
        hold(number not in lived.stored, f"11: {device} has number {number} of lane {lane} twice")
        if kind == "gap":
            record = json.loads(body) if isinstance(body, str) else body
            self._gap(lived, record, walls[device])
            return
        hold(number not in lived.gaps, f"11: {device} {number} of lane {lane} is stored and lies in a gap")
        lived.stored.add(number)
        if lane == records.EVENTS:
            record = json.loads(body) if isinstance(body, str) else body
            self._same(lived, number, _print(kind, _own(record)), device)

    def _same(self, lived: Lived, number: int, found: int, device: str) -> None:
        written = lived.written.get(number)
        hold(written is not None, f"11: the server has number {number} that {device} never wrote")
        hold(written == found, f"11: number {number} of {device} was altered on its way")

    def _gap(self, lived: Lived, record: dict[str, Any], seen: Watched) -> None:
        """A gap may stand only for what flash no longer holds, or for readings dated ahead by a battery clock
        that has moved: those are put aside (R-49).
        """
        is_dated_ahead = record["r"] == "future" and seen.board.keep.battery.has_moved
        ring = seen.board.flash(record["l"])
        for number in range(record["f"], record["n"] + 1):
            found = ring.read_after(number - 1) if number <= ring.last else None
            hold(
                found is None or found[0] != number or is_dated_ahead,
                f"11: a gap stands for number {number}, which the flash of {seen.id} still holds",
            )
            lived.gaps.add(number)

    def restored(self) -> None:
        """The server has an older database: what it lacks must come again."""
        for lived in self.lanes.values():
            lived.stored.clear()
            lived.gaps.clear()
        for device, epoch, lane, number, kind, body in self._database.execute(
            "SELECT controller_id, epoch, lane, seq, kind, body FROM device_records"
        ).fetchall():
            lived = self._lane((device, epoch, lane))
            if kind == "gap":
                record = json.loads(body)
                lived.gaps.update(range(record["f"], record["n"] + 1))
            else:
                lived.stored.add(number)

    def missing(self) -> list[tuple[Key, set[int]]]:
        """Lanes of which the server lacks something, with the numbers."""
        found = [(key, lived.written.keys() - lived.stored - lived.gaps) for key, lived in self.lanes.items()]
        return [(key, numbers) for key, numbers in found if numbers]

    def end(self) -> None:
        """All is still and every line whole: nothing is missing."""
        for (device, _, lane), numbers in self.missing():
            hold(False, f"11: lane {lane} of {device} lacks {len(numbers)} records, the first {min(numbers)}")

    # acknowledgements.

    def leaves(self, seen_by_id: dict[str, Watched], gateway_database: Any, message: Publish) -> None:
        """A gateway is about to publish: what it acknowledges is committed in its store (12)."""
        device, leaf = message.topic.split("/")[3:5]
        if leaf != "ack" or device not in seen_by_id:
            return
        hold(not gateway_database.in_transaction, "12: a gateway speaks before its transaction is over")
        said = json.loads(message.payload)
        key = (device, said["e"], said["l"])
        if said["n"] <= self._acked.get(key, 0):
            return
        self._acked[key] = said["n"]
        row = gateway_database.execute(
            "SELECT seq FROM cursor WHERE device = ? AND epoch = ? AND lane = ?", key
        ).fetchone()
        hold(
            row is not None and row[0] >= said["n"],
            f"12: {said['n']} of {device} is acknowledged, not stored",
        )

    def taken(self, site: str, epoch: str, lane: Lane, upto: int) -> None:
        """The server has answered a batch: what it claims to have is committed (12)."""
        hold(not self._database.in_transaction, "12: the server answers before its transaction is over")
        row = self._database.execute(
            "SELECT upto FROM lane_cursors WHERE site_id = ? AND epoch = ? AND lane = ?",
            (site, epoch, NAMES[lane]),
        ).fetchone()
        hold(row is not None and row[0] == upto, f"12: the server answers {upto} and has {row and row[0]}")

    # temperatures.

    def stepped(self, seen: Watched) -> None:
        """The cold has gone on in front of a controller."""
        for zone in seen.wall.zones.values():
            air = self._air.setdefault((seen.id, zone.id), Air())
            air.low, air.high = min(air.low, zone.celsius), max(air.high, zone.celsius)
            for number, probe in enumerate(zone.probes):
                if not probe.stuck:
                    if air.stuck_s.pop(number, None) is not None:
                        air.freed_s[number] = seen.now_s
                else:
                    air.stuck_s.setdefault(number, seen.now_s)

    def _temperatures(self, seen: Watched, fields: dict[str, Any]) -> None:
        """What a period's row says was felt by somebody there (14)."""
        for name, number, low, mean, high, samples, health in fields["z"]:
            air = self._air.get((seen.id, name))
            if air is None:
                continue
            stuck = air.stuck_s.get(number)
            if stuck is not None:
                late = seen.now_s - stuck > STUCK_AFTER_MS / 1000 + 2 * seen.part.period_s + 600
                hold(not (late and samples), f"14: probe {number} of {name} repeats itself and is believed")
                continue
            if seen.now_s - air.freed_s.get(number, -math.inf) < 2 * seen.part.period_s:
                continue
            if not samples:
                hold(health != records.GOOD, f"14: a period of {name} without samples is called good")
                continue
            coldest = min(air.low, air.low_before) - _NEAR_C
            warmest = max(air.high, air.high_before) + _NEAR_C
            hold(
                coldest <= low / 100 and high / 100 <= warmest and low <= mean <= high,
                f"14: {name} is told as {low / 100} to {high / 100} °C, was {coldest:.1f} to {warmest:.1f}",
            )
        for zone in seen.wall.zones:
            air = self._air.setdefault((seen.id, zone), Air())
            air.low_before, air.high_before = air.low, air.high
            air.low, air.high = math.inf, -math.inf


def _own(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _ENVELOPE}


def _print(kind: str, fields: dict[str, Any]) -> int:
    return hash(kind + json.dumps(fields, sort_keys=True))
