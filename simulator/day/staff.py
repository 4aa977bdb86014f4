"""Producers who load, hands who go in and out of the hangar's rooms, and a manager who puts things right."""

import asyncio
import random

from simulator.day.backroom import Backroom
from simulator.day.street import HOUR, Street
from simulator.day.timeline import DAY_S

_ROUND_S = 1.75 * HOUR
"""Between two rounds of a producer."""
_LAST_ROUND_S = 13 * HOUR
_OPENS_WITHIN_S = 15.0
_COOL_ENOUGH_C = 0.5


class Producer:
    """Brings what was ordered to one wall, several times a day."""

    def __init__(self, street: Street, name: str, chance: random.Random) -> None:
        self._street = street
        self._name = name
        self._chance = chance

    async def live(self) -> None:
        """Round after round, by day."""
        chance, timeline = self._chance, self._street.wall.timeline
        while True:
            await asyncio.sleep(_ROUND_S / self._street.haste * chance.uniform(0.8, 1.2))
            if timeline.seconds % DAY_S > _LAST_ROUND_S:
                await asyncio.sleep(DAY_S - timeline.seconds % DAY_S)
            await self._round()

    async def _round(self) -> None:
        """With the code they know by heart: the server need not be there."""
        office = self._street.office
        if not office.is_up:
            return
        digits = office.personal_code(self._street.id, self._name)
        if not digits:
            return
        async with self._street.wall.finger:
            loaded = await self._street.visit(self._name, "*" + digits, self._put, self._chance)
        if loaded:
            self._street.diary.say(self._name, f"went to {loaded} doors of {self._street.id}")

    async def _put(self, number: int) -> None:
        if self._chance.random() < 0.04:
            self._street.diary.say(self._name, f"has nothing for door {number}")
        elif not self._street.wall.doors[number].items:
            self._street.wall.put(number, f"goods of {self._name}")


class Hand:
    """Goes in and out of one room of the hangar, and now and then forgets its door."""

    def __init__(self, street: Street, zone: str, chance: random.Random) -> None:
        self._street = street
        self._zone = zone
        self._chance = chance

    async def live(self) -> None:
        """Some times a day, for minutes."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / (3 * HOUR)))
            self._street.wall.room(self._zone, True)
            forgets = self._chance.random() < 0.06
            await asyncio.sleep(
                self._chance.uniform(600, 2 * HOUR) if forgets else self._chance.uniform(20, 110)
            )
            self._street.wall.room(self._zone, False)


class Manager:
    """Looks at the pages and at every wall now and then, and puts right what a person can."""

    def __init__(self, streets: list[Street], backroom: Backroom, chance: random.Random) -> None:
        self._streets = streets
        self._backroom = backroom
        self._chance = chance

    async def live(self) -> None:
        """Rounds for ever; fewer at night."""
        while True:
            by_day = self._streets[0].wall.timeline.seconds % DAY_S < 15 * HOUR
            await asyncio.sleep(
                self._chance.uniform(900, 2400) if by_day else self._chance.uniform(3600, 7200)
            )
            if self._streets[0].office.is_up:
                noted = self._backroom.acknowledge_alarms()
                if noted:
                    self._streets[0].diary.say("manager", f"takes note of {noted} alarms")
            for street in self._streets:
                await self._round(street)

    async def _round(self, street: Street) -> None:
        office, wall, diary = street.office, street.wall, street.diary
        for number in wall.open_doors():
            async with wall.finger:
                if wall.doors[number].is_open:
                    diary.say("manager", f"shuts door {number} of {street.id}")
                    await street.shut(number)
        if not office.is_up:
            return
        for block, zone, is_asked in self._backroom.live_blocks(street.id):
            if not is_asked and self._is_cool(street, zone):
                street.gateway.poll()
                released = self._backroom.release(block)
                diary.say("manager", f"releases {zone}" if released else f"cannot reach {street.id}")
        for number, state in self._backroom.unclear(street.id) if wall.doors else []:
            await self._look_into(street, number, state)

    def _is_cool(self, street: Street, zone: str) -> bool:
        """Every zone concerned is cold again, and will stay so."""
        zones = street.wall.zones
        limits = {
            part.id: part.high_c
            for site in street.office.site_file.sites
            for controller in site.controllers
            if controller.id == street.id
            for part in controller.zones
        }
        concerned = [zone] if zone else list(zones)
        return all(
            zones[each].space.compressor_works
            and zones[each].celsius < limits[each] - _COOL_ENOUGH_C
            and not any(probe.unplugged for probe in zones[each].probes)
            for each in concerned
        )

    async def _look_into(self, street: Street, number: int, state: str) -> None:
        office, wall, diary = street.office, street.wall, street.diary
        async with wall.finger:
            if not office.is_up:
                return
            street.gateway.poll()
            if not self._backroom.open(street.id, number, "to look inside"):
                diary.say("manager", f"cannot reach {street.id}")
                return
            if not await wall.until(lambda: wall.doors[number].is_open, _OPENS_WITHIN_S):
                diary.say("manager", f"door {number} of {street.id} does not open")
                return
            wall.pull(number)
            if wall.doors[number].items:
                wall.take(number)
            await asyncio.sleep(3)
            await street.shut(number)
        await asyncio.sleep(60)
        await office.there()
        done = self._backroom.confirm_empty(street.id, number)
        diary.say(
            "manager",
            f"looked into door {number} of {street.id} ({state or 'doubtful'}): "
            + ("empty now" if done else "not yet"),
        )
