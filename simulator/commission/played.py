"""The person of the simulated world: hands on its doors, ears at its sounder. `Rehearsed` shows a human what
there is to be seen and lets them answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from simulator.commission.person import Asked
from simulator.controllers import Controller
from simulator.proxy import Link
from simulator.world.doors import Stand
from simulator.world.hangar import Hangar
from simulator.world.log import WorldEvent
from simulator.world.wall import Wall
from simulator.world.world import World

T = TypeVar("T")
_HAND_C = 8.0
_MOVE_S = 3.0
_READ_S = 10.0
"""A message on the display stays for six seconds."""


@dataclass
class Premises:
    """What was built wrongly and is no chip's fault: dead wires and wrong labels."""

    dead: set[str] = field(default_factory=set)
    """`sounder`, `light`, `lid`, `key 7` …"""
    labels: dict[tuple[str, int], int] = field(default_factory=dict)
    """Zone and number on a probe's label → the number of the probe that wears it."""
    rooms: dict[str, str] = field(default_factory=dict)
    """Room → the room whose contact hangs on its door."""
    loose: bool = False
    """The network's plug does not go in again."""


class Played:
    """The simulated person at one controller."""

    def __init__(
        self, world: World, controller: Controller, link: Link, premises: Premises, within_s: float = _MOVE_S
    ) -> None:
        self._world = world
        self._controller = controller
        self._link = link
        self._premises = premises
        self._within_s = within_s
        self._hand: dict[tuple[str, int], Callable[[], float]] = {}
        self._name = controller.name

    @property
    def _wall(self) -> Wall:
        return self._world.walls[self._name]

    @property
    def _place(self) -> Wall | Hangar:
        return self._world.walls.get(self._name) or self._world.hangars[self._name]

    async def _until(self, holds: Callable[[], bool], within_s: float | None = None) -> bool:
        try:
            await self._world.until(holds, within_s or self._within_s)
        except TimeoutError:
            return False
        return True

    async def open_doors(self, expected: int) -> set[int]:
        """As in the port."""
        wall = self._wall
        doors = wall.board.doors
        # The order has been carried out by now; a spring takes a moment more, twins included.
        await self._until(lambda: wall.door_is_open(expected), 1.0)
        await asyncio.sleep(0.2)
        return {number for number, door in doors.items() if door.stand is not Stand.LATCHED}

    async def hold_ms(self, door: int) -> int | None:
        """As in the port: a meter at the coil."""
        await self._until(lambda: self._coil(door, "coil_off") == self._coil(door, "coil_on"), 10)
        held = [e.detail for e in self._coils(door) if e.kind == "coil_off"]
        return int(held[-1].split()[0]) if held else None

    def _coils(self, door: int) -> list[WorldEvent]:
        return [e for e in self._world.log if e.controller == self._name and e.door == door]

    def _coil(self, door: int, kind: str) -> int:
        return sum(event.kind == kind for event in self._coils(door))

    async def put(self, door: int) -> None:
        """As in the port."""
        self._wall.pull(door)
        self._wall.put(door)

    async def take(self, door: int) -> None:
        """As in the port."""
        self._wall.pull(door)
        if self._wall.door_is_open(door):
            self._wall.take(door)

    async def shut(self, doors: set[int]) -> None:
        """As in the port."""
        wall = self._wall
        for door in doors:
            wall.push(door)
        await self._until(lambda: not any(wall.door_is_open(door) for door in doors))

    async def type(self, keys: str) -> None:
        """As in the port."""
        for key in keys:
            await self._press(key)

    async def _press(self, key: str) -> None:
        if f"key {key}" not in self._premises.dead:
            await self._wall.press(key)

    async def shows(self, key: str) -> bool:
        """As in the port."""
        await self._press("#")
        await asyncio.sleep(0.3)
        before = self._wall.display()
        await self._press(key)
        return await self._until(lambda: self._wall.display() != before, 0.6)

    async def first_line(self) -> str:
        """As in the port."""
        wall = self._wall
        await self._until(lambda: wall.display()[0].startswith("Bonjour"), _READ_S)
        return wall.display()[0]

    async def warm(self, zone: str, probe: int, on: bool) -> None:
        """As in the port: a hand is eight degrees at once, as a steel sleeve never is."""
        worn = self._premises.labels.get((zone, probe), probe)
        held = self._place.probe(zone, worn)
        if on:
            own = held.celsius
            self._hand[zone, worn] = own
            held.celsius = lambda: own() + _HAND_C
        else:
            held.celsius = self._hand.pop((zone, worn))

    async def power(self) -> None:
        """As in the port; nothing in the world needs the ten seconds."""
        self._controller.power(False)
        self._controller.power(True)

    async def lid(self, is_open: bool) -> None:
        """As in the port."""
        if "lid" not in self._premises.dead:
            self._wall.open_box(is_open)

    async def network(self, on: bool) -> None:
        """As in the port."""
        if not on:
            self._link.cut()
        elif not self._premises.loose:
            self._link.mend()

    async def room_door(self, zone: str, is_open: bool) -> None:
        """As in the port."""
        hangar = self._world.hangars[self._name]
        contact = self._premises.rooms.get(zone, zone)
        (hangar.open_door if is_open else hangar.close_door)(contact)

    async def hears(self) -> bool:
        """As in the port: it sounds in pulses."""
        return "sounder" not in self._premises.dead and await self._until(self._place.buzzer)

    async def sees_light(self) -> bool:
        """As in the port."""
        return "light" not in self._premises.dead and await self._until(self._place.alarm_light)


class Rehearsed(Played):
    """The world's hands, a human's answers: what the simulated person sees is told, the human judges."""

    def __init__(self, world: World, controller: Controller, link: Link, premises: Premises) -> None:
        super().__init__(world, controller, link, premises)
        self._human = Asked()

    async def _seen(self, seen: Awaitable[T], said: Callable[[T], str], asked: Awaitable[T]) -> T:
        print(f"    you see: {said(await seen)}")
        return await asked

    async def open_doors(self, expected: int) -> set[int]:
        """As in the port."""
        return await self._seen(
            super().open_doors(expected),
            lambda doors: f"open doors: {', '.join(map(str, sorted(doors))) or 'none'}",
            self._human.open_doors(expected),
        )

    async def first_line(self) -> str:
        """As in the port."""
        return await self._seen(super().first_line(), lambda line: repr(line), self._human.first_line())

    async def hears(self) -> bool:
        """As in the port."""
        return await self._seen(
            super().hears(), lambda yes: "it sounds" if yes else "silence", self._human.hears()
        )

    async def sees_light(self) -> bool:
        """As in the port."""
        return await self._seen(
            super().sees_light(), lambda yes: "red" if yes else "no light", self._human.sees_light()
        )
