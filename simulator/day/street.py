"""What people can reach at one wall, and their common ways: typing, opening, shutting."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from simulator.day.board import Board
from simulator.day.diary import Diary
from simulator.day.gateway import Gateway
from simulator.day.judge import Judge
from simulator.day.office import Office
from simulator.day.wall import Wall

HOUR = 3600.0
_OPENS_WITHIN_S = 15.0
"""How long somebody stands before a door that does not open."""


class Street:
    """One bank (or one hangar), with what stands behind it."""

    def __init__(
        self,
        wall: Wall,
        board: Board,
        office: Office,
        gateway: Gateway,
        judge: Judge,
        diary: Diary,
        haste: float,
    ) -> None:
        self.wall = wall
        self.board = board
        self.office = office
        self.gateway = gateway
        self.judge = judge
        self.diary = diary
        self.haste = haste
        """How many times as often as in truth people come and things happen."""
        self.overheard: list[tuple[str, bytes]] = []
        """The last documents and commands that went to the controller, as anybody on the broker's line saw
        them.
        """

    @property
    def id(self) -> str:
        """The controller's id."""
        return self.wall.plan.id

    async def visit(
        self,
        who: str,
        code: str,
        at_door: Callable[[int], Awaitable[None]],
        chance: random.Random,
        order: str = "",
    ) -> int:
        """Type a code and deal with the doors that open, one after the other; how many did.

        `order` is the one whose right code this is: then it must open (invariant 8).
        """
        if chance.random() < 0.1:
            slip = str((int(code[-1]) + 1) % 10)
            self.diary.say(who, f"types at {self.id}, and slips in the last digit")
            await self.wall.type(code[:-1] + slip)
            await asyncio.sleep(chance.uniform(2, 5))
            if code[0] == "*":
                self.wall.keys.append("#")
        before = set(self.wall.open_doors())
        self.diary.say(who, f"types the code at {self.id}")
        self.judge.rights.comes(self.id, order, is_long=code[0] == "*")
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
        self.judge.rights.goes(self.id)
        return done

    async def pull_the_plug(self, *, unheard: bool = False) -> bool:
        """Take the mains away for a moment, and with `unheard` the network until `heard()`; False if there
        were none.
        """
        if not self.board.is_on:
            return False
        self.diary.say("trouble", f"somebody pulls the plug of {self.id}")
        if unheard:
            self.board.wire(False)
        self.board.power(False)
        self.judge.lines_changed()
        await asyncio.sleep(3)
        self.board.power(True)
        self.judge.lines_changed()
        await asyncio.sleep(3)
        return True

    def heard(self) -> None:
        """The network is whole again."""
        self.board.wire(True)
        self.judge.lines_changed()

    async def shut(self, number: int) -> None:
        """Push a door shut, and see that it is."""
        self.wall.push(number)
        await self.wall.until(lambda: not self.wall.doors[number].is_open, 5)
