"""Customers of a simulated day: they order, pay, collect; and whoever tries codes at the keypad.

They do what people do, slips included, and know only what they see: pages, mails and doors.
"""

import asyncio
import random
from datetime import timedelta

from firmware.contract.codes import check_digit
from simulator.day.office import Look
from simulator.day.street import HOUR, Street

_OVER = ("collected", "refunded", "expired", "lapsed", "unknown")
_AGAIN = 0.2
"""How often somebody pulls the plug and tries again what the controller has refused or used up."""
_UNKNOWN = Look("unknown", (), ("", ""))


class Customer:
    """One customer with one order."""

    def __init__(self, street: Street, name: str, products: list[str], chance: random.Random) -> None:
        self._street = street
        self._name = f"client {name}"
        self._reference = f"R{name}"
        self._products = products
        self._chance = chance
        self._order = ""
        self._leaves_goods = chance.random() < 0.1
        """Closes one door with the goods still inside, and notices."""
        self._dawdles = chance.random() < 0.06
        """Lets a door stand open for minutes."""

    def _say(self, what: str) -> None:
        self._street.diary.say(self._name, what)

    async def live(self, comes_s: float) -> None:
        """The whole story, from `comes_s` seconds from now on."""
        chance, office = self._chance, self._street.office
        await asyncio.sleep(comes_s)
        await office.there()
        now = office.clock.now()
        end = now + timedelta(hours=chance.choice((3, 4, 5)))
        order = office.order(self._street.id, self._reference, self._products, now, end)
        if order is None:
            self._say(f"finds {self._street.id} full for {', '.join(self._products)}")
            return
        self._order = order
        if not await self._pay():
            return
        if chance.random() < 0.15:
            await self._come_early()
        state = await self._wait_for(("ready",))
        if state != "ready":
            self._say(f"sees the order {state}")
            return
        if chance.random() < 0.1:
            self._say("does not come")
            return
        await asyncio.sleep(chance.uniform(300, 5400) / self._street.haste)
        await self._collect()

    async def _pay(self) -> bool:
        """The provider's page; its webhooks come late, twice, or in a thief's name."""
        chance, office = self._chance, self._street.office
        luck = chance.random()
        if luck < 0.06:
            self._say("does not pay")
            return False
        paid = office.session_of(self._order)
        late = 0.06 <= luck < 0.1
        hold_s = office.site_file.platform.hold_s
        await asyncio.sleep(hold_s + chance.uniform(10, 300) if late else chance.uniform(20, 0.5 * hold_s))
        event = f"evt-{self._reference}"
        if chance.random() < 0.05:
            await office.there()
            self._say(f"a forged payment: {office.webhook(event + '-forged', paid, forged=True)}")
        if not office.is_up:
            # The provider tries again for days.
            await office.there()
            await asyncio.sleep(chance.uniform(60, 900))
            await office.there()
        self._say(f"pays{' late' if late else ''}: {office.webhook(event, paid)}")
        for _ in range(chance.choice((0, 0, 0, 0, 0, 0, 0, 0, 1, 3))):
            await asyncio.sleep(chance.uniform(1, 600))
            await office.there()
            self._say(f"the provider tells it again: {office.webhook(event, paid)}")
        return True

    async def _wait_for(self, states: tuple[str, ...]) -> str:
        while True:
            state = (await self._look()).state
            if state in states or state in _OVER:
                return state
            await self._street.office.news(self._order)

    async def _look(self) -> Look:
        await self._street.office.there()
        return self._street.office.look(self._order) or _UNKNOWN

    async def _come_early(self) -> None:
        if await self._wait_for(("registered", "ready")) == "registered":
            code = (await self._look()).codes[0]
            if not code:
                return
            async with self._street.wall.finger:
                self._say("comes before the goods")
                await self._street.visit(self._name, code, self._take, self._chance)

    async def _take(self, number: int) -> None:
        if self._dawdles:
            self._dawdles = False
            self._say(f"dawdles at door {number}")
            await asyncio.sleep(self._chance.uniform(60, 900))
        if self._leaves_goods:
            self._leaves_goods = False
            self._say(f"forgets the goods behind door {number}")
            return
        self._street.wall.take(number)

    async def _collect(self) -> None:
        """With the code of the last look, which may lie on the phone while the server is out of reach."""
        wall, chance, office = self._street.wall, self._chance, self._street.office
        seen = await self._look()
        for attempt in range(4):
            if office.is_up:
                seen = await self._look()
            if seen.state not in ("registered", "ready") or not seen.codes[0]:
                self._say(f"sees the order {seen.state}")
                return
            async with wall.finger:
                short, long = seen.codes
                code = "*" + long if attempt == 3 else short
                opened = await self._street.visit(self._name, code, self._take, chance, self._order)
            if opened and chance.random() < _AGAIN:
                async with wall.finger:
                    await self._again(code)
            if not any(wall.doors[number].items for number in seen.doors):
                self._say("has everything")
                return
            if not opened and office.is_up and office.refund_blocked(self._order):
                self._say("takes the money back")
                return
            await asyncio.sleep(chance.uniform(30, 120) if opened else chance.uniform(600, 3600))
        self._say("gives up")

    async def _again(self, code: str) -> None:
        """Types the code that has just opened once more, before anybody upstream can have withdrawn it, and
        after the controller has lost all that it knew by heart.
        """
        street = self._street
        if not await street.pull_the_plug(unheard=True):
            return
        self._say(f"types the code again at {street.id}")
        await street.wall.type(code)
        await asyncio.sleep(20)
        street.heard()


class Guesser:
    """Tries codes at a keypad now and then."""

    def __init__(self, street: Street, chance: random.Random) -> None:
        self._street = street
        self._chance = chance

    async def live(self) -> None:
        """Comes about once a day, and tries some."""
        chance, wall = self._chance, self._street.wall
        while True:
            await asyncio.sleep(chance.expovariate(1 / (20 * HOUR)))
            async with wall.finger:
                self._street.diary.say("somebody", f"tries codes at {self._street.id}")
                for _ in range(chance.choice((1, 2, 2, 13))):
                    await self._try()
                if chance.random() < _AGAIN and await self._street.pull_the_plug():
                    for _ in range(13):
                        await self._try()
                wall.keys.append("#")
                await asyncio.sleep(1)

    async def _try(self) -> None:
        chance = self._chance
        body = "".join(chance.choice("0123456789") for _ in range(7))
        await self._street.wall.type(body + check_digit(body))
        await asyncio.sleep(chance.uniform(2, 4))
