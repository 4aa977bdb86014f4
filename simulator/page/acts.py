"""What hands, and misfortune, can do to the simulated sites: one act each, asked for as JSON.

An act that the world does not allow (goods through a shut door) is refused with a reason that can be shown.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from simulator.page.seams import Controllers, Controls, Link
from simulator.world.hangar import Hangar
from simulator.world.wall import Wall
from simulator.world.world import World


class Refused(Exception):  # noqa: N818 (it is an answer, not a fault)
    """The act can't be done. `code` is one of the page's words; `status` the HTTP status."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid")
    target: str
    """A controller's id, a link's or a program's name."""


class PressKey(_Act):
    """A finger on the keypad."""

    action: Literal["press"]
    key: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]


class HandleDoor(_Act):
    """Hands on a door, or force."""

    action: Literal["pull", "push", "take", "force"]
    door: int


class PutGoods(_Act):
    """Goods into a compartment."""

    action: Literal["put"]
    door: int
    item: Annotated[str, Field(min_length=1, max_length=60)]


class TroubleDoor(_Act):
    """Something wrong with a door or its item sensor, or right again."""

    action: Literal["jam", "block", "blind", "dirty"]
    door: int
    on: bool


class SwitchCompressor(_Act):
    """A zone's compressor fails or works again."""

    action: Literal["compressor"]
    zone: str
    on: bool


class PlugProbe(_Act):
    """A probe's plug (by its ROM id), pulled with `on` false."""

    action: Literal["probe"]
    zone: str
    probe: str
    on: bool


class MoveRoomDoor(_Act):
    """The door of a cold room."""

    action: Literal["room_door"]
    zone: str
    on: bool
    """True: open."""


class SwitchPower(_Act):
    """A controller's mains."""

    action: Literal["power"]
    on: bool


class PressReset(_Act):
    """A controller's reset button."""

    action: Literal["reset"]


class SwitchLink(_Act):
    """A wire between machines."""

    action: Literal["cut", "mend"]


class RunProcess(_Act):
    """A program killed, or started again."""

    action: Literal["kill", "start"]


Act: TypeAlias = Annotated[
    PressKey
    | HandleDoor
    | PutGoods
    | TroubleDoor
    | SwitchCompressor
    | PlugProbe
    | MoveRoomDoor
    | SwitchPower
    | PressReset
    | SwitchLink
    | RunProcess,
    Field(discriminator="action"),
]


class Hands:
    """Carries acts out on one world and its surroundings."""

    def __init__(
        self, world: World, links: Mapping[str, Link], controls: Controls, controllers: Controllers
    ) -> None:
        self._world = world
        self._links = links
        self._controls = controls
        self._controllers = controllers
        self._fingers = {name: asyncio.Lock() for name in world.walls}

    async def do(self, act: Act) -> None:
        """Do it. Raises Refused."""
        match act:
            case PressKey():
                wall = self._wall(act.target)
                # One finger: keys asked for at the same time are pressed one after the other.
                async with self._fingers[act.target]:
                    await wall.press(act.key)
            case HandleDoor() | PutGoods() | TroubleDoor():
                self._on_door(act)
            case SwitchCompressor() | PlugProbe() | MoveRoomDoor():
                self._in_zone(act)
            case SwitchPower():
                self._place(act.target)
                self._controllers[act.target].power(act.on)
            case PressReset():
                self._place(act.target)
                self._controllers[act.target].reset()
            case SwitchLink():
                link = self._links.get(act.target)
                if link is None:
                    raise Refused(404, "failed", f"no link {act.target!r}")
                if act.action == "cut":
                    link.cut()
                else:
                    link.mend()
            case RunProcess():
                await self._run(act)

    def _wall(self, name: str) -> Wall:
        wall = self._world.walls.get(name)
        if wall is None:
            raise Refused(404, "failed", f"no wall {name!r}")
        return wall

    def _place(self, name: str) -> Wall | Hangar:
        place = self._world.walls.get(name) or self._world.hangars.get(name)
        if place is None:
            raise Refused(404, "failed", f"no controller {name!r}")
        return place

    def _on_door(self, act: HandleDoor | PutGoods | TroubleDoor) -> None:
        wall = self._wall(act.target)
        if act.door not in wall.board.doors:
            raise Refused(404, "failed", f"no door {act.door}")
        if act.action in ("take", "put") and not wall.door_is_open(act.door):
            raise Refused(409, "shut", f"door {act.door} is shut")
        match act:
            case PutGoods():
                wall.put(act.door, act.item)
            case TroubleDoor():
                trouble = {"jam": wall.jam, "block": wall.block, "blind": wall.blind, "dirty": wall.dirty}
                trouble[act.action](act.door, act.on)
            case HandleDoor(action="pull"):
                if not wall.pull(act.door):
                    raise Refused(409, "held", f"door {act.door} holds")
            case HandleDoor():
                {"push": wall.push, "take": wall.take, "force": wall.force}[act.action](act.door)

    def _in_zone(self, act: SwitchCompressor | PlugProbe | MoveRoomDoor) -> None:
        place = self._place(act.target)
        zone = place.zones.get(act.zone)
        if zone is None:
            raise Refused(404, "failed", f"no zone {act.zone!r}")
        match act:
            case SwitchCompressor():
                zone.compressor(act.on)
            case PlugProbe():
                probe = next((probe for probe in zone.probes if probe.rom == act.probe), None)
                if probe is None:
                    raise Refused(404, "failed", f"no probe {act.probe!r}")
                probe.unplug(not act.on)
            case MoveRoomDoor():
                if not isinstance(place, Hangar):
                    raise Refused(404, "failed", f"{act.target} has no rooms")
                (place.open_door if act.on else place.close_door)(act.zone)

    async def _run(self, act: RunProcess) -> None:
        program = self._controls.children.get(act.target)
        if program is None:
            raise Refused(404, "failed", f"no program {act.target!r}")
        if act.action == "kill" and program.is_running:
            await self._controls.kill(act.target)
        if act.action == "start" and not program.is_running:
            await self._controls.start(act.target)
