"""Seeded days of a whole site, from beginning to end; the same seed tells the same days, byte for byte."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.day import outages, troubles
from simulator.day.backroom import Backroom
from simulator.day.customers import Customer, Guesser
from simulator.day.judge.cold import CALM_TICK_S, TICK_S
from simulator.day.outages import Backbone
from simulator.day.site import Site, SiteError, read
from simulator.day.staff import Hand, Manager, Producer
from simulator.day.street import HOUR, Street
from simulator.day.timeline import DAY_S, Timeline

__all__ = ["Days", "DaysError", "Plan", "SiteError", "tell"]

STILL_S = 1800.0
"""With every trouble over and nobody about, all records arrive and all blocks of work end within this."""
_WARM_UP_S = 60.0
_FLUSHES = 10
"""Readings go on for ever: at the end the newest need a moment to arrive."""
_SELDOM = (50_000, 20, 50)
"""Garbage is looked for fifty times more seldom than Python's default."""
_ORDERS_A_DOOR = 0.75
_MOST_A_DOOR = 1.25
"""A door is promised to one order a day: more customers than that only learn that the wall is full."""
_OPEN_H = 11.0
"""Customers come in the first eleven hours of a day, most of them around ten in the morning."""


class DaysError(Exception):
    """A part of the system failed by itself."""


@dataclass(frozen=True)
class Plan:
    """What is to be lived through. `haste` multiplies how often customers come and troubles befall, `harm`
    the troubles alone once more: short days dense with faults show more than long ones.
    """

    seed: int
    file: Path
    length_s: float = DAY_S
    period_s: int = 600
    haste: float = 1.0
    harm: float = 1.0


@dataclass
class Days:
    """What came of it."""

    digest: str
    lines: int
    checks: int
    took_s: float
    counts: dict[str, int] = field(default_factory=dict)


class Running:
    """A site and everybody about it. Made, lived and closed inside `timeline.micropython()`."""

    def __init__(
        self, timeline: Timeline, plan: Plan, also: Callable[[str], None], *, is_troubled: bool = True
    ) -> None:
        self.timeline = timeline
        self.plan = plan
        self._is_troubled = is_troubled
        self.site = Site(timeline, *read(plan.file, plan.period_s), also, plan.haste)
        self.backroom = Backroom(self.site.office)
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        timeline.loop.set_exception_handler(self._failed)

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a callback of the loop raised ends the days."""
        self.fail(context.get("exception") or DaysError(str(context["message"])))

    def fail(self, error: BaseException) -> None:
        """Something that nobody awaits has failed: that ends the days."""
        self._failure = self._failure or error

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something go on beside; what it raises ends the days."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.fail(task.exception() or DaysError("a task failed"))

    async def _timers(self) -> None:
        while True:
            if self.site.office.is_up:
                self.site.office.tick()
                self.site.judge.ticked()
            await asyncio.sleep(TICK_S if self.site.judge.cold.is_troubled else CALM_TICK_S)

    async def live(self) -> None:
        """All of the days, and the quiet after them. Raises what broke them."""
        self.spawn(self._timers())
        for gateway in self.site.gateways.values():
            self.spawn(gateway.upstream())
            self.spawn(gateway.downstream())
        for board in self.site.boards.values():
            board.power(True)
        self.site.judge.lines_changed()
        await self._pass(_WARM_UP_S)
        self.site.judge.lines_changed()
        people = [self.spawn(work) for work in self._works()]
        await self._pass(self.plan.length_s)
        for task in people:
            task.cancel()
        self._mend()
        await self._pass(STILL_S)
        for _ in range(_FLUSHES):
            if not self.site.judge.journals.missing():
                break
            for gateway in self.site.gateways.values():
                gateway.hurry()
            await self._pass(2)
        self.site.judge.end()

    def _works(self) -> list[Coroutine[Any, Any, None]]:
        """Customers, producers, hands, the manager, and misfortune."""
        site, timeline = self.site, self.timeline
        works: list[Coroutine[Any, Any, None]] = []
        for street in site.streets.values():
            works += self._about(street)
        streets = list(site.streets.values())
        works.append(Manager(streets, self.backroom, timeline.chance("manager")).live())
        if not self._is_troubled:
            return works
        bone = Backbone(site.office, list(site.gateways.values()), site.judge, site.diary)
        for name, every_days in _OUTAGES.items():
            every_s = every_days * DAY_S / self.plan.haste / self.plan.harm
            works.append(outages.befall(bone, name, timeline.chance(f"outage {name}"), every_s))
        return works

    def _about(self, street: Street) -> list[Coroutine[Any, Any, None]]:
        timeline, is_wall = self.timeline, bool(street.wall.doors)
        works: list[Coroutine[Any, Any, None]] = []
        names = list(troubles.OF_A_BOARD) + (list(troubles.OF_DOORS) if is_wall else [])
        for name in names if self._is_troubled else ():
            chance = timeline.chance(f"trouble {name} {street.id}")
            every_s = _TROUBLES[name] * DAY_S / self.plan.haste / self.plan.harm
            works.append(troubles.befall(street, name, chance, every_s))
        if not is_wall:
            return works + [
                Hand(street, zone, timeline.chance(f"hand {zone}")).live() for zone in street.wall.zones
            ]
        products = self.site.products(street.id)
        works += [
            Producer(street, name, timeline.chance(f"producer {name} {street.id}")).live()
            for name in sorted({product.producer for product in products})
        ]
        works.append(Guesser(street, timeline.chance(f"guesser {street.id}")).live())
        works.append(self._customers(street, [product.id for product in products]))
        return works

    async def _customers(self, street: Street, products: list[str]) -> None:
        """Each day's, one after the other."""
        made, day = 0, 0
        share = min(1.0, self.plan.length_s / DAY_S)
        a_door = min(_ORDERS_A_DOOR * self.plan.haste * share, _MOST_A_DOOR)
        count = max(1, round(a_door * len(street.wall.doors)))
        while True:
            for _ in range(count):
                made += 1
                chance = self.timeline.chance(f"customer {street.id} {made}")
                wanted = chance.sample(products, min(len(products), chance.choice((1, 1, 2))))
                open_s = min(_OPEN_H * HOUR, 0.6 * self.plan.length_s)
                comes_s = chance.triangular(0, open_s, 0.36 * open_s)
                self.spawn(Customer(street, f"{street.id}/{made}", wanted, chance).live(comes_s))
            day += 1
            await asyncio.sleep(max(0.0, day * DAY_S - self.timeline.seconds))

    def _mend(self) -> None:
        """The days are over, whatever trouble lasts."""
        office = self.site.office
        office.clock.offset *= 0
        office.power(True)
        self.site.judge.server_is_back(self.timeline.seconds)
        self.site.mend()

    async def _pass(self, seconds: float) -> None:
        """Let time pass; whoever fails meanwhile ends the days."""
        until = self.timeline.seconds + seconds
        while self.timeline.seconds < until:
            await asyncio.sleep(min(20.0, until - self.timeline.seconds))
            failure = self._failure
            for board in self.site.boards.values():
                failure = failure or board.failure
            if failure is not None:
                raise failure

    def close(self) -> None:
        """End every task and forget everything."""
        for task in self._tasks:
            task.cancel()
        self.site.close()


_TROUBLES = {
    "jam": 4,
    "forced": 5,
    "blind": 4,
    "compressor": 6,
    "unplugged": 6,
    "lying": 6,
    "network": 3,
    "power": 4,
    "power in a write": 5,
    "worn": 12,
    "replayed": 4,
}
"""Days between two of a kind at one controller."""
_OUTAGES = {"internet": 2, "box": 4, "server": 3, "restored": 9, "gateway clock": 7, "server clock": 8}
"""Days between two of a kind."""


class _Heard(logging.Handler):
    """An error that a part only logs is one all the same; warnings are part of a day."""

    def __init__(self, running: Running) -> None:
        super().__init__(logging.ERROR)
        self._running = running

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        self._running.fail(cause or DaysError(record.getMessage()))


def tell(plan: Plan, also: Callable[[str], None]) -> Days:
    """Live through the days; `also` gets each line of the log.

    Raises SiteError if the site file can't be used; else what broke the days: InvariantError, LeakError,
    RejectedError, or whatever ended a part of the system. The last lines are in its notes.
    """
    # What a run makes it keeps to its end: looking for garbage among it costs a tenth of the time. What was
    # there before is left alone altogether, also by the one look at the end: everything in a run knows
    # everything else.
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_SELDOM)
    try:
        return _lived(plan, also)
    finally:
        gc.collect()
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def _lived(plan: Plan, also: Callable[[str], None]) -> Days:
    started = time.monotonic()
    timeline = Timeline(plan.seed)
    with ExitStack() as stack:
        stack.callback(timeline.loop.close)
        stack.enter_context(timeline.micropython())
        running = Running(timeline, plan, also)
        stack.callback(running.close)
        heard = _Heard(running)
        logging.getLogger().addHandler(heard)
        stack.callback(logging.getLogger().removeHandler, heard)
        try:
            timeline.loop.run_until_complete(running.live())
        except BaseException as error:
            error.add_note("\n".join(running.site.diary.last))
            raise
    diary, checks = running.site.diary, running.site.judge.checks
    counts = dict(sorted(diary.counts.items()))
    return Days(diary.digest, diary.lines, checks, time.monotonic() - started, counts)
