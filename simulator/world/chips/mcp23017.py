"""MCP23017: sixteen pins on I2C (Microchip DS20001952). Registers in the order of IOCON.BANK = 0, as at
power-on.
"""

from collections.abc import Callable

IODIRA, IODIRB = 0x00, 0x01
IPOLA, IPOLB = 0x02, 0x03
IOCON, IOCON_TWIN = 0x0A, 0x0B
GPPUA, GPPUB = 0x0C, 0x0D
GPIOA, GPIOB = 0x12, 0x13
OLATA, OLATB = 0x14, 0x15
_COUNT = 0x16
_READ_ONLY = {0x0E, 0x0F, 0x10, 0x11}
_SEQOP_OFF = 0x20

Levels = Callable[[], int]


def _floating() -> int:
    return 0xFFFF


class Mcp23017:
    """The expander's registers.

    `inputs` gives the levels that the outside puts on the sixteen pins (bit 0 = A0, bit 15 = B7), pulled nets
    included. `changed` is called after every write that may have moved an output.
    """

    def __init__(self, inputs: Levels = _floating, changed: Callable[[], None] | None = None) -> None:
        self._inputs = inputs
        self._changed = changed
        self._registers = bytearray(_COUNT)
        self._pointer = 0
        self.power_on()

    def power_on(self) -> None:
        """All pins inputs, all latches low: the state after a loss of power or a brown-out."""
        self._registers = bytearray(_COUNT)
        self._registers[IODIRA] = self._registers[IODIRB] = 0xFF
        self._pointer = 0
        if self._changed is not None:
            self._changed()

    @property
    def driven(self) -> int:
        """Pins that the chip drives high (bit 0 = A0): outputs with their latch set."""
        latch = self._registers[OLATA] | self._registers[OLATB] << 8
        return latch & ~self._direction & 0xFFFF

    @property
    def _direction(self) -> int:
        return self._registers[IODIRA] | self._registers[IODIRB] << 8

    def write(self, data: bytes) -> None:
        """One write transfer: register address, then values for it and the ones after it."""
        if not data:
            return
        self._pointer = data[0] % _COUNT
        for value in data[1:]:
            register = self._pointer
            if register in (GPIOA, GPIOB):
                register += OLATA - GPIOA
            if register in (IOCON, IOCON_TWIN):
                self._registers[IOCON] = self._registers[IOCON_TWIN] = value & 0x7E
            elif register not in _READ_ONLY:
                self._registers[register] = value
            self._advance()
        if len(data) > 1 and self._changed is not None:
            self._changed()

    def read(self, count: int) -> bytes:
        """One read transfer, from the register the last write named."""
        answer = bytearray()
        for _ in range(count):
            answer.append(self._value(self._pointer))
            self._advance()
        return bytes(answer)

    def _value(self, register: int) -> int:
        if register not in (GPIOA, GPIOB):
            return self._registers[register]
        direction = self._direction
        polarity = self._registers[IPOLA] | self._registers[IPOLB] << 8
        latch = self._registers[OLATA] | self._registers[OLATB] << 8
        levels = (self._inputs() ^ polarity) & direction | latch & ~direction
        return levels >> (8 * (register - GPIOA)) & 0xFF

    def _advance(self) -> None:
        if self._registers[IOCON] & _SEQOP_OFF:
            self._pointer ^= 1
        else:
            self._pointer = (self._pointer + 1) % _COUNT
