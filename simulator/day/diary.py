"""The log: one line an event, with its virtual time; its hash says whether two runs were the same."""

import hashlib
import re
from collections import Counter, deque
from collections.abc import Callable

from simulator.day.timeline import Timeline

KEPT = 40
"""Lines that are told again when a day breaks."""
_DIGITS = re.compile(r"[0-9](?:[ -]?[0-9]){7,}")


class Diary:
    """Lines as they come. `also` hears each of them; `counts` are for the summary."""

    def __init__(self, timeline: Timeline, also: Callable[[str], None]) -> None:
        self._timeline = timeline
        self._also = also
        self._hash = hashlib.sha256()
        self._codes: set[str] = set()
        self._lengths: set[int] = set()
        self.lines = 0
        self.last: deque[str] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()

    def keep_secret(self, *codes: str) -> None:
        """Codes that exist: none of them may ever stand in a line (invariant 10)."""
        for code in codes:
            if code:
                self._codes.add(code)
                self._lengths.add(len(code))

    def say(self, who: str, what: str) -> None:
        """Write a line. Raises LeakError if a code stands in it."""
        ms = self._timeline.monotonic_ms()
        line = f"{ms // 86_400_000 + 1:>2} {self._timeline.now():%H:%M:%S}.{ms % 1000:03d}  {who:<9} {what}"
        if self.tells_a_code(what):
            raise LeakError(f"a code stands in the log, in a line of {who}")
        self.lines += 1
        self._hash.update(line.encode() + b"\n")
        self.last.append(line)
        self._also(line)

    def tells_a_code(self, text: str) -> bool:
        """Whether a live or dead code stands in a text, also with blanks or hyphens in it."""
        for run in _DIGITS.findall(text):
            digits = "".join(char for char in run if char.isdigit())
            for length in self._lengths:
                for at in range(len(digits) - length + 1):
                    if digits[at : at + length] in self._codes:
                        return True
        return False

    @property
    def digest(self) -> str:
        """SHA-256 of all lines so far."""
        return self._hash.hexdigest()


class LeakError(Exception):
    """A code was about to be written into the log."""
