"""Invariants 8, 9 and 16 at the keypad: the rightful customer opens whatever is dead upstream, a revocation
acts within a minute of a whole link, and tries run out however often clocks and mains are touched.
"""

from dataclasses import dataclass
from typing import Any

from firmware.contract import records
from simulator.day.judge.broken import hold
from simulator.day.judge.coils import Coils, Right
from simulator.day.judge.watched import FLASH_GRACE_S, Watched

WITHIN_S = 60.0
SIZE, REFILL_S, DAILY = 10, 900, 20
"""Wrong tries at once, one more after so long, most a day: promised, hence not read from the firmware."""
_SOON_S = 30.0
"""A right that begins or ends this soon may be judged either way."""


@dataclass(frozen=True)
class _Visit:
    """Somebody types the right code of an order whose grants are in force."""

    order: str
    is_long: bool


class Rights:
    """Follows who may open what."""

    def __init__(self, database: Any, coils: Coils) -> None:
        self._database = database
        self._coils = coils
        self.walls: dict[str, Watched] = {}
        self._visits: dict[str, _Visit] = {}
        self._is_long: dict[str, bool] = {}
        """Whether who stands there types a long code, which costs no try."""
        self._owed: dict[str, list[tuple[int, float]]] = {}
        """By controller: (version, since when) of sets that it must come to have."""
        self._tries: dict[str, list[float]] = {}

    # 8

    def comes(self, bank: str, order: str, *, is_long: bool) -> None:
        """Somebody is about to type a code; the right one of an order, if one is named."""
        self._is_long[bank] = is_long
        if order and self._may_open(self.walls[bank], order):
            self._visits[bank] = _Visit(order, is_long)

    def goes(self, bank: str) -> None:
        """The customer has left."""
        self._visits.pop(bank, None)
        self._is_long.pop(bank, None)

    def _may_open(self, seen: Watched, order: str) -> bool:
        """Whether nobody could say that the code should not open: loaded, told to the controller, in time."""
        row = self._database.execute("SELECT state FROM orders WHERE id = ?", (order,)).fetchone()
        battery = seen.board.keep.battery
        if (
            row is None
            or row[0] != "ready"
            or not seen.board.is_on
            or battery.offset_s
            or seen.gateway.offset_s
        ):
            return False
        unix = seen.wall.timeline.unix()
        rights = [
            right
            for (bank, _), right in self._coils.rights.items()
            if bank == seen.id and right.claim in self._claims(order)
        ]
        zones = {door.number: door.zone for door in seen.wall.plan.doors}
        return bool(rights) and all(
            right.removed is None
            and right.added <= seen.applied
            and right.grant.grant_id not in seen.ended
            and right.grant.start <= unix - _SOON_S
            and unix + _SOON_S < right.grant.until
            and not seen.is_blocked(zones[right.door])
            for right in rights
            if right.grant.kind == 1
        )

    def _claims(self, order: str) -> set[str]:
        return {
            row[0] for row in self._database.execute("SELECT id FROM claims WHERE order_id = ?", (order,))
        }

    def told(self, seen: Watched, kind: str, fields: dict[str, Any]) -> None:
        """A record is durable."""
        if kind != "try":
            return
        if fields["r"] == records.UNKNOWN_CODE and not self._is_long.get(seen.id):
            self._tried(seen)
        visit = self._visits.pop(seen.id, None)
        if visit is None or fields["r"] == records.SLIP:
            return
        excused = fields["r"] == records.THROTTLED and not visit.is_long
        hold(
            fields["r"] == records.ACCEPTED or excused,
            f"8: the right code of a loaded order is refused at {seen.id}: {fields['r']}",
        )

    # 16

    def _tried(self, seen: Watched) -> None:
        """Short codes of nobody, by true time: the bucket gives ten, one more a quarter of an hour, twenty a
        day.
        """
        tries = self._tries.setdefault(seen.id, [])
        tries.append(seen.now_s)
        for back in range(1, min(len(tries), 3 * DAILY) + 1):
            passed_s = seen.now_s - tries[-back]
            most = min(SIZE + passed_s / REFILL_S, DAILY * (2 + passed_s // 86_400))
            hold(
                back <= most + 1, f"16: {back} wrong codes in {passed_s / 60:.0f} min are judged at {seen.id}"
            )

    # 9

    def given(self, changed: list[tuple[str, Right]]) -> None:
        """The server has withdrawn grants."""
        for bank, right in changed:
            if right.removed is not None:
                owed = self._owed.setdefault(bank, [])
                if not owed or owed[-1][0] < right.removed:
                    owed.append((right.removed, self.walls[bank].now_s))

    def check(self) -> None:
        """Whatever was withdrawn is out of force where the link has been whole for a minute."""
        for bank, owed in self._owed.items():
            if not owed:
                continue
            seen = self.walls[bank]
            while owed and owed[0][0] <= seen.applied:
                owed.pop(0)
            if owed and seen.reaches_server and not seen.board.keep.files.refuses:
                since_s = max(owed[0][1], seen.reached_s, seen.flash_s + FLASH_GRACE_S)
                waited = seen.now_s - since_s
                hold(
                    waited <= WITHIN_S,
                    f"9: {bank} still obeys a set before {owed[0][0]}, {waited:.0f} s after its revocation",
                )

    def restored(self) -> None:
        """The server has forgotten what it withdrew lately; what it wants now has newer numbers."""
        self._owed.clear()
