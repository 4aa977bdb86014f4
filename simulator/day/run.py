"""A seeded day of one wall, from beginning to end; the same seed tells the same day, byte for byte."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware.services.identity import Identity
from server.foundation.errors import ConfigurationError
from server.sitefile import document
from server.sitefile.document import ProductPart, SiteFile
from simulator.day import troubles
from simulator.day.board import Board, Record
from simulator.day.diary import Diary
from simulator.day.gateway import Gateway
from simulator.day.judge import Judge
from simulator.day.office import Office
from simulator.day.people import HOUR, Customer, Manager, Producer, Street
from simulator.day.timeline import Timeline
from simulator.day.wall import Wall
from simulator.world import plan
from simulator.world.plan import ControllerPlan, PlanError

DAY_S = 16.5 * HOUR
"""From six in the morning to half past ten, when the last window is over."""
STILL_S = 1200.0
"""With every trouble over and nobody about, all records arrive and all blocks of work end within this."""
_TICK_S = 120.0
"""The server looks for due timers five times a second; a simulated one need not."""
_ORDERS_A_DOOR = 3


class DayError(Exception):
    """A part of the system failed by itself."""


class SiteError(Exception):
    """The day can't be told: the site file is none, or has no such wall."""


@dataclass
class Day:
    """What came of it."""

    digest: str
    lines: int
    checks: int
    took_s: float
    counts: dict[str, int] = field(default_factory=dict)


def only(site_file: SiteFile, wall: str) -> SiteFile:
    """The site file with nothing but one wall. Raises SiteError if it has no such wall."""
    for site in site_file.sites:
        for controller in site.controllers:
            if controller.id == wall and controller.kind == "bank":
                alone = site.model_copy(update={"controllers": [controller]})
                return site_file.model_copy(update={"sites": [alone]})
    raise SiteError(f"the site file has no wall {wall}")


class Running:
    """Everything of one day, wired. Made, lived and closed inside `timeline.micropython()`."""

    def __init__(
        self, timeline: Timeline, site_file: SiteFile, plan: ControllerPlan, also: Callable[[str], None]
    ) -> None:
        self.timeline = timeline
        self.diary = Diary(self.timeline, also)
        self.office = Office(site_file, self.timeline, self.diary)
        self.wall = Wall(plan, self.timeline, self.diary)
        key = bytes.fromhex(self.office.secrets["controllers"][plan.id]["key"])
        identity = Identity(plan.site, plan.id, "locker-bank", "", 0, bytes(32), key)
        self.board = Board(self.wall, identity, self._told, self._up)
        self.gateway = Gateway(plan.site, plan.id, self.timeline, self.office, self._down)
        self.judge = Judge(self.wall, self.board, self.office)
        self.office.after = self.judge.server
        self.street = Street(self.wall, self.board, self.office, self.gateway, self.diary)
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        self.timeline.loop.set_exception_handler(self._failed)

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a callback of the loop raised ends the day."""
        self.fail(context.get("exception") or DayError(str(context["message"])))

    def _told(self, kind: str, fields: Record) -> None:
        self.judge.told(kind, fields)
        self.diary.counts[f"record {kind}"] += 1
        if kind == "try":
            self.diary.counts[f"try {fields['r']}"] += 1
        if kind != "r":
            shown = {key: value for key, value in fields.items() if key not in ("id", "g", "dg", "fw")}
            self.diary.say("wall", " ".join([kind, *(f"{key}={value}" for key, value in shown.items())]))

    def _up(self, leaf: str, payload: bytes) -> None:
        self.gateway.heard(leaf, payload)

    def _down(self, topic: str, payload: bytes) -> None:
        if self.board.link is not None and self.board.link.connected:
            self.board.link.receive(topic, payload)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    async def _timers(self) -> None:
        while True:
            self.office.tick()
            await asyncio.sleep(_TICK_S)

    def fail(self, error: BaseException) -> None:
        """Something that nobody awaits has failed: that ends the day."""
        self._failure = self._failure or error

    async def live(self, day_s: float) -> None:
        """So much of the day, and the quiet after it. Raises what broke it."""
        for work in (self._timers(), self.gateway.tick(), self.gateway.upstream(), self.gateway.downstream()):
            self._spawn(work)
        self.board.power(True)
        await self._pass(60)
        people = self._people()
        await self._pass(day_s)
        for task in people:
            task.cancel()
        self._mend()
        await self._pass(STILL_S)
        self.judge.end()

    def _people(self) -> list[asyncio.Task[None]]:
        """Customers, producers, the manager, and misfortune."""
        timeline, street = self.timeline, self.street
        products = self._products()
        works: list[Coroutine[Any, Any, None]] = []
        for number in range(1, _ORDERS_A_DOOR * len(self.wall.doors) + 1):
            chance = timeline.chance(f"customer {number}")
            wanted = chance.sample(products, min(len(products), chance.choice((1, 1, 2))))
            comes = chance.triangular(0.5 * HOUR, 11 * HOUR, 4 * HOUR)
            works.append(Customer(street, number, [each.id for each in wanted], chance).live(comes))
        works += [
            Producer(street, name, timeline.chance(f"producer {name}")).live()
            for name in sorted({product.producer for product in products})
        ]
        works.append(Manager(street, timeline.chance("manager")).live())
        works += [troubles.befall(street, name, timeline.chance(f"trouble {name}")) for name in troubles.ALL]
        return [self._spawn(work) for work in works]

    def _products(self) -> list[ProductPart]:
        """What may lie behind this wall's doors."""
        zones = self.office.site_file.sites[0].controllers[0].zones
        climates = {zone.id: zone.climate for zone in zones}
        here = {climates.get(door.zone, "ambient") for door in self.wall.plan.doors}
        return [each for each in self.office.site_file.products if each.climate in here]

    def _mend(self) -> None:
        """The day is over, whatever trouble lasts: what is still to arrive has power and whole lines."""
        self.board.power(True)
        if not self.board.wire_is_whole:
            self.board.wire(True)
        if not self.gateway.server_is_there:
            self.gateway.wire(True)

    async def _pass(self, seconds: float) -> None:
        """Let time pass; whoever fails meanwhile ends the day."""
        until = self.timeline.seconds + seconds
        while self.timeline.seconds < until:
            await asyncio.sleep(min(10.0, until - self.timeline.seconds))
            failure = self._failure or self.board.failure
            if failure is not None:
                raise failure
            for task in self._tasks:
                if task.done() and not task.cancelled() and task.exception() is not None:
                    raise task.exception() or DayError("a task failed")

    def close(self) -> None:
        """End every task and forget everything."""
        self.board.power(False)
        for task in self._tasks:
            task.cancel()
        pending = asyncio.all_tasks(self.timeline.loop)
        if pending:
            self.timeline.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self.office.close()


class _Heard(logging.Handler):
    """An error that a part only logs is one all the same; warnings are part of a day."""

    def __init__(self, running: Running) -> None:
        super().__init__()
        self._running = running

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            cause = record.exc_info[1] if record.exc_info else None
            self._running.fail(cause or DayError(record.getMessage()))


def tell(seed: int, file: Path, wall: str, also: Callable[[str], None], day_s: float = DAY_S) -> Day:
    """Live through a day; `also` gets each line of its log.

    Raises SiteError if the site file can't be used; else what broke the day: InvariantError, LeakError,
    RejectedError, or whatever ended a part of the system.
    """
    started = time.monotonic()
    site_file, controller = read(file, wall)
    timeline = Timeline(seed)
    with ExitStack() as stack:
        stack.callback(timeline.loop.close)
        stack.enter_context(timeline.micropython())
        running = Running(timeline, site_file, controller, also)
        stack.callback(running.close)
        heard = _Heard(running)
        logging.getLogger().addHandler(heard)
        stack.callback(logging.getLogger().removeHandler, heard)
        timeline.loop.run_until_complete(running.live(day_s))
    counts = dict(sorted(running.diary.counts.items()))
    diary, checks = running.diary, running.judge.checks
    return Day(diary.digest, diary.lines, checks, time.monotonic() - started, counts)


def read(file: Path, wall: str) -> tuple[SiteFile, ControllerPlan]:
    """One wall of a site file, as the server and the world know it. Raises SiteError."""
    try:
        site_file = only(document.read(file), wall)
        controller = next(each for each in plan.read(file) if each.id == wall)
    except (ConfigurationError, PlanError) as error:
        raise SiteError(str(error)) from error
    if not site_file.shops or not any(person.role == "manager" for person in site_file.people):
        raise SiteError(f"{file}: a day needs a shop and a manager")
    return site_file, controller
