"""MCP23017, a 16-bit port expander on I2C (Microchip DS20001952, registers with IOCON.BANK = 0).

All its pins are inputs after power-on, also after a brown-out that nobody notices: so the output latch is
written before the direction, and the registers are compared again and again with what they should hold.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.wire import Wire

_IODIR = 0x00
_GPPU = 0x0C
_GPIO = 0x12
_OLAT = 0x14


class Mcp23017:
    """One chip. `inputs` and `pull_ups` are 16-bit masks, port A in the low byte."""

    def __init__(self, wire: "Wire", address: int, inputs: int, pull_ups: int) -> None:
        self._wire = wire
        self._address = address
        self._inputs = inputs
        self._pull_ups = pull_ups
        self._buffer = bytearray(2)
        self.latch = 0
        """What the outputs should be."""
        self.present = False
        """True if the last transfer was acknowledged."""
        self.resets = 0
        """Times the chip was found to have lost its registers."""

    def _put(self, register: int, value: int) -> bool:
        self._buffer[0] = value & 0xFF
        self._buffer[1] = value >> 8
        self.present = self._wire.write_register(self._address, register, self._buffer)
        return self.present

    def _get(self, register: int) -> int:
        self.present = self._wire.read_register(self._address, register, self._buffer)
        if not self.present:
            return -1
        return self._buffer[0] | self._buffer[1] << 8

    def setup(self) -> bool:
        """Write latch, then pull-ups, then direction: no output is driven before its level is right."""
        return (
            self._put(_OLAT, self.latch)
            and self._put(_GPPU, self._pull_ups)
            and self._put(_IODIR, self._inputs)
        )

    def check(self) -> bool:
        """Compare direction and latch with what they should be; write all of them again if they differ."""
        direction = self._get(_IODIR)
        latch = self._get(_OLAT)
        if direction < 0 or latch < 0:
            return False
        if direction == self._inputs and latch == self.latch:
            return True
        self.resets += 1
        return self.setup()

    def read(self) -> int:
        """Levels of all 16 pins, -1 if the chip does not answer."""
        return self._get(_GPIO)

    def write(self, outputs: int) -> bool:
        """Drive the outputs; what is meant stays in `latch` and is written again by `check` if this fails."""
        self.latch = outputs
        return self._put(_OLAT, outputs)
