"""The world's own record of what happened on pins, doors and power: the outside witness of every test."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorldEvent:
    """One thing that happened. `kind`: key, coil_on, coil_off, latch, door_open, door_close, item_in,
    item_out, led, power, flash, fault, broken (a rule of the world that was broken, such as two coils at
    once).
    """

    at_monotonic: float
    at_wall: datetime
    controller: str
    kind: str
    door: int | None
    detail: str


class Log:
    """Append-only. Waiters are woken at each event."""

    def __init__(self, clock: Callable[[], float], wall: Callable[[], datetime]) -> None:
        self._clock = clock
        self._wall = wall
        self._events: list[WorldEvent] = []
        self._listeners: list[Callable[[WorldEvent], None]] = []

    def add(
        self, controller: str, kind: str, door: int | None = None, detail: str = "", at: float | None = None
    ) -> WorldEvent:
        """Append one; `at` if it happened a little earlier than now."""
        now = self._clock()
        moment = now if at is None else at
        wall = self._wall()
        event = WorldEvent(moment, wall, controller, kind, door, detail)
        self._events.append(event)
        for listener in list(self._listeners):
            listener(event)
        return event

    def listen(self, listener: Callable[[WorldEvent], None]) -> Callable[[], None]:
        """Have each further event handed over; returns what ends it."""
        self._listeners.append(listener)

        def end() -> None:
            self._listeners.remove(listener)

        return end

    def __iter__(self) -> Iterator[WorldEvent]:
        return iter(list(self._events))

    def __len__(self) -> int:
        return len(self._events)

    def since(self, mark: int) -> list[WorldEvent]:
        """Events after the first `mark` (`mark = len(log)` taken earlier)."""
        return self._events[mark:]

    def of(self, controller: str, *kinds: str, door: int | None = None, since: int = 0) -> list[WorldEvent]:
        """Events of one controller, of these kinds and that door (None: any)."""
        return [
            event
            for event in self._events[since:]
            if event.controller == controller
            and (not kinds or event.kind in kinds)
            and (door is None or event.door == door)
        ]

    async def next(self, wanted: Callable[[WorldEvent], bool], since: int = 0) -> WorldEvent:
        """The first event from `since` on that is wanted, waiting for it if need be."""
        for event in self._events[since:]:
            if wanted(event):
                return event
        future: asyncio.Future[WorldEvent] = asyncio.get_running_loop().create_future()

        def look(event: WorldEvent) -> None:
            if not future.done() and wanted(event):
                future.set_result(event)

        end = self.listen(look)
        try:
            return await future
        finally:
            end()
