"""The drivers of a simulated board, in the shapes of `firmware.drivers`: no chips, no buses, only what they
would say.
"""

import asyncio

from firmware.drivers.ds18b20 import ProbeBus
from firmware.drivers.items import Items
from firmware.drivers.keypad import Keypad
from simulator.day.wall import Wall
from simulator.world.chips.ds18b20 import rom_bytes


class Level:
    """An input that never changes."""

    def __init__(self, level: int) -> None:
        self._level = level

    def value(self) -> int:
        """The level."""
        return self._level


class Lines:
    """A buzzer or a lamp that nobody looks at."""

    def value(self, level: int) -> None:
        """Drive the pin."""


class Contact:
    """The contact of a room's own door."""

    def __init__(self, wall: Wall, bus: int) -> None:
        self._wall = wall
        self._zone = next((zone.id for zone in wall.plan.zones if zone.bus == bus), "")

    def value(self) -> int:
        """1 while the door is open."""
        return int(self._zone in self._wall.open_rooms)


class Locks:
    """A lock board's driver (`firmware.drivers.seams.LockBoard`)."""

    def __init__(self, wall: Wall, board: int) -> None:
        self._wall = wall
        self._doors = [
            (wall.doors[d.number], 1 << (d.channel - 1)) for d in wall.plan.doors if d.board == board
        ]
        self._numbers = {d.channel: d.number for d in wall.plan.doors if d.board == board}
        self.locks = wall.plan.boards[board].locks
        self.open_bits = 0

    async def pulse(self, channel: int, pulse_ms: int) -> bool:
        """Energise one lock for so long."""
        number = self._numbers[channel]
        self._wall.coil(number, True)
        await asyncio.sleep(pulse_ms / 1000)
        self._wall.coil(number, False)
        return True

    async def refresh(self) -> bool:
        """Read the contacts, bounces and all."""
        now, bits = self._wall.timeline.seconds, 0
        for door, bit in self._doors:
            if door.contact(now):
                bits |= bit
        self.open_bits = bits
        return True

    def guard(self) -> None:
        """A coil's time is bounded by `pulse` itself here."""


class Keys(Keypad):
    """The keypad's driver: a key that was pressed is scanned once."""

    def __init__(self, wall: Wall) -> None:
        super().__init__([], [])
        self._wall = wall

    def scan(self, now_ms: int) -> str:  # noqa: ARG002 - the real one debounces by it
        """The key that went down since the last scan."""
        return self._wall.keys.popleft() if self._wall.keys else ""


class Eyes(Items):
    """The item sensors' driver."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._numbers = {(d.board, d.channel): d.number for d in wall.plan.doors}

    async def look(self, board: int, channel: int) -> int:
        """What the sensor of one compartment says."""
        return self._wall.item(self._numbers[board, channel])


class Bus(ProbeBus):
    """The probes of one 1-Wire bus."""

    def __init__(self, wall: Wall, bus: int) -> None:
        self._wall = wall
        zones = [wall.zones[zone.id] for zone in wall.plan.zones if zone.bus == bus]
        self._probes = {rom_bytes(probe.rom): probe for zone in zones for probe in zone.probes}

    def _is_anybody_there(self) -> bool:
        return any(not probe.unplugged for probe in self._probes.values())

    def convert(self) -> bool:
        """Start a conversion in every probe."""
        self._wall.step()
        for probe in self._probes.values():
            if not probe.unplugged:
                probe.convert(self._wall.timeline.seconds)
        return self._is_anybody_there()

    def read(self, rom: bytes) -> bytearray | None:
        """Nine bytes; all ones where nobody answers, None if the bus is empty."""
        if not self._is_anybody_there():
            return None
        probe = self._probes.get(rom)
        if probe is None or probe.unplugged:
            return bytearray(b"\xff" * 9)
        return bytearray(probe.scratchpad(self._wall.timeline.seconds))
