"""Refusals of what strangers send are recorded, but never so fast that they push real events out of the
journal.
"""

_MOST = 20
_REFILL_MS = 6_000


class Throttle:
    """A bucket of twenty, one more every six seconds of uptime, or every `refill_ms`."""

    def __init__(self, refill_ms: int = _REFILL_MS) -> None:
        self._refill_ms = refill_ms
        self._left = _MOST
        self._refilled_ms = 0
        self.suppressed = 0
        """Refusals that were counted only."""

    def allows(self, now_ms: int) -> bool:
        """True if this one may be recorded."""
        fresh = (now_ms - self._refilled_ms) // self._refill_ms
        if fresh > 0:
            self._refilled_ms += fresh * self._refill_ms
            self._left = min(self._left + fresh, _MOST)
        if self._left <= 0:
            self.suppressed += 1
            return False
        self._left -= 1
        return True

    def untold(self) -> int:
        """How many were suppressed since this was asked last."""
        count, self.suppressed = self.suppressed, 0
        return count
