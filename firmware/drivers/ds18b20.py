"""DS18B20 temperature probes on a 1-Wire bus (Maxim 19-7487): conversion of all at once, then each scratchpad
as it is.

No temperature is made here: nine raw bytes go to `firmware.core.probe`, which knows their lies. A read blocks
13 ms, so one probe is read a turn.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import OneWireBus

CONVERT_MS = 750
"""The longest conversion at 12 bits; waited for without blocking."""
_SKIP_ROM = 0xCC
_CONVERT = 0x44
_READ = 0xBE


class ProbeBus:
    """All probes of one cooled zone."""

    def __init__(self, bus: "OneWireBus") -> None:
        self._bus = bus
        self._scratchpad = bytearray(9)
        self.errors = 0

    def convert(self) -> bool:
        """Start a conversion in every probe; False if nobody is on the bus."""
        try:
            if not self._bus.reset():
                return False
            self._bus.writebyte(_SKIP_ROM)
            self._bus.writebyte(_CONVERT)
        except OSError:
            self.errors += 1
            return False
        return True

    def read(self, rom: bytes) -> bytearray | None:
        """The nine bytes of a probe's scratchpad, valid until the next read; None if nobody is on the bus."""
        try:
            if not self._bus.reset():
                return None
            self._bus.select_rom(rom)
            self._bus.writebyte(_READ)
            self._bus.readinto(self._scratchpad)
        except OSError:
            self.errors += 1
            return None
        return self._scratchpad
