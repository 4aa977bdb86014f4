"""How far a device's lane has come: one contiguous cursor per journal epoch and lane (R-40 to R-45)."""

from dataclasses import dataclass
from enum import Enum

PATIENCE_MS = 20_000
"""How long a hole may stand before it is closed: four of the device's own repeats (R-44: 5 s each)."""
REPEATS = 3
"""A hole is closed only if the device has begun again at the same number this often: it has nothing older."""


class Verdict(Enum):
    """What a record's numbers mean for the cursor."""

    NEXT = "next"
    """Continues the prefix: store it, move the cursor to its last number."""
    DUPLICATE = "duplicate"
    """Known: acknowledge again, store nothing."""
    HOLE = "hole"
    """Something is missing before it: acknowledge where we are, the device goes back."""


@dataclass(frozen=True)
class Cursor:
    """The highest contiguous number on disk, and the boot it came from. `seq` 0: nothing yet."""

    boot: int = 0
    seq: int = 0


def judge(cursor: Cursor, first: int, last: int) -> Verdict:
    """Where a record that stands for the numbers `first` to `last` lies (one number, or a gap record's
    range).
    """
    if last <= cursor.seq:
        return Verdict.DUPLICATE
    if first <= cursor.seq + 1:
        return Verdict.NEXT
    return Verdict.HOLE


class Hole:
    """A missing number that stands in the way of a lane.

    A device repeats from its first unacknowledged record. If that is again and again the same number above
    the cursor's next, what lies between will never come (the gateway's store was restored or replaced, or a
    record in flash can't be read): the gateway closes it by a gap record, so that a prefix never blocks.
    """

    def __init__(self, now_ms: int) -> None:
        self.since_ms = now_ms
        """Since when the lowest number stands (monotonic)."""
        self._lowest = 0
        self._repeats = 0

    def seen(self, first: int, now_ms: int) -> int | None:
        """Note a record beyond the hole; its number if everything before it is to be given up, else None."""
        if self._lowest == 0 or first < self._lowest:
            self._lowest, self._repeats, self.since_ms = first, 1, now_ms
            return None
        if first == self._lowest:
            self._repeats += 1
            if self._repeats > REPEATS and now_ms - self.since_ms >= PATIENCE_MS:
                return first
        return None
