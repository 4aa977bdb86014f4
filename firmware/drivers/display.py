"""HD44780 display of 4 lines by 20 characters behind a PCF8574 (P0 RS, P1 RW, P2 E, P3 light, P4 to P7 data).

A whole line goes out as one I2C transfer: a byte of the display is two nibbles, each with E high, then low,
which at 400 kHz takes 90 us, longer than the 37 us the display needs for it. Only lines that changed are
sent.
"""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.wire import Wire

COLUMNS = 20
ROWS = 4
_ROW_AT = b"\x00\x40\x14\x54"
_RS = 0x01
_E = 0x04
_LIGHT = 0x08
_SET_ADDRESS = 0x80


class Display:
    """Four lines of ASCII; anything else is shown as `?`."""

    def __init__(self, wire: "Wire", address: int) -> None:
        self._wire = wire
        self._address = address
        self._shown: list[str] = [""] * ROWS
        self._buffer = bytearray((COLUMNS + 1) * 4)
        self._nibble = bytearray(2)
        self.ready = False

    def _half(self, value: int) -> bool:
        # Before the display knows that its bus is four bits wide, it takes single nibbles.
        self._nibble[0] = value << 4 | _LIGHT | _E
        self._nibble[1] = value << 4 | _LIGHT
        return self._wire.write(self._address, self._nibble)

    def _pack(self, at: int, value: int, select: int) -> None:
        high = value & 0xF0 | _LIGHT | select
        low = value << 4 & 0xF0 | _LIGHT | select
        self._buffer[at] = high | _E
        self._buffer[at + 1] = high
        self._buffer[at + 2] = low | _E
        self._buffer[at + 3] = low

    def _command(self, value: int) -> bool:
        self._pack(0, value, 0)
        return self._wire.write(self._address, memoryview(self._buffer)[:4])

    async def setup(self) -> bool:
        """Initialise (HD44780U datasheet, figure 24: 4-bit interface); False if it is not there."""
        self.ready = False
        for at in range(ROWS):
            self._shown[at] = ""
        for wait_ms in (5, 1, 1):
            if not self._half(0x3):
                return False
            await asyncio.sleep_ms(wait_ms)
        if not self._half(0x2):
            return False
        for command in (0x28, 0x0C, 0x06, 0x01):
            if not self._command(command):
                return False
        await asyncio.sleep_ms(2)
        self.ready = True
        return True

    def show(self, row: int, text: str) -> bool:
        """Bring one line onto the display if it is not there already; False if it could not be sent."""
        if self._shown[row] == text:
            return True
        self._pack(0, _SET_ADDRESS | _ROW_AT[row], 0)
        for at in range(COLUMNS):
            value = ord(text[at]) if at < len(text) else 0x20
            if not 0x20 <= value < 0x7F:
                value = 0x3F
            self._pack(4 + at * 4, value, _RS)
        if not self._wire.write(self._address, self._buffer):
            self.ready = False
            return False
        self._shown[row] = text
        return True
