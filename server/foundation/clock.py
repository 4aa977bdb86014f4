"""Time as a parameter: nothing but the shell asks the machine what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What services know of time; the simulated way of running passes its own."""

    def now(self) -> datetime:
        """The present, timezone-aware UTC."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds that never jump, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The present, timezone-aware UTC."""
        return datetime.now(UTC)

    def monotonic_ms(self) -> int:
        """Milliseconds that never jump, from an arbitrary start."""
        return time.monotonic_ns() // 1_000_000


def unix_ms(moment: datetime) -> int:
    """Unix milliseconds of a timezone-aware moment."""
    return int(moment.timestamp() * 1000)


def from_unix(seconds: int) -> datetime:
    """The UTC moment of Unix seconds, as devices tell them."""
    return datetime.fromtimestamp(seconds, UTC)
