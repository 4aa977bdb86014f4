"""A 4 x 3 matrix keypad: rows open drain, selected when low; columns inputs with pull-up, 0 = pressed.

At rest all rows are low, so that one look at three columns tells that nothing is pressed; only then are rows
told apart. A key counts at its first confirmed contact, not after a debounce time: bounce is waited for at
the release.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from firmware.drivers.seams import InputPin, OutputPin

_KEYS = "123456789*0#"
_RELEASED_SCANS = 3
"""Scans without contact until a key counts as released: 30 ms at a 10 ms scan."""


class Keypad:
    """Rows from top to bottom, columns from left to right."""

    def __init__(self, rows: "Sequence[OutputPin]", columns: "Sequence[InputPin]") -> None:
        self._rows = rows
        self._columns = columns
        self._idle = 0
        self._held = ""
        self._select(-1)

    def _select(self, row: int) -> None:
        for at in range(len(self._rows)):
            self._rows[at].value(0 if row < 0 or row == at else 1)

    def _column(self) -> int:
        for at in range(len(self._columns)):
            if self._columns[at].value() == 0:
                return at
        return -1

    def scan(self) -> str:
        """The key that went down since the last scan, "" for none; to be called every 10 ms."""
        if self._column() < 0:
            if self._held:
                self._idle += 1
                if self._idle >= _RELEASED_SCANS:
                    self._held = ""
            return ""
        self._idle = 0
        if self._held:
            return ""
        found = ""
        for row in range(len(self._rows)):
            self._select(row)
            column = self._column()
            if column >= 0:
                found = _KEYS[row * 3 + column]
                break
        self._select(-1)
        self._held = found
        return found
