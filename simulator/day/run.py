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
from server.sitefile.document import SiteFile
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
from simulator.world.plan import ControllerPlan

DAY_S = 20 * HOUR
"""From six in the morning to two at night, when the last window is over."""
STILL_S = 1200.0
"""With every trouble over and nobody about, all records arrive and all blocks of work end within this."""
_TICK_S = 60.0
_ORDERS_A_DOOR = 3


class DayError(Exception):
    """The day can't be told: no such wall; or a part of the system ended by itself."""


@dataclass
class Day:
    """What came of it."""

    digest: str
    lines: int
    checks: int
    took_s: float
    counts: dict[str, int] = field(default_factory=dict)


def only(site_file: SiteFile, wall: str) -> SiteFile:
    """The site file with nothing but one wall. Raises DayError if it has no such wall."""
    for site in site_file.sites:
        for controller in site.controllers:
            if controller.id == wall and controller.kind == "bank":
                alone = site.model_copy(update={"controllers": [controller]})
                return site_file.model_copy(update={"sites": [alone]})
    raise DayError(f"the site file has no wall {wall}")


class _Running:
    """Everything of one day, wired."""

    def __init__(self, seed: int, site_file: SiteFile, plan: ControllerPlan, also: Callable[[str], None]) -> None:
        self.timeline = Timeline(seed)
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
        self._failure = self._failure or context.get("exception") or DayError(str(context["message"]))

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

    async def live(self) -> None:
        """The day. Raises InvariantError, or what ended a part of the system."""
        timeline, street = self.timeline, self.street
        for work in (self._timers(), self.gateway.tick(), self.gateway.upstream(), self.gateway.downstream()):
            self._spawn(work)
        self.board.power(True)
        await self._pass(60)
        climates = {zone.climate for zone in self.office.site_file.sites[0].controllers[0].zones} | {
            "ambient" for door in self.wall.plan.doors if door.zone in ("", "ambient")
        }
        products = [each for each in self.office.site_file.products if each.climate in climates]
        for number in range(1, _ORDERS_A_DOOR * len(self.wall.doors) + 1):
            chance = timeline.chance(f"customer {number}")
            wanted = [product.id for product in chance.sample(products, chance.choice((1, 1, 2)))]
            comes = chance.triangular(0.5 * HOUR, 13 * HOUR, 4 * HOUR)
            self._spawn(Customer(street, number, wanted, chance).live(comes))
        for producer in sorted({product.producer for product in products}):
            self._spawn(Producer(street, producer, timeline.chance(f"producer {producer}")).live())
        self._spawn(Manager(street, timeline.chance("manager")).live())
        for name in troubles.ALL:
            self._spawn(troubles.befall(street, name, timeline.chance(f"trouble {name}")))
        await self._pass(DAY_S)
        for task in self._tasks[4:]:
            task.cancel()
        await self._pass(STILL_S)
        self.judge.end()

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
        self.timeline.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self.office.close()
        self.timeline.loop.close()


def tell(seed: int, file: Path, wall: str, also: Callable[[str], None]) -> Day:
    """Live through a day; `also` gets each line of its log.

    Raises DayError, InvariantError, or ConfigurationError (the site file).
    """
    started = time.monotonic()
    site_file = only(document.read(file), wall)
    controller = next(each for each in plan.read(file) if each.id == wall)
    running = _Running(seed, site_file, controller, also)
    with ExitStack() as stack:
        stack.callback(running.close)
        stack.enter_context(running.timeline.micropython())
        running.timeline.loop.run_until_complete(running.live())
    return Day(
        running.diary.digest,
        running.diary.lines,
        running.judge.checks,
        time.monotonic() - started,
        dict(sorted(running.diary.counts.items())),
    )
