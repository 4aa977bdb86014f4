"""Stand-in for MicroPython's `onewire`: reset and time slots go to the world; the search is the real one."""

import world_link as world
from micropython import const

_SEARCH_ROM = const(0xF0)
_MATCH_ROM = const(0x55)


class OneWireError(Exception):
    """Nobody answered a reset."""


class OneWire:
    """A 1-Wire bus on one pin."""

    SEARCH_ROM = _SEARCH_ROM
    MATCH_ROM = _MATCH_ROM
    SKIP_ROM = 0xCC

    def __init__(self, pin):
        self.pin = pin
        self.pin.init(pin.OPEN_DRAIN, pin.PULL_UP)
        self._gpio = bytes((pin.id,))
        self._byte = bytearray(1)

    def reset(self, required=False):
        """Whether anybody pulled the line in answer (a shorted bus does)."""
        present = bool(world.ask(world.WIRE_RESET, self._gpio))
        if required and not present:
            raise OneWireError
        return present

    def readbit(self):
        """One read slot."""
        return world.ask(world.WIRE_READ_BIT, self._gpio)

    def readbyte(self):
        """Eight read slots, least significant bit first."""
        world.ask(world.WIRE_READ, self._gpio + b"\x01", self._byte)
        return self._byte[0]

    def readinto(self, buf):
        """Fill `buf`."""
        for i in range(len(buf)):
            buf[i] = self.readbyte()

    def writebit(self, value):
        """One write slot."""
        world.ask(world.WIRE_WRITE_BIT, self._gpio + bytes((value & 1,)))

    def writebyte(self, value):
        """Eight write slots."""
        world.ask(world.WIRE_WRITE, self._gpio + bytes((value,)))

    def write(self, buf):
        """Write the bytes of `buf`."""
        for byte in buf:
            self.writebyte(byte)

    def select_rom(self, rom):
        """Reset, then speak to this device only."""
        self.reset()
        self.writebyte(_MATCH_ROM)
        self.write(rom)

    def scan(self):
        """ROMs found, as bytearrays of 8."""
        devices = []
        diff = 65
        rom = None
        for _ in range(0xFF):
            rom, diff = self._search_rom(rom, diff)
            if rom:
                devices += [rom]
            if diff == 0:
                break
        return devices

    def _search_rom(self, l_rom, diff):
        if not self.reset():
            return None, 0
        self.writebyte(_SEARCH_ROM)
        if not l_rom:
            l_rom = bytearray(8)
        rom = bytearray(8)
        next_diff = 0
        i = 64
        for byte in range(8):
            r_b = 0
            for bit in range(8):
                b = self.readbit()
                if self.readbit():
                    if b:
                        return None, 0
                elif not b:
                    if diff > i or ((l_rom[byte] & (1 << bit)) and diff != i):
                        b = 1
                        next_diff = i
                self.writebit(b)
                if b:
                    r_b |= 1 << bit
                i -= 1
            rom[byte] = r_b
        return rom, next_diff

    def crc8(self, data):
        """The 1-Wire CRC; 0 over a whole frame that is right."""
        crc = 0
        for byte in data:
            for _ in range(8):
                odd = (crc ^ byte) & 1
                crc >>= 1
                byte >>= 1
                if odd:
                    crc ^= 0x8C
        return crc
