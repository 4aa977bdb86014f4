"""The keypad's line: keys in, a code to judge or a hint for the display out (R-11, R-12).

Eight digits are judged at once, `*` asks for twelve, `#` clears. The line is masked but for the last digit:
the person sees that the key was taken, the one behind sees no code.
"""

from firmware.contract.codes import LONG, SHORT, is_well_formed

IDLE_MS = 20_000
"""A line nobody goes on with is cleared."""

NOTHING, EDITING, CLEARED, WANTS_LONG, SLIP, CODE = 0, 1, 2, 3, 4, 5


class Line:
    """What has been typed. After `press` returned CODE, `code` holds the digits and `is_long` their kind."""

    def __init__(self) -> None:
        self.is_long = False
        self.code = ""
        self._digits = ""
        self._wants_long = False
        self._touched_ms = 0

    def press(self, key: str, now_ms: int) -> int:
        """Takes one key (`0`-`9`, `*`, `#`); returns what came of it. A slip or a code empties the line."""
        self._touched_ms = now_ms
        self.code = ""
        if key == "#":
            self.clear()
            return CLEARED
        if key == "*":
            self.ask_long(now_ms)
            return WANTS_LONG
        if len(key) != 1 or not "0" <= key <= "9":
            return NOTHING
        self._digits += key
        if len(self._digits) < self.length:
            return EDITING
        digits, self.is_long = self._digits, self._wants_long
        self.clear()
        if not is_well_formed(digits):
            return SLIP
        self.code = digits
        return CODE

    @property
    def length(self) -> int:
        """Digits of the code being typed."""
        return LONG if self._wants_long else SHORT

    @property
    def missing(self) -> int:
        """Digits still to come."""
        return self.length - len(self._digits)

    @property
    def is_empty(self) -> bool:
        """True if no digit stands in the line and no long code has been asked for."""
        return not self._digits and not self._wants_long

    def ask_long(self, now_ms: int) -> None:
        """The long code is wanted, because the person asked or because the bucket is empty."""
        self._touched_ms = now_ms
        self._digits = ""
        self._wants_long = True

    def clear(self) -> None:
        """Back to an empty line for a short code."""
        self._digits = ""
        self._wants_long = False

    def tick(self, now_ms: int) -> int:
        """CLEARED if an unfinished line has just been given up, else NOTHING."""
        if self.is_empty or now_ms - self._touched_ms < IDLE_MS:
            return NOTHING
        self.clear()
        return CLEARED

    def masked(self) -> str:
        """The line as shown, in groups of four: `**** *7__ `."""
        typed = len(self._digits)
        shown = ""
        for at in range(self.length):
            if at and at % 4 == 0:
                shown += " "
            if at == typed - 1:
                shown += self._digits[at]
            else:
                shown += "*" if at < typed else "_"
        return shown
