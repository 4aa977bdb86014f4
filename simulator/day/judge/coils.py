"""Invariants 3 to 7, 16 and 18, at the coil: each start has a right that was given, is in force, and lies in
flash.
"""

import json
from dataclasses import dataclass
from typing import Any

from firmware.contract import commands as wire
from firmware.contract import grants, records
from firmware.core.ring import Ring
from firmware.services.holdings import Holdings
from simulator.day.judge.broken import InvariantError, hold
from simulator.day.judge.watched import Watched

EARLY_S = 5
LATE_S = 600 + 600
"""A use may still be going on, and a clock that was lost stands at a floor that is ten minutes old."""
LONGEST_S = 1.02
"""A pulse is 400 ms, its limit 1 s, and a tick of whoever looks."""


@dataclass
class Right:
    """A grant as the server gave it, also after the server has forgotten it (it was restored)."""

    id: str
    door: int
    grant: grants.Grant
    claim: str | None
    added: int
    removed: int | None


@dataclass(frozen=True)
class Order:
    """A command as the server gave it."""

    op: str
    door: int
    boot: int
    not_after_ms: int


class Coils:
    """Watches every coil. `rights` and `orders` follow the server's tables and forget nothing."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.rights: dict[tuple[str, int], Right] = {}
        self.orders: dict[tuple[str, str], Order] = {}
        self._on: dict[tuple[str, int], float] = {}

    def learn(self, touched: dict[str, list[Any]]) -> list[tuple[str, Right]]:
        """Takes over what the server has given or withdrawn; the grants among it, with their controllers."""
        changed = []
        for key in touched.get("grants", ()):
            row = self._database.execute(
                "SELECT controller_id, number, door, record, claim_id, added_version, removed_version"
                " FROM grants WHERE id = ?",
                (key,),
            ).fetchone()
            right = Right(key, row[2], grants.unpack(bytes(row[3])), row[4], row[5], row[6])
            self.rights[row[0], row[1]] = right
            changed.append((row[0], right))
        for key in touched.get("commands", ()):
            row = self._database.execute(
                "SELECT controller_id, op, door, boot, not_after_ms FROM commands WHERE id = ?", (key,)
            ).fetchone()
            self.orders[row[0], key] = Order(*row[1:])
        return changed

    def told(self, seen: Watched, kind: str, fields: dict[str, Any]) -> None:
        """A record is durable."""
        if kind == "release":
            hold(fields["by"], "a block was lifted in nobody's name")
        elif kind == "use" and fields["a"] == "cmd":
            hold(fields["g"] not in seen.commanded, "6: a command was used twice")
            seen.commanded.add(fields["g"])

    def booted(self, seen: Watched) -> None:
        """Mains are back: what was used before is used for whoever only knows what lies in flash, or its use
        had begun there: also where another page (the door's load) keeps the door shut as well.
        """
        held = Holdings(seen.board.keep.files)
        held.load()
        begun = {grant.grant_id for grant in held.book.interrupted()}
        for number in sorted(seen.ended):
            grant = held.book.by_id(number)
            hold(
                grant is None
                or not grant.flags & grants.ONCE
                or number in begun
                or held.book.is_used(number),
                f"3: the reset of {seen.id} makes it forget that grant {number} was used",
            )

    def changed(self, seen: Watched, number: int, on: bool) -> None:
        """A coil's current has changed. Raises InvariantError."""
        hold(len(seen.wall.coils) <= 1, f"4: {len(seen.wall.coils)} coils at work")
        if not on:
            lasted = seen.now_s - self._on.pop((seen.id, number), seen.now_s)
            hold(lasted <= LONGEST_S, f"4: the coil of door {number} was on for {lasted:.1f} s")
            return
        self._on[seen.id, number] = seen.now_s
        use = _last_use(seen.board.flash(records.EVENTS), number)
        if use is None or seen.board.pen is None:
            raise InvariantError(f"3: the coil of door {number} started with no use of it in flash")
        hold(
            use["b"] == seen.board.pen.journal.boot,
            f"5: a coil by a use of boot {use['b']}, before the reset",
        )
        if use["a"] == "cmd":
            self._commanded(seen, use, number, seen.board.pen.uptime.ms())
        else:
            self._granted(seen, use, number)

    def _commanded(self, seen: Watched, use: dict[str, Any], number: int, uptime_ms: int) -> None:
        order = self.orders.get((seen.id, use["g"]))
        if order is None:
            raise InvariantError("3: a coil by a command that the server never gave")
        hold((order.op, order.door) == (wire.OPEN, number), f"3: a command opens door {number}")
        hold(order.boot == use["b"], "6: a command of another boot opens a door")
        hold(uptime_ms <= order.not_after_ms, "6: a command opens a door after its time")

    def _granted(self, seen: Watched, use: dict[str, Any], number: int) -> None:
        right = self.rights.get((seen.id, use["g"]))
        if right is None:
            raise InvariantError("3: a coil by a grant that the server never gave")
        hold(right.door == number, f"3: a grant for door {right.door} opens door {number}")
        gone = right.removed is not None and right.removed <= seen.applied
        hold(not gone, f"3: a revoked grant opens door {number}")
        grant = right.grant
        hold(grant.grant_id not in seen.ended, f"3: a used grant opens door {number}")
        unix = int(seen.wall.timeline.unix())
        hold(grant.start <= unix + EARLY_S, f"16: door {number} opens before its time")
        hold(unix < grant.until + LATE_S, f"16: door {number} opens after its time")
        zone = next(door.zone for door in seen.wall.plan.doors if door.number == number)
        hold(
            grant.kind == grants.STAFF or not seen.is_blocked(zone),
            f"door {number} opens although its zone is blocked",
        )


def _last_use(ring: Ring, number: int) -> dict[str, Any] | None:
    """The use of a door that is going on, from the last events in flash: none after its lock's outcome."""
    use: dict[str, Any] | None = None
    at = max(ring.last - 40, 0)
    while (found := ring.read_after(at)) is not None:
        at = found[0]
        record = json.loads(found[1])
        if record.get("d") != number:
            continue
        if record["k"] == "use":
            use = record
        elif record["k"] == "lock":
            use = None
    return use
