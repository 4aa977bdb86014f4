"""Line `controllers`: how many virtual controllers two cores carry, each a real MicroPython of its own with
the firmware's journal, window and MQTT over TLS-PSK, at one reading every ten seconds.
"""

import asyncio
import json
import os
import time

from simulator.bench.figure import Bar, Figure
from simulator.bench.line import Line, Round
from simulator.bench.load import account
from simulator.bench.load.site import SITE, Site
from simulator.bench.load.wallstand import WallStand
from simulator.load.launch import Load, load_command
from simulator.orchestrator.processes import Child

RATE = 0.1
STEPS = (100, 300, 500, 700, 1000)
QUICK_STEPS = (100,)
ENOUGH = 0.97
"""Share of the readings due in a window that must have arrived in it: one in ten is always under way."""
BUSY = 0.97
MIB = 1024 * 1024

TRIED = "virtual controllers tried, all of which kept up"
MOST = "virtual controllers that keep up"
CPU = "share of all processors that they, broker, gateway and server take"
MEMORY = "memory of one, its interpreter's Python included"
WHOLE = "whole firmware on a simulated wall, idle: share of one core, interpreter"
WORLD = "whole firmware on a simulated wall, idle: share of one core, its world"


async def measure(one: Round) -> None:
    """One run: ever more devices until some fall behind, then one whole controller."""
    steps = QUICK_STEPS if one.quick else STEPS
    folder = one.folder / "crowd"
    folder.mkdir()
    async with Site(folder, steps[-1]) as site:
        server = await site.start_counting()
        await site.start_gateway()
        fleet = _Fleet(site, server)
        try:
            await _ramp(one, fleet, steps)
        finally:
            await fleet.end()
    await _whole(one)
    one.note(
        f"each makes a reading every {1 / RATE:.0f} s, tells it over its own TLS connection through broker "
        "and gateway to a server that counts, all on this machine; keeping up: 97 % of the readings due in a "
        "window arrive in it and the processors are not full; no doors, no probes"
    )
    if one.quick:
        one.note(f"quick: not more than {steps[-1]} were tried")


class _Fleet:
    """Load devices of a site."""

    def __init__(self, site: Site, server: Child) -> None:
        self.site = site
        self.server = server
        self.children: list[Child] = []
        self._psks: dict[str, str] = json.loads((site.folder / "devices.json").read_text())

    async def grow(self, upto: int) -> None:
        """Start more, a few at a time."""
        folder = self.site.folder / "load"
        folder.mkdir(exist_ok=True)
        command: list[str] = []
        shared: dict[str, str] = {}
        for number in range(len(self.children), upto):
            name = self.site.devices[number]
            ledger = folder / f"{name}.ledger"
            if not command:
                load = Load(
                    SITE, name, self.site.settings.tls_listen.port, self._psks[name], RATE, 1_000_000, number,
                    lanes=(1,),
                )  # fmt: skip
                command, shared = await asyncio.to_thread(load_command, load, ledger)
            own = {
                "LOAD_DEVICE": name,
                "LOAD_PSK": self._psks[name],
                "LOAD_SEED": str(number),
                "LOAD_LEDGER": str(ledger),
            }
            child = Child(f"load-{name}", command, folder / f"{name}.log", {**shared, **own})
            self.children.append(child)
            await child.start()
            if number % 10 == 9:
                await asyncio.sleep(0.3)

    async def end(self) -> None:
        """End them all."""
        await asyncio.gather(*(child.kill() for child in self.children))

    def cpu_s(self) -> float:
        """Processor time of all of it so far: devices, broker, gateway, server."""
        parts = [self.site.broker, self.site.gateway, self.server, *self.children]
        return sum(account.read(child.pid).cpu_s for child in parts)

    def arrived(self) -> int:
        """Readings at the server, the oldest line of the ledger to the newest."""
        return sum(len(seen) for _, _, seen, _ in self.site.arrived())


async def _ramp(one: Round, fleet: _Fleet, steps: tuple[int, ...]) -> None:
    window_s = 10.0 if one.quick else 30.0
    for count in steps:
        await fleet.grow(count)
        await asyncio.sleep(1 / RATE)
        begun, before, cpu = time.monotonic(), fleet.arrived(), fleet.cpu_s()
        await asyncio.sleep(window_s)
        span, got, used = time.monotonic() - begun, fleet.arrived() - before, fleet.cpu_s() - cpu
        share = used / span / (os.cpu_count() or 1)
        due = count * RATE * span
        one.say(f"  {count} controllers: {got} of {due:.0f} readings arrived, {share:.0%} of the processors")
        if got < ENOUGH * due or share > BUSY:
            one.note(f"with {count}: {got} of {due:.0f} readings in time, {share:.0%} of the processors")
            return
        one.put(TRIED if one.quick else MOST, count)
        one.put(CPU, share * 100)
        one.put(MEMORY, account.read(fleet.children[0].pid).resident / MIB)


async def _whole(one: Round) -> None:
    folder = one.folder / "whole"
    folder.mkdir()
    seconds = 8.0
    async with WallStand(folder, period_s=10) as stand:
        await stand.switch_on()
        await stand.configure()
        await stand.grant()
        pid = stand.controller.pid
        if pid is None:
            raise RuntimeError("the controller does not run")
        mine, world = account.read(pid), account.read(os.getpid())
        await asyncio.sleep(seconds)
        one.put(WHOLE, (account.read(pid).cpu_s - mine.cpu_s) / seconds * 100)
        one.put(WORLD, (account.read(os.getpid()).cpu_s - world.cpu_s) / seconds * 100)


LINE = Line(
    "controllers",
    "Virtual controllers with real MicroPython",
    (
        Figure(MOST, "", Bar("at least", 500)),
        Figure(TRIED, ""),
        Figure(CPU, "%"),
        Figure(MEMORY, "MB"),
        Figure(WHOLE, "%"),
        Figure(WORLD, "%"),
    ),
    measure,
    runs=1,
)
