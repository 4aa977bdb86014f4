"""What goes wrong on a simulated day: each trouble at a random time, for a random while."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from simulator.day.people import HOUR, Street

Trouble = Callable[[Street, random.Random], Awaitable[None]]


async def _between(chance: random.Random, least_s: float, most_s: float) -> None:
    await asyncio.sleep(chance.uniform(least_s, most_s))


def _some_door(street: Street, chance: random.Random) -> int:
    return chance.choice(sorted(street.wall.doors))


async def jam(street: Street, chance: random.Random) -> None:
    """A door swells: its latch lets go, it does not move."""
    number = _some_door(street, chance)
    street.diary.say("trouble", f"door {number} jams")
    street.wall.doors[number].jammed = True
    await _between(chance, HOUR, 3 * HOUR)
    street.wall.doors[number].jammed = False
    street.diary.say("trouble", f"door {number} moves again")


async def forced(street: Street, chance: random.Random) -> None:
    """Somebody breaks a door open, and lets go of it."""
    number = _some_door(street, chance)
    async with street.wall.finger:
        if not street.wall.doors[number].is_open:
            street.diary.say("trouble", f"door {number} is forced")
            street.wall.force(number)
            await _between(chance, 2, 30)
            street.wall.push(number)


async def blind(street: Street, chance: random.Random) -> None:
    """Dirt on an item sensor."""
    number = _some_door(street, chance)
    street.diary.say("trouble", f"the sensor of door {number} is blind")
    street.wall.blind.add(number)
    await _between(chance, 2 * HOUR, 5 * HOUR)
    street.wall.blind.discard(number)
    street.diary.say("trouble", f"the sensor of door {number} sees again")


async def compressor(street: Street, chance: random.Random) -> None:
    """A fridge fails until somebody comes to mend it."""
    zone = street.wall.zones[chance.choice(sorted(street.wall.zones))]
    street.wall.step()
    zone.compressor(False)
    await _between(chance, 2 * HOUR, 4 * HOUR)
    street.wall.step()
    zone.compressor(True)


async def probe(street: Street, chance: random.Random) -> None:
    """A probe's plug comes loose."""
    zone = street.wall.zones[chance.choice(sorted(street.wall.zones))]
    loose = chance.choice(zone.probes)
    loose.unplug()
    await _between(chance, HOUR, 3 * HOUR)
    loose.unplug(False)


async def internet(street: Street, chance: random.Random) -> None:
    """The farm's line to the server is cut for hours."""
    street.diary.say("trouble", "the line to the server is cut")
    street.gateway.wire(False)
    await _between(chance, HOUR, 5 * HOUR)
    street.gateway.wire(True)
    street.diary.say("trouble", "the line to the server is whole")


async def network(street: Street, chance: random.Random) -> None:
    """The wall loses its gateway."""
    street.diary.say("trouble", "the wall's network is cut")
    street.board.wire(False)
    await _between(chance, 600, 2 * HOUR)
    street.board.wire(True)
    street.diary.say("trouble", "the wall's network is whole")


async def power(street: Street, chance: random.Random) -> None:
    """The mains fail, whatever the wall is doing."""
    street.diary.say("trouble", "the power fails")
    street.board.power(False)
    await _between(chance, 5, 600)
    street.board.power(True)
    street.diary.say("trouble", "the power is back")


ALL: dict[str, Trouble] = {
    "jam": jam,
    "forced": forced,
    "blind": blind,
    "compressor": compressor,
    "probe": probe,
    "internet": internet,
    "network": network,
    "power": power,
}


async def befall(street: Street, name: str, chance: random.Random) -> None:
    """One trouble, at some time of the day; three days of four have it."""
    if chance.random() < 0.25:
        return
    await _between(chance, 2 * HOUR, 14 * HOUR)
    await ALL[name](street, chance)
