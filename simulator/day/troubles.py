"""What goes wrong on simulated days: each trouble comes at random times, for a random while."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from simulator.day.street import HOUR, Street
from simulator.world.zone import Zone

Trouble = Callable[[Street, random.Random], Awaitable[None]]


async def between(chance: random.Random, least_s: float, most_s: float) -> None:
    """Let some time pass."""
    await asyncio.sleep(chance.uniform(least_s, most_s))


def _some_door(street: Street, chance: random.Random) -> int:
    return chance.choice(sorted(street.wall.doors))


def _some_zone(street: Street, chance: random.Random) -> Zone:
    return street.wall.zones[chance.choice(sorted(street.wall.zones))]


# Doors.


async def jam(street: Street, chance: random.Random) -> None:
    """A door swells: its latch lets go, it does not move."""
    number = _some_door(street, chance)
    street.diary.say("trouble", f"door {number} of {street.id} jams")
    street.wall.doors[number].jammed = True
    await between(chance, HOUR, 3 * HOUR)
    street.wall.doors[number].jammed = False
    street.diary.say("trouble", f"door {number} of {street.id} moves again")


async def forced(street: Street, chance: random.Random) -> None:
    """Somebody breaks a door open, and lets go of it."""
    number = _some_door(street, chance)
    async with street.wall.finger:
        if not street.wall.doors[number].is_open:
            street.diary.say("trouble", f"door {number} of {street.id} is forced")
            street.wall.force(number)
            await between(chance, 2, 30)
            street.wall.push(number)


async def blind(street: Street, chance: random.Random) -> None:
    """Dirt on an item sensor."""
    number = _some_door(street, chance)
    street.diary.say("trouble", f"the sensor of door {number} of {street.id} is blind")
    street.wall.blind.add(number)
    await between(chance, 2 * HOUR, 5 * HOUR)
    street.wall.blind.discard(number)
    street.diary.say("trouble", f"the sensor of door {number} of {street.id} sees again")


# The cold.


async def compressor(street: Street, chance: random.Random) -> None:
    """A fridge fails until somebody comes to mend it."""
    zone = _some_zone(street, chance)
    street.wall.step()
    zone.compressor(False)
    await between(chance, 2 * HOUR, 4 * HOUR)
    street.wall.step()
    zone.compressor(True)


async def unplugged(street: Street, chance: random.Random) -> None:
    """A probe's plug comes loose, or both of a zone."""
    zone = _some_zone(street, chance)
    loose = zone.probes if chance.random() < 0.4 else [chance.choice(zone.probes)]
    for probe in loose:
        probe.unplug()
    street.wall.step()
    await between(chance, 600, 3 * HOUR)
    for probe in loose:
        probe.unplug(False)
    street.wall.step()


async def lying(street: Street, chance: random.Random) -> None:
    """A probe that answers 85.0 for want of power, whose bits arrive wrong, or that repeats itself."""
    zone = _some_zone(street, chance)
    name = chance.choice(("resets", "garbled", "stuck"))
    liars = zone.probes if chance.random() < 0.3 and name != "stuck" else [chance.choice(zone.probes)]
    street.diary.say("trouble", f"{len(liars)} probes of {zone.id} of {street.id}: {name}")
    for probe in liars:
        setattr(probe, name, True)
    street.wall.step()
    await between(chance, 600, 9 * HOUR if name == "stuck" else 3 * HOUR)
    for probe in liars:
        setattr(probe, name, False)
    street.wall.step()


# Mains, wires, flash.


async def network(street: Street, chance: random.Random) -> None:
    """A controller loses its gateway."""
    street.diary.say("trouble", f"the network of {street.id} is cut")
    street.board.wire(False)
    street.judge.lines_changed()
    await between(chance, 30, 2 * HOUR)
    street.board.wire(True)
    street.judge.lines_changed()
    street.diary.say("trouble", f"the network of {street.id} is whole")


async def power(street: Street, chance: random.Random) -> None:
    """The mains fail, whatever the controller is doing; its battery clock may suffer."""
    street.diary.say("trouble", f"the power of {street.id} fails")
    street.board.power(False)
    await between(chance, 1, 600) if chance.random() < 0.7 else await between(chance, 600, 2 * HOUR)
    await _back(street, chance)


async def power_in_a_write(street: Street, chance: random.Random) -> None:
    """The mains fail in the middle of a write to flash."""
    street.board.keep.supply.cut_in = chance.randrange(400)
    for _ in range(60):
        await asyncio.sleep(30)
        if not street.board.is_on:
            break
    street.board.keep.supply.cut_in = None
    if not street.board.is_on:
        street.diary.say("trouble", f"the power of {street.id} failed in the middle of a write")
        await between(chance, 1, 300)
        await _back(street, chance)


async def _back(street: Street, chance: random.Random) -> None:
    if chance.random() < 0.15:
        street.board.keep.battery.move(chance.choice((-7200, -60, 60, 3600)))
        street.diary.say("trouble", f"the battery clock of {street.id} has moved")
    street.board.power(True)
    street.diary.say("trouble", f"the power of {street.id} is back")


async def worn(street: Street, chance: random.Random) -> None:
    """Two blocks of the journal take nothing any more; for a while no state file can be written."""
    keep = street.board.keep
    blocks = chance.choice((keep.events, keep.readings))
    blocks.worn |= set(chance.sample(range(blocks.block_count), 2))
    street.diary.say("trouble", f"the flash of {street.id} wears out")
    await between(chance, 600, 3 * HOUR)
    keep.files.refuses = True
    street.diary.say("trouble", f"the flash of {street.id} refuses state files")
    await between(chance, 300, 2 * HOUR)
    keep.files.refuses = False
    street.judge.flash_mended(street.id)
    street.gateway.stir()
    street.diary.say("trouble", f"the flash of {street.id} takes them again")
    await between(chance, 6 * HOUR, 9 * HOUR)
    blocks.worn.clear()


# Whoever is in between.


async def replayed(street: Street, chance: random.Random) -> None:
    """Somebody on the broker says again what was once said: as it was, as retained, or with a bit bent."""
    heard = street.overheard
    for _ in range(chance.choice((1, 5, 20))):
        if heard:
            topic, payload = chance.choice(heard)
            bent = bytearray(payload)
            if bent and chance.random() < 0.5:
                bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
            street.board.receive(topic, bytes(bent), chance.random() < 0.3)
        await between(chance, 1, 60)
    street.diary.say("trouble", f"old messages were said again to {street.id}")


OF_A_BOARD: dict[str, Trouble] = {
    "compressor": compressor,
    "unplugged": unplugged,
    "lying": lying,
    "network": network,
    "power": power,
    "power in a write": power_in_a_write,
    "worn": worn,
    "replayed": replayed,
}
OF_DOORS: dict[str, Trouble] = {"jam": jam, "forced": forced, "blind": blind}


async def befall(street: Street, name: str, chance: random.Random, every_s: float) -> None:
    """One trouble again and again, about once in `every_s` seconds."""
    trouble = (OF_A_BOARD | OF_DOORS)[name]
    while True:
        await asyncio.sleep(chance.expovariate(1 / every_s))
        await trouble(street, chance)
