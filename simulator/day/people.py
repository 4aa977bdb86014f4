"""People of a simulated day: customers who order, pay and collect, producers who load, a manager who looks.

They do what people do, slips included, and know only what they see: pages, mails and doors.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from firmware.contract.codes import check_digit
from simulator.day.board import Board
from simulator.day.diary import Diary
from simulator.day.gateway import Gateway
from simulator.day.office import Look, Office
from simulator.day.wall import Wall

HOUR = 3600.0
_LOOK_S = 600.0
_OPENS_WITHIN_S = 15.0
"""How long somebody stands before a door that does not open."""
_OVER = ("collected", "refunded", "expired", "lapsed")


class Street:
    """What people can reach, and their common ways."""

    def __init__(self, wall: Wall, board: Board, office: Office, gateway: Gateway, diary: Diary) -> None:
        self.wall = wall
        self.board = board
        self.office = office
        self.gateway = gateway
        self.diary = diary

    async def visit(
        self, who: str, code: str, at_door: Callable[[int], Awaitable[None]], chance: random.Random
    ) -> int:
        """Type a code and deal with the doors that open, one after the other; how many did."""
        if chance.random() < 0.1:
            slip = str((int(code[-1]) + 1) % 10)
            self.diary.say(who, "types, and slips in the last digit")
            await self.wall.type(code[:-1] + slip)
            await asyncio.sleep(chance.uniform(2, 5))
            if code[0] == "*":
                self.wall.keys.append("#")
        before = set(self.wall.open_doors())
        self.diary.say(who, "types the code")
        await self.wall.type(code)
        done = 0
        while await self.wall.until(lambda: bool(set(self.wall.open_doors()) - before), _OPENS_WITHIN_S):
            number = min(set(self.wall.open_doors()) - before)
            await asyncio.sleep(chance.uniform(0.5, 2))
            self.wall.pull(number)
            await asyncio.sleep(chance.uniform(1, 4))
            await at_door(number)
            await asyncio.sleep(chance.uniform(1, 4))
            await self.shut(number)
            done += 1
        return done

    async def shut(self, number: int) -> None:
        """Push a door shut, and see that it is."""
        self.wall.push(number)
        await self.wall.until(lambda: not self.wall.doors[number].is_open, 5)


class Customer:
    """One customer with one order."""

    def __init__(self, street: Street, number: int, products: list[str], chance: random.Random) -> None:
        self._street = street
        self._name = f"client {number}"
        self._reference = f"R{number}"
        self._products = products
        self._chance = chance
        self._order = ""
        self._leaves_goods = chance.random() < 0.1
        """Closes one door with the goods still inside, and notices."""

    def _say(self, what: str) -> None:
        self._street.diary.say(self._name, what)

    async def live(self, comes_s: float) -> None:
        """The whole story."""
        chance, office = self._chance, self._street.office
        await asyncio.sleep(comes_s)
        now = office.context.clock.now()
        end = now + timedelta(hours=chance.choice((3, 4, 5)))
        order = office.order(self._reference, self._products, now, end)
        if order is None:
            self._say(f"finds the wall full for {', '.join(self._products)}")
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
        await asyncio.sleep(chance.uniform(300, 5400))
        await self._collect()

    async def _pay(self) -> bool:
        chance, office = self._chance, self._street.office
        luck = chance.random()
        if luck < 0.06:
            self._say("does not pay")
            return False
        late = 0.06 <= luck < 0.1
        hold_s = office.site_file.platform.hold_s
        await asyncio.sleep(hold_s + chance.uniform(10, 300) if late else chance.uniform(20, 0.5 * hold_s))
        event = f"evt-{self._reference}"
        self._say(f"pays{' late' if late else ''}: {office.pay(self._order, event)}")
        if chance.random() < 0.1:
            await asyncio.sleep(chance.uniform(1, 60))
            self._say(f"the provider tells it again: {office.pay(self._order, event)}")
        return True

    async def _wait_for(self, states: tuple[str, ...]) -> str:
        while True:
            state = self._look().state
            if state in states or state in _OVER:
                return state
            await asyncio.sleep(_LOOK_S)

    def _look(self) -> Look:
        return self._street.office.look(self._order)

    async def _come_early(self) -> None:
        if await self._wait_for(("registered", "ready")) == "registered":
            code = self._look().codes[0]
            async with self._street.wall.finger:
                self._say("comes before the goods")
                await self._street.visit(self._name, code, self._take, self._chance)

    async def _take(self, number: int) -> None:
        if self._leaves_goods:
            self._leaves_goods = False
            self._say(f"forgets the goods behind door {number}")
            return
        self._street.wall.take(number)

    async def _collect(self) -> None:
        wall, chance = self._street.wall, self._chance
        for attempt in range(4):
            seen = self._look()
            if seen.state not in ("registered", "ready"):
                self._say(f"sees the order {seen.state}")
                return
            async with wall.finger:
                if not attempt and chance.random() < 0.05:
                    body = "".join(chance.choice("0123456789") for _ in range(7))
                    self._say("types somebody else's number")
                    await wall.type(body + check_digit(body))
                    await asyncio.sleep(3)
                short, long = seen.codes
                code = "*" + long if attempt == 3 else short
                opened = await self._street.visit(self._name, code, self._take, chance)
            if not any(wall.doors[number].items for number in seen.doors):
                self._say("has everything")
                return
            if not opened and self._street.office.refund_blocked(self._order):
                self._say("takes the money back")
                return
            await asyncio.sleep(chance.uniform(30, 120) if opened else chance.uniform(600, 3600))
        self._say("gives up")


class Producer:
    """Brings what was ordered, several times a day."""

    def __init__(self, street: Street, name: str, chance: random.Random) -> None:
        self._street = street
        self._name = name
        self._chance = chance

    async def live(self) -> None:
        """Every round of the day."""
        for hour in (1.5, 3, 4.5, 6, 8, 10, 12):
            due = hour * HOUR + self._chance.uniform(-1200, 1200)
            await asyncio.sleep(max(0.0, due - self._street.wall.timeline.seconds))
            async with self._street.wall.finger:
                code = "*" + self._street.office.personal_code(self._name)
                loaded = await self._street.visit(self._name, code, self._put, self._chance)
            self._street.diary.say(self._name, f"went to {loaded} doors")

    async def _put(self, number: int) -> None:
        if self._chance.random() < 0.04:
            self._street.diary.say(self._name, f"has nothing for door {number}")
        elif not self._street.wall.doors[number].items:
            self._street.wall.put(number, f"goods of {self._name}")


class Manager:
    """Looks at the pages and at the wall now and then, and puts right what a person can."""

    def __init__(self, street: Street, chance: random.Random) -> None:
        self._street = street
        self._chance = chance

    async def live(self) -> None:
        """Rounds until the day ends."""
        while True:
            await asyncio.sleep(self._chance.uniform(900, 2400))
            await self._round()

    async def _round(self) -> None:
        office, wall, diary = self._street.office, self._street.wall, self._street.diary
        noted = office.acknowledge_alarms()
        if noted:
            diary.say("manager", f"takes note of {noted} alarms")
        for block, zone, is_asked in office.live_blocks():
            cold = wall.zones[zone]
            limit = next(z.high_c for z in office.site_file.sites[0].controllers[0].zones if z.id == zone)
            if not is_asked and cold.space.compressor_works and cold.celsius < limit - 0.5:
                released = office.release(block)
                diary.say("manager", f"releases {zone}" if released else "cannot reach the wall")
        for number in wall.open_doors():
            async with wall.finger:
                if wall.doors[number].is_open:
                    diary.say("manager", f"shuts door {number}")
                    await self._street.shut(number)
        for number, state in office.unclear():
            await self._look_into(number, state)

    async def _look_into(self, number: int, state: str) -> None:
        office, wall, diary = self._street.office, self._street.wall, self._street.diary
        async with wall.finger:
            if not office.open(number, "to look inside"):
                diary.say("manager", "cannot reach the wall")
                return
            if not await wall.until(lambda: wall.doors[number].is_open, _OPENS_WITHIN_S):
                diary.say("manager", f"door {number} does not open")
                return
            wall.pull(number)
            if wall.doors[number].items:
                wall.take(number)
            await asyncio.sleep(3)
            await self._street.shut(number)
        await asyncio.sleep(60)
        done = office.confirm_empty(number)
        diary.say(
            "manager",
            f"looked into door {number} ({state or 'doubtful'}): {'empty now' if done else 'not yet'}",
        )
