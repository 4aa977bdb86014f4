"""Virtual time: an event loop that never waits, and MicroPython's time over it for the firmware's services.

While everybody waits, the clock jumps to the next thing that is due. Nothing here asks the machine's clock,
and no thread takes part, so that a run depends on its seed alone.
"""

import asyncio
import random
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

BEGIN = datetime(2026, 10, 5, 4, 0, tzinfo=UTC)
"""When every simulated day begins: a Monday in October, six o'clock in Paris."""

CALM_MS = 2500
"""A service that looks at its pins again and again need not look so often while nothing moves."""
LIVELY_S = 3.0
"""For so long after something moved every look is taken."""

_HAIR_S = 1e-8
"""Whoever is woken finds the time he asked for over, whatever floating point makes of it."""


class _NoWaiting(selectors.DefaultSelector):
    """Instead of waiting for sockets, of which there are none, lets the clock jump."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StalledError("everybody waits for somebody else, and nothing is due")
        self.now += max(timeout, 0.0) + _HAIR_S
        return []


class StalledError(Exception):
    """Nobody will ever do anything again."""


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumper = _NoWaiting()
        super().__init__(self._jumper)
        self._clock_resolution = 0.0

    def time(self) -> float:
        return self._jumper.now

    def _write_to_self(self) -> None:
        """There is one thread: nobody has to be woken from outside."""


class Timeline:
    """The clock of a simulated day, in the shapes that server, gateway and firmware know.

    `chance(name)` gives each part a source of randomness of its own, all of one seed, so that one part's
    asking once more changes nobody else's luck.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.loop = _Loop()
        self._moved_at = -LIVELY_S
        self._waiting: dict[asyncio.Future[None], None] = {}

    @property
    def seconds(self) -> float:
        """Since the day began."""
        return self.loop.time()

    def now(self) -> datetime:
        """The present, timezone-aware UTC (`server.foundation.clock.Clock`)."""
        return BEGIN + timedelta(milliseconds=self.monotonic_ms())

    def monotonic_ms(self) -> int:
        """Milliseconds since the day began."""
        return int(self.loop.time() * 1000 + 0.5)

    def chance(self, name: str) -> random.Random:
        """A part's own randomness."""
        return random.Random(f"{self.seed}:{name}")

    async def look_again(self, ms: int) -> None:
        """What MicroPython's `sleep_ms` is to a service that looks at something again and again: while
        nothing moves, a short wait lasts until something does, or for CALM_MS.
        """
        if ms >= CALM_MS or self.seconds - self._moved_at < LIVELY_S:
            await asyncio.sleep(ms / 1000)
            return
        moved = self.loop.create_future()
        timer = self.loop.call_later(CALM_MS / 1000, _wake, moved)
        self._waiting[moved] = None
        try:
            await moved
        finally:
            timer.cancel()
            self._waiting.pop(moved, None)

    def moved(self) -> None:
        """Something at the wall moved: everybody looks now, and keeps looking for a while."""
        self._moved_at = self.seconds
        waiting, self._waiting = self._waiting, {}
        for each in waiting:
            _wake(each)

    @contextmanager
    def micropython(self) -> Iterator[None]:
        """While entered, `asyncio` and `time` have MicroPython's names that the firmware's services use."""
        names: list[tuple[Any, str, object]] = [
            (asyncio, "sleep_ms", self.look_again),
            (time, "ticks_ms", self.monotonic_ms),
            (time, "ticks_diff", lambda later, earlier: later - earlier),
        ]
        for module, name, value in names:
            setattr(module, name, value)
        try:
            yield
        finally:
            for module, name, _ in names:
                delattr(module, name)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
