"""A controller of a simulated day: the firmware's own services on virtual pins, with flash in memory.

Left out are MQTT's bytes and TLS: `Link` hands topics and payloads to the gateway as they are.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from firmware.contract import config as configuration
from firmware.contract import records
from firmware.contract.seals import derive
from firmware.core.journal import Journal
from firmware.core.ring import Ring
from firmware.core.timekeeping import Clock
from firmware.drivers.ds18b20 import ProbeBus
from firmware.drivers.leds import Leds
from firmware.services.clock import Time
from firmware.services.coil import Coil
from firmware.services.commands import Commands
from firmware.services.desired import Desired
from firmware.services.doors import Doors
from firmware.services.health import Health
from firmware.services.holdings import Holdings
from firmware.services.identity import Identity
from firmware.services.indicators import Indicators
from firmware.services.keypad import Entry
from firmware.services.looks import Looks
from firmware.services.probes import Probes
from firmware.services.recorder import Recorder, Uptime
from firmware.services.screen import Screen
from firmware.supervisor import Heart
from simulator.day.drivers import Bus, Contact, Eyes, Keys, Level, Lines, Locks
from simulator.day.flash import Keep, PowerLost
from simulator.day.link import Link, Up
from simulator.day.timeline import WHOSE
from simulator.day.wall import Wall

BUSES = 2
_HOUSE_S = 60.0
"""How often the housekeeping erases flash ahead and pays what is owed; in truth every few seconds."""

Record = dict[str, object]
Told = Callable[[str, int, int, Record], None]
"""Kind, lane, number and fields of a record that is in flash."""


class Pen(Recorder):
    """The firmware's pen, which tells what it has written once it is in flash."""

    def __init__(self, journal: Journal, uptime: Uptime, clock: Clock, told: Told) -> None:
        super().__init__(journal, uptime, clock)
        self._told = told

    def event(self, kind: str, fields: Record) -> int:
        """Append to the events lane."""
        number = super().event(kind, fields)
        self._told(kind, records.EVENTS, number, fields)
        return number

    def readings(self, fields: Record) -> int:
        """Append a readings record."""
        number = super().readings(fields)
        self._told("r", records.READINGS, number, fields)
        return number


class Board:
    """One controller; `power(False)` forgets everything but its flash.

    `told` hears each record when it is durable, `up` carries what it publishes, `on_power` hears of each
    change of the mains.
    """

    def __init__(self, wall: Wall, identity: Identity, told: Told, up: Up) -> None:
        self.wall = wall
        self.id = wall.plan.id
        self.identity = identity
        self.keep = Keep(wall.timeline)
        self.on_power: Callable[[bool], None] = lambda _on: None
        self._told = told
        self._up = up
        self._chance = wall.timeline.chance(f"journal {self.id}")
        self._context = contextvars.copy_context()
        self._context.run(WHOSE.set, wall.calm)
        self._tasks: list[asyncio.Task[None]] = []
        self.failure: BaseException | None = None
        """What ended a service: none of them ever ends."""
        self.link: Link | None = None
        self.pen: Pen | None = None
        self.wire_is_whole = True

    @property
    def is_on(self) -> bool:
        """Whether it runs."""
        return bool(self._tasks)

    @property
    def is_linked(self) -> bool:
        """Whether its gateway can be reached."""
        return self.link is not None and self.link.connected

    def power(self, on: bool) -> None:
        """Switch the mains."""
        if on == self.is_on:
            return
        if on:
            try:
                self._boot()
            except PowerLost:
                self.power(False)
                return
            self.on_power(True)
            return
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self.wall.is_powered = False
        self.wall.all_off()
        if self.link is not None:
            self.link.hang_up()
        self.link = self.pen = None
        self.on_power(False)

    def wire(self, whole: bool) -> None:
        """Cut or mend the network between controller and gateway."""
        self.wire_is_whole = whole
        if self.link is not None:
            self.link.hang_up() if not whole else self.link.dial()

    def receive(self, topic: str, payload: bytes, retained: bool = False) -> None:
        """A message reaches it, if it is connected."""
        if self.link is None or not self.link.connected:
            return
        try:
            self.link.receive(topic, payload, retained)
        except PowerLost:
            self.power(False)

    def flash(self, lane: int) -> Ring:
        """A ring as a reader finds it who knows nothing of the running program."""
        ring = Ring(self.keep.events if lane == records.EVENTS else self.keep.readings, lane)
        ring.mount()
        return ring

    def _run(self, service: Coroutine[Any, Any, None]) -> None:
        task = self.wall.timeline.loop.create_task(service, context=self._context)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, PowerLost):
            self.power(False)
        else:
            self.failure = error or RuntimeError("a service of the firmware ended")

    def _boot(self) -> None:
        files, wall = self.keep.files, self.wall
        wall.is_powered = True
        uptime, clock = Uptime(), Clock(files.number("floor"))
        journal = Journal(Ring(self.keep.events, records.EVENTS), Ring(self.keep.readings, records.READINGS))
        journal.mount(self._chance.getrandbits(32) | 1)
        journal.boot = max(files.number("boot"), _last_boot(journal)) + 1
        files.put_number("boot", journal.boot)
        pen = self.pen = Pen(journal, uptime, clock, self._heard)
        holdings = Holdings(files)
        holdings.load()
        screen = Screen(None, uptime, Heart())
        indicators = Indicators(Lines(), Lines(), Heart())
        doors = entry = None
        if wall.plan.kind == configuration.BANK:
            doors = Doors(holdings, pen, screen, indicators, Leds([]), self._lock_board, Heart())
            code_key = derive(self.identity.key, b"code")
            entry = Entry(Keys(wall), code_key, holdings, pen, doors, screen, Heart())
        doc_key = derive(self.identity.key, b"doc")
        time = Time(clock, self.keep.battery, uptime, files, Heart())
        desired = Desired(self.identity, doc_key, holdings, pen)
        commands = Commands(self.identity, doc_key, holdings, pen, doors)
        self.link = Link(wall.timeline, wall.calm, holdings, pen, desired, commands, time, self._up)
        buses: list[ProbeBus] = [Bus(wall, number) for number in range(BUSES)]
        contacts = [] if doors is not None else [Contact(wall, number) for number in range(BUSES)]
        probes = Probes(buses, contacts, holdings, pen, indicators, screen, Heart())
        self._announce(pen, time, probes)
        health = Health(pen, holdings, indicators, Level(1), None, doors, entry, Heart())
        if doors is not None and entry is not None:
            looks = Looks(doors, Eyes(wall), Heart())
            for work in (doors.run(), Coil(doors, Heart()).run(), looks.run(), entry.run()):
                self._run(work)
        for work in (probes.run(), time.run(), self.link.run()):
            self._run(work)
        self._run(self._keep_house(health, journal))
        if self.wire_is_whole:
            self.link.dial()

    def _announce(self, pen: Pen, time: Time, probes: Probes) -> None:
        """The boot record, and what was unwatched meanwhile: what `firmware.app` does first."""
        valid = time.at_boot()
        rings = pen.journal.rings
        last_s = _end_of_readings(rings[records.READINGS])
        now_s = pen.clock.now(pen.uptime.ms()) if valid else 0
        pen.event(
            "boot",
            {
                "c": "power",
                "fw": "simulated",
                "pe": rings[records.EVENTS].last,
                "pr": rings[records.READINGS].last,
                "m0": last_s,
                "m1": now_s,
                "rtc": int(valid),
            },
        )
        if rings[records.READINGS].last:
            probes.after_power_cut(last_s, now_s)

    async def _keep_house(self, health: Health, journal: Journal) -> None:
        """`firmware.services.health` without the figures of a heap that is not MicroPython's."""
        while True:
            for ring in journal.rings:
                ring.erase_ahead()
            health.pay()
            await asyncio.sleep(_HOUSE_S)

    def _lock_board(self, board: configuration.Board) -> Locks | None:
        for number, plan in enumerate(self.wall.plan.boards):
            if (plan.kind, plan.address) == (board.kind, board.address):
                return Locks(self.wall, number)
        return None

    def _heard(self, kind: str, lane: int, number: int, fields: Record) -> None:
        self._told(kind, lane, number, fields)
        if self.link is not None:
            self.link.wake()


def _newest(ring: Ring) -> Record:
    found = ring.read_after(ring.last - 1) if ring.last else None
    return {} if found is None else records.decode(found[1])


def _last_boot(journal: Journal) -> int:
    """The boot that wrote the newest event."""
    newest = _newest(journal.rings[records.EVENTS])
    return records.integer(newest, "b") if newest else 0


def _end_of_readings(ring: Ring) -> int:
    """Unix time at which the last durable reading ended, 0 if unknown."""
    newest = _newest(ring)
    if newest.get("k") != "r" or not newest["p0"]:
        return 0
    return records.integer(newest, "p0") + records.integer(newest, "s")
