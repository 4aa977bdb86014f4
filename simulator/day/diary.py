"""The day's log: one line an event, with its virtual time; its hash says whether two runs were the same."""

import hashlib
from collections import Counter
from collections.abc import Callable

from simulator.day.timeline import Timeline


class Diary:
    """Lines as they come. `also` hears each of them; `counts` are for the summary."""

    def __init__(self, timeline: Timeline, also: Callable[[str], None]) -> None:
        self._timeline = timeline
        self._also = also
        self._hash = hashlib.sha256()
        self.secrets: set[str] = set()
        """Codes that exist: none of them may ever stand in a line (invariant 10)."""
        self.lines = 0
        self.counts: Counter[str] = Counter()

    def say(self, who: str, what: str) -> None:
        """Write a line. Raises LeakError if a code stands in it."""
        line = f"{self._timeline.now():%H:%M:%S.%f}"[:-3] + f"  {who:<9} {what}"
        digits = "".join(char for char in what if char.isdigit())
        if len(digits) >= 8 and any(secret in digits for secret in self.secrets):
            raise LeakError(f"a code stands in the log, in a line of {who}")
        self.lines += 1
        self._hash.update(line.encode() + b"\n")
        self._also(line)

    @property
    def digest(self) -> str:
        """SHA-256 of all lines so far."""
        return self._hash.hexdigest()


class LeakError(Exception):
    """A code was about to be written into the log."""
