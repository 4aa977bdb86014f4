"""The table of tasks: starts them, restarts what ends or hangs, and feeds the watchdog only for work done.

MicroPython lets a task die in silence while the loop lives on; here each task runs inside a guard. A critical
task that has not beaten its heart within its deadline leaves the watchdog unfed: the board resets rather than
stand there half alive.
"""

import asyncio
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Service(Protocol):
        """What the supervisor starts."""

        async def run(self) -> None:
            """Works for ever; raising or returning is a fault."""
            ...

    class Watchdog(Protocol):
        """machine.WDT."""

        def feed(self) -> object:
            """Not yet."""
            ...


_ROUND_MS = 500
_BACKOFF_LEAST_MS = 200
_BACKOFF_MOST_MS = 30_000
_CALM_MS = 60_000
"""A task that has run so long starts its back-off anew."""


class Heart:
    """What a task beats in each of its rounds; a task that waits for orders rests."""

    def __init__(self) -> None:
        self._last_ms = time.ticks_ms()
        self._resting = False

    def beat(self) -> None:
        """Work was done."""
        self._last_ms = time.ticks_ms()
        self._resting = False

    def rest(self) -> None:
        """Nothing to do until somebody asks: silence is no fault."""
        self._resting = True

    def silence_ms(self) -> int:
        """How long ago the heart beat; 0 for a resting one."""
        return 0 if self._resting else time.ticks_diff(time.ticks_ms(), self._last_ms)


class Entry:
    """A line of the table: a task, whether the board is useless without it, and how long it may be silent."""

    def __init__(self, name: str, service: "Service", heart: Heart, critical: bool, deadline_ms: int) -> None:
        self.name = name
        self.service = service
        self.heart = heart
        self.critical = critical
        self.deadline_ms = deadline_ms
        self.task: "asyncio.Task[None] | None" = None
        self.faults = 0
        self.hangs = 0
        self.backoff_ms = _BACKOFF_LEAST_MS


class Supervisor:
    """The only feeder of the watchdog, and the only one who starts a task."""

    def __init__(self, watchdog: "Watchdog") -> None:
        self._watchdog = watchdog
        self.table: list[Entry] = []
        self.worst_pause_ms = 0
        """Longest time the loop was away, beyond what was asked for."""

    def add(self, name: str, service: "Service", heart: Heart, critical: bool, deadline_ms: int) -> None:
        """Enter a task into the table."""
        self.table.append(Entry(name, service, heart, critical, deadline_ms))

    @property
    def faults(self) -> int:
        """Tasks that ended or hung since the start."""
        total = 0
        for entry in self.table:
            total += entry.faults + entry.hangs
        return total

    async def _guard(self, entry: Entry) -> None:
        # Every end of a task is looked at here; nothing of it is lost, and only a cancellation leaves.
        while True:
            begun = time.ticks_ms()
            entry.heart.beat()
            try:
                await entry.service.run()
                print("supervisor:", entry.name, "ended")
            except Exception as error:  # noqa: BLE001 - whatever it was, the task starts again and the fault is counted
                print("supervisor:", entry.name)
                sys.print_exception(error)
            entry.faults += 1
            if time.ticks_diff(time.ticks_ms(), begun) > _CALM_MS:
                entry.backoff_ms = _BACKOFF_LEAST_MS
            await asyncio.sleep_ms(entry.backoff_ms)
            entry.backoff_ms = min(entry.backoff_ms * 2, _BACKOFF_MOST_MS)

    def _start(self, entry: Entry) -> None:
        entry.heart.beat()
        entry.task = asyncio.create_task(self._guard(entry))

    def look(self) -> bool:
        """Restart what hangs; True if every critical task has beaten in time."""
        fit = True
        for entry in self.table:
            silence_ms = entry.heart.silence_ms()
            if silence_ms <= entry.deadline_ms:
                continue
            if entry.critical:
                fit = False
            if silence_ms > 2 * entry.deadline_ms and entry.task is not None:
                print("supervisor:", entry.name, "hangs")
                entry.hangs += 1
                entry.task.cancel()
                self._start(entry)
        return fit

    async def run(self) -> None:
        """Start all tasks in the table's order and watch over them for ever."""
        for entry in self.table:
            self._start(entry)
        while True:
            before = time.ticks_ms()
            await asyncio.sleep_ms(_ROUND_MS)
            pause = time.ticks_diff(time.ticks_ms(), before) - _ROUND_MS
            if pause > self.worst_pause_ms:
                self.worst_pause_ms = pause
            if self.look():
                self._watchdog.feed()
