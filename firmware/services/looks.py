"""Item sensors are read when a door has been closed and the goods are at rest."""

import asyncio

from firmware.contract import records
from firmware.drivers.items import Items
from firmware.services.doors import Doors
from firmware.supervisor import Heart

_SETTLE_MS = 250
"""Between the contact's closing and a look at the goods."""


class Looks:
    """Reads the item sensor of a door that was closed, when the goods are at rest."""

    def __init__(self, doors: Doors, items: Items, heart: Heart) -> None:
        self._doors = doors
        self._items = items
        self._heart = heart

    async def run(self) -> None:
        """Look at what `Doors` asks for, in order."""
        doors = self._doors
        while True:
            self._heart.beat()
            if not doors.looks:
                doors.look.clear()
                self._heart.rest()
                await doors.look.wait()
                continue
            await asyncio.sleep_ms(_SETTLE_MS)
            number = doors.looks[0]
            door = doors.door(number)
            item = records.BLIND
            if door is not None and door.item_sensor:
                item = await self._items.look(door.board, door.channel)
            doors.looks.pop(0)
            doors.seen(number, item)
