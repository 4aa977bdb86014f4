"""The board of a hangar's cold rooms: a door contact and a 1-Wire bus for each room."""

import random
from collections.abc import Callable
from datetime import datetime

from simulator.world.board import Board
from simulator.world.log import Log
from simulator.world.plan import ControllerPlan


class RoomBoard(Board):
    """Rooms are numbered as their buses: 0 and 1."""

    prefix = "ROOM"
    wires = ("OW_ROOM1", "OW_ROOM2")

    def __init__(
        self,
        plan: ControllerPlan,
        log: Log,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
        chance: random.Random,
    ) -> None:
        super().__init__(plan, log, clock, wall, chance)
        for index, net in enumerate(("DOOR_ROOM1", "DOOR_ROOM2")):
            self.readers[self.pin(net)] = self._contact(index)

    def _contact(self, index: int) -> Callable[[], bool]:
        """Reads 1 while the room's door stands open."""
        spaces = [self.zones[zone.id].space for zone in self.plan.zones if zone.bus == index]
        return lambda: any(space.door_open for space in spaces)
