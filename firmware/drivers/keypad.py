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
_RELEASED_MS = 25
"""Without contact for so long a key is released; contacts of keypads bounce for 5 to 10 ms."""


class Keypad:
    """Rows from top to bottom, columns from left to right."""

    def __init__(self, rows: "Sequence[OutputPin]", columns: "Sequence[InputPin]") -> None:
        self._rows = rows
        self._columns = columns
        self._touched_ms = 0
        self._apart = False
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

    def scan(self, now_ms: int) -> str:
        """The key that went down since the last scan, "" for none; to be called every 10 ms, with the uptime.

        However late a scan comes, a key held over it counts once, and the next one is not lost.
        """
        if self._column() < 0:
            self._apart = True
            return ""
        rested_ms = now_ms - self._touched_ms
        self._touched_ms = now_ms
        bounced = not self._apart or rested_ms < _RELEASED_MS
        self._apart = False
        if self._held and bounced:
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
