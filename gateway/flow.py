"""How far the lanes are beyond what the store says of them: a lone record shall cost one write, not three.

Two things need not reach the disk by themselves. **What the server has acknowledged** is remembered, and
written for many rows at once: whoever forgets it by a power cut asks the server (`upstream`), or sends the
rows again under the same numbers, which the server passes over. **The number of a record** is given in the
transaction in which it arrives, as long as its lane flows: nothing waits in it and little is on its way.
"""

import sqlite3

from gateway import lanes
from gateway.lanes import Lane

AHEAD = 100
"""Rows of a lane that may have a number before the server has them; beyond, they wait without, and may still
change lane.
"""
SETTLE_ROWS = 500
SETTLE_MS = 300_000
"""Acknowledged rows are written down as such when there are so many, or so long after the last time."""


class Flow:
    """Belongs to one site; every call inside the caller's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._acked: dict[Lane, int] = {}
        self._written: dict[Lane, int] = {}
        self._open: set[Lane] = set()

    def add(self, lane: Lane, device: str, received_ms: int, record: dict[str, object]) -> None:
        """Append a record to a lane, with its number if the lane flows."""
        lanes.add(self._database, lane, device, received_ms, record, self._next(lane))

    def acked(self, lane: Lane) -> int:
        """The number up to which the server is known to have a lane, if that is further than the store says;
        else 0.
        """
        return self._acked.get(lane, 0)

    def waiting(self) -> set[Lane]:
        """Lanes of which the server does not have everything."""
        found = set()
        for lane in Lane:
            numbered, acked = lanes.progress(self._database, lane)
            if numbered > max(acked, self.acked(lane)) or lanes.waits(self._database, lane):
                found.add(lane)
        return found

    def depth(self, lane: Lane) -> tuple[int, int | None]:
        """(rows the server does not have, received_ms of the oldest of them)."""
        return lanes.depth(self._database, lane, self.acked(lane))

    def acknowledge(self, lane: Lane, upto: int, now_ms: int) -> bool:
        """The server has everything up to `upto`. False if it claims numbers never given: renumber."""
        numbered, acked = lanes.progress(self._database, lane)
        if upto > numbered:
            return False
        self._open.add(lane)
        if upto > acked:
            self._written[lane] = acked
            self._acked[lane] = max(upto, self._acked.get(lane, 0))
        if sum(self._acked[each] - self._written[each] for each in self._acked) >= SETTLE_ROWS:
            self.settle(now_ms)
        return True

    def settle(self, now_ms: int) -> None:
        """Write down what the server has acknowledged."""
        for lane, upto in sorted(self._acked.items()):
            lanes.acknowledge(self._database, lane, upto, now_ms)
        self._acked.clear()
        self._written.clear()

    def close(self, now_ms: int) -> None:
        """The two sides disagree: write down what is known; no number is given ahead until the server has
        acknowledged something again.
        """
        self.settle(now_ms)
        self._open.clear()

    def forget(self) -> None:
        """A transaction failed: the store is the truth. The server says again what it has."""
        self._acked.clear()
        self._written.clear()
        self._open.clear()

    def _next(self, lane: Lane) -> int | None:
        if lane not in self._open:
            return None
        numbered, acked = lanes.progress(self._database, lane)
        if numbered - max(acked, self.acked(lane)) >= AHEAD or lanes.waits(self._database, lane):
            return None
        return numbered + 1
