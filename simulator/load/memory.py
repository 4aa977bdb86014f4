"""A journal's ring in memory: what `firmware.core.ring.Ring` does on flash, for a device whose power never
fails.

Runs under MicroPython and CPython; imports nothing.
"""


class MemoryRing:
    """Numbered records of one lane, numbered from 1; the newest `capacity` of them are held.

    Stands where `firmware.core.journal` expects a ring. Unlike flash it never overwrites what is not
    acknowledged: the caller looks at `is_full` before it appends.
    """

    def __init__(self, capacity: int) -> None:
        self.epoch = 0
        self.last = 0
        """Number of the newest record, 0 if none."""
        self.acked = 0
        """Highest number the receiver is known to have; the journal sets it."""
        self._slots = [b""] * capacity

    def mount(self) -> bool:
        """There is nothing to find: False, so that the journal formats it."""
        return False

    def format(self, epoch: int) -> None:
        """Begin an empty ring under an epoch."""
        self.epoch = epoch
        self.last = self.acked = 0

    @property
    def first(self) -> int:
        """Number of the oldest record held; above `last` if there is none."""
        return max(1, self.last - len(self._slots) + 1)

    @property
    def is_full(self) -> bool:
        """Whether one more would overwrite a record that nobody has acknowledged."""
        return self.last - self.acked >= len(self._slots)

    def append(self, data: bytes) -> int:
        """Hold one more record; its number."""
        self.last += 1
        self._slots[self.last % len(self._slots)] = data
        return self.last

    def read_after(self, seq: int) -> tuple[int, bytes] | None:
        """The first record held above `seq` with its number, None if there is none."""
        at = max(seq + 1, self.first)
        return (at, self._slots[at % len(self._slots)]) if at <= self.last else None
