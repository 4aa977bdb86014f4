"""Virtual time: an event loop that never waits, and MicroPython's time over it for the firmware's services.

While everybody waits, the clock jumps to the next thing that is due. Nothing here asks the machine's clock,
and no thread takes part, so that a run depends on its seed alone.
"""

import asyncio
import os
import random
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from firmware.drivers.ds18b20 import CONVERT_MS

BEGIN = datetime(2026, 10, 5, 4, 0, tzinfo=UTC)
"""When every simulated day begins: a Monday in October, six o'clock in Paris."""
DAY_S = 86_400.0

LOOK_MS = 1000
"""A service that sleeps for no longer looks at something again and again; longer sleeps last as they say."""
KEY_MS = 10
"""Whoever looks so often looks for keys, and each key wakes everybody."""
SLOW_MS, SLOW_CALM_MS = 200, 10_000
"""Who looks more seldom than that (rooms, clocks) decides nothing in which seconds count."""
LIVELY_S = 0.3
"""For so long after something moved every look is taken: a contact bounces for 15 ms, and two looks must
agree.
"""
CALM_MS = 2000
"""Then a look need not be taken so often while nothing moves."""
RESTLESS_S = 150.0
"""For so long after something moved a decision by time alone may be due: a use ends, a door is ajar (120 s
each).
"""
QUIET_MS = 60_000
"""After that, and with every door shut, looks may be as far apart as samples of the probes."""

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

    @property
    def seconds(self) -> float:
        """Since the first day began."""
        return self.loop.time()

    def now(self) -> datetime:
        """The present, timezone-aware UTC (`server.foundation.clock.Clock`)."""
        return BEGIN + timedelta(milliseconds=self.monotonic_ms())

    def unix(self) -> float:
        """The present, Unix seconds."""
        return BEGIN.timestamp() + self.loop.time()

    def monotonic_ms(self) -> int:
        """Milliseconds since the first day began."""
        return int(self.loop.time() * 1000 + 0.5)

    def chance(self, name: str) -> random.Random:
        """A part's own randomness."""
        return random.Random(f"{self.seed}:{name}")

    @contextmanager
    def micropython(self) -> Iterator[None]:
        """While entered, `asyncio` and `time` have MicroPython's names that the firmware's services use, and
        what a board draws from its hardware's noise comes from the seed.
        """
        names: list[tuple[Any, str, object]] = [
            (asyncio, "sleep_ms", look_again),
            (time, "ticks_ms", self.monotonic_ms),
            (time, "ticks_diff", lambda later, earlier: later - earlier),
        ]
        noise = os.urandom
        for module, name, value in names:
            setattr(module, name, value)
        os.urandom = self.chance("noise").randbytes
        try:
            yield
        finally:
            os.urandom = noise
            for module, name, _ in names:
                delattr(module, name)


class Calm:
    """One controller's stillness: while nothing moves at its pins, its services need not look at them.

    `is_busy` says whether something stands open there, so that time alone may bring a decision.
    """

    def __init__(self, timeline: Timeline, is_busy: Callable[[], bool]) -> None:
        self._timeline = timeline
        self._is_busy = is_busy
        self._moved_at = -RESTLESS_S
        self._waiting: dict[asyncio.Future[None], None] = {}

    async def look_again(self, ms: int) -> None:
        """While nothing moves, a pause between two looks lasts until something does, or for CALM_MS or
        QUIET_MS.
        """
        still_s = self._timeline.seconds - self._moved_at
        if still_s < LIVELY_S and ms > KEY_MS:
            await asyncio.sleep(ms / 1000)
            return
        longest_ms = QUIET_MS
        if still_s < RESTLESS_S or self._is_busy():
            longest_ms = CALM_MS if ms < SLOW_MS else SLOW_CALM_MS
        moved = self._timeline.loop.create_future()
        timer = self._timeline.loop.call_later(longest_ms / 1000, _wake, moved)
        self._waiting[moved] = None
        try:
            await moved
        finally:
            timer.cancel()
            self._waiting.pop(moved, None)

    def moved(self) -> None:
        """Something moved: every service looks now, and keeps looking for a while."""
        self._moved_at = self._timeline.seconds
        waiting, self._waiting = self._waiting, {}
        for each in waiting:
            _wake(each)


WHOSE: ContextVar[Calm | None] = ContextVar("WHOSE", default=None)
"""The controller whose service is running; None outside of any."""


async def look_again(ms: int) -> None:
    """What MicroPython's `sleep_ms` is to a service of the firmware. A conversion is waited for as long as it
    takes.
    """
    calm = WHOSE.get()
    if calm is None or not 0 < ms <= LOOK_MS or ms == CONVERT_MS:
        await asyncio.sleep(ms / 1000)
    else:
        await calm.look_again(ms)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
