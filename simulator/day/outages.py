"""What goes wrong away from the walls: gateways, the line, the server, its disk, and clocks."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from simulator.day.diary import Diary
from simulator.day.gateway import Gateway
from simulator.day.judge import Judge
from simulator.day.office import Office
from simulator.day.street import HOUR
from simulator.day.troubles import between

Outage = Callable[["Backbone", random.Random], Awaitable[None]]


class Backbone:
    """Server and gateways, as misfortune reaches them."""

    def __init__(self, office: Office, gateways: list[Gateway], judge: Judge, diary: Diary) -> None:
        self.office = office
        self.gateways = gateways
        self.judge = judge
        self.diary = diary

    def say(self, what: str) -> None:
        """A line of the log."""
        self.diary.say("trouble", what)

    def server(self, is_up: bool) -> None:
        """Take the server down, or start it."""
        self.office.power(is_up)
        self.say(f"the server is {'up again' if is_up else 'down'}")
        self.judge.lines_changed()
        if is_up:
            self.judge.server_is_back(self.office.clock.monotonic_ms() / 1000)
            for gateway in self.gateways:
                gateway.server_is_back()


async def internet(bone: Backbone, chance: random.Random) -> None:
    """A site's line to the server is cut for hours, or flaps."""
    gateway = chance.choice(bone.gateways)
    for _ in range(chance.choice((1, 1, 6))):
        bone.say(f"the line of {gateway.id} is cut")
        gateway.wire(False)
        bone.judge.lines_changed()
        await between(chance, 20, 5 * HOUR)
        gateway.wire(True)
        bone.judge.lines_changed()
        bone.say(f"the line of {gateway.id} is whole")
        await between(chance, 20, 600)


async def box(bone: Backbone, chance: random.Random) -> None:
    """A site's gateway stops, and starts with what its store holds."""
    gateway = chance.choice(bone.gateways)
    bone.say(f"the gateway of {gateway.id} stops")
    gateway.power(False)
    bone.judge.lines_changed()
    await between(chance, 5, HOUR)
    gateway.power(True)
    bone.judge.lines_changed()
    bone.say(f"the gateway of {gateway.id} starts")


async def server(bone: Backbone, chance: random.Random) -> None:
    """The server is down for minutes or hours."""
    if not bone.office.is_up:
        return
    bone.server(False)
    await between(chance, 20, 600) if chance.random() < 0.6 else await between(chance, 600, 4 * HOUR)
    bone.server(True)


async def restored(bone: Backbone, chance: random.Random) -> None:
    """The server's disk dies; what comes back is a copy of some minutes or hours before."""
    copy = bone.office.backup()
    head = bone.judge.books.head
    await between(chance, 60, 600) if chance.random() < 0.6 else await between(chance, 600, 3 * HOUR)
    if bone.office.is_up:
        bone.server(False)
        await between(chance, 30, 300) if chance.random() < 0.6 else await between(chance, 300, HOUR)
        bone.say("the server is restored from a copy")
        bone.office.restore(copy)
        bone.judge.restored(head)
        bone.office.begin_again()
        bone.server(True)
    copy.close()


async def gateway_clock(bone: Backbone, chance: random.Random) -> None:
    """A gateway's clock steps while nothing disciplines it."""
    gateway = chance.choice(bone.gateways)
    gateway.offset_s = chance.choice((-86_400 * 365, -6 * 3600, -90, 90, 3 * 3600, 86_400))
    bone.say(f"the clock of the gateway of {gateway.id} steps by {gateway.offset_s} s")
    gateway.stir()
    await between(chance, 600, 2 * HOUR)
    gateway.offset_s = 0
    gateway.stir()
    bone.say(f"the clock of the gateway of {gateway.id} is right again")


async def server_clock(bone: Backbone, chance: random.Random) -> None:
    """The server's clock is wrong for a while."""
    bone.office.clock.offset = timedelta(seconds=chance.choice((-3600, -100, 100, 3600)))
    bone.say(f"the clock of the server steps by {bone.office.clock.offset.total_seconds():.0f} s")
    await between(chance, 300, HOUR)
    bone.office.clock.offset = timedelta()
    bone.judge.server_is_back(bone.office.clock.monotonic_ms() / 1000)
    bone.say("the clock of the server is right again")


ALL: dict[str, Outage] = {
    "internet": internet,
    "box": box,
    "server": server,
    "restored": restored,
    "gateway clock": gateway_clock,
    "server clock": server_clock,
}


async def befall(bone: Backbone, name: str, chance: random.Random, every_s: float) -> None:
    """One outage again and again, about once in `every_s` seconds."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / every_s))
        await ALL[name](bone, chance)
