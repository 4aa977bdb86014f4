"""HD44780 with four lines of twenty, behind a PCF8574 on I2C: decoded back to the text a person reads.

Port of the PCF8574: bit 0 RS, 1 RW, 2 E, 3 backlight, 4 to 7 data. The controller takes a nibble at each fall
of E.
"""

COLUMNS = 20
ROWS = 4
_RS, _E, _LIGHT = 0x01, 0x04, 0x08
_LINE_STARTS = (0x00, 0x40, 0x14, 0x54)
# What differs from ASCII in the character table A00; what a French or English text needs of it.
_ROM = {0x5C: "¥", 0x7E: "→", 0x7F: "←", 0xDF: "°", 0xE2: "ß", 0xEF: "ö", 0xF5: "ü", 0xE1: "ä", 0xFF: "█"}

GLYPHS: dict[bytes, str] = {}
"""Characters that a program may draw itself, by their eight rows of five dots."""


class Display:
    """The module as its user sees it: `lines()` and `lit`."""

    def __init__(self) -> None:
        self.power_on()

    def power_on(self) -> None:
        """Blank, eight-bit interface, display off."""
        self._port = 0xFF
        self._ram = bytearray(b" " * 0x80)
        self._drawn = bytearray(64)
        self._address = 0
        self._drawing = False
        self._four_bit = False
        self._high: int | None = None
        self._on = False
        self.lit = False

    def write(self, data: bytes) -> None:
        """One write transfer to the PCF8574: each byte is a new state of its port."""
        for port in data:
            if self._port & _E and not port & _E:
                self._nibble(self._port >> 4, bool(self._port & _RS))
            self._port = port
            self.lit = bool(port & _LIGHT)

    def read(self, count: int) -> bytes:
        """The port as it stands (the busy flag is never up)."""
        return bytes([self._port & 0x7F] * count)

    def lines(self) -> list[str]:
        """Four texts without trailing blanks; empty ones while the display is off."""
        if not self._on:
            return [""] * ROWS
        return [
            "".join(self._character(code) for code in self._ram[start : start + COLUMNS]).rstrip()
            for start in _LINE_STARTS
        ]

    def _character(self, code: int) -> str:
        if code < 16:
            rows = bytes(self._drawn[(code & 7) * 8 : (code & 7) * 8 + 8])
            return GLYPHS.get(rows, "□")
        return _ROM.get(code) or (chr(code) if 0x20 <= code < 0x7E else "□")

    def _nibble(self, nibble: int, data: bool) -> None:
        if not self._four_bit:
            if not data:
                self._command(nibble << 4)
            return
        if self._high is None:
            self._high = nibble
            return
        value, self._high = self._high << 4 | nibble, None
        if data:
            self._store(value)
        else:
            self._command(value)

    def _store(self, value: int) -> None:
        if self._drawing:
            self._drawn[self._address & 63] = value & 0x1F
            self._address = (self._address + 1) & 63
            return
        self._ram[self._address & 0x7F] = value
        self._address = (self._address + 1) & 0x7F

    def _command(self, value: int) -> None:
        if value & 0x80:
            self._address, self._drawing = value & 0x7F, False
        elif value & 0x40:
            self._address, self._drawing = value & 0x3F, True
        elif value & 0x20:
            self._four_bit, self._high = not value & 0x10, None
        elif value & 0x10:
            return  # cursor moves: nobody needs them here
        elif value & 0x08:
            self._on = bool(value & 0x04)
        elif value & 0x04:
            return  # entry mode: only left to right is built
        elif value & 0x02:
            self._address, self._drawing = 0, False
        elif value & 0x01:
            self._ram = bytearray(b" " * 0x80)
            self._address, self._drawing = 0, False
