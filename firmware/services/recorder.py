"""Uptime, and the pen with which every service writes into the journal."""

import time

from firmware.contract.records import EVENTS, READINGS
from firmware.core.journal import Journal
from firmware.core.ring import FlashError
from firmware.core.timekeeping import Clock

_TRIES = 3


class Uptime:
    """Milliseconds since boot, without the wrap of `ticks_ms` after 12.4 days; to be asked more often than
    that.
    """

    def __init__(self) -> None:
        self._last = time.ticks_ms()
        self._total = 0

    def ms(self) -> int:
        """Uptime now."""
        now = time.ticks_ms()
        self._total += time.ticks_diff(now, self._last)
        self._last = now
        return self._total


class Recorder:
    """Writes records with their time. A record is in flash when a call returns."""

    def __init__(self, journal: Journal, uptime: Uptime, clock: Clock) -> None:
        self.journal = journal
        self.uptime = uptime
        self.clock = clock
        self.flash_errors = 0

    def event(self, kind: str, fields: dict[str, object]) -> int:
        """Append to the events lane; returns the number.

        Raises FlashError if three fresh blocks refused it.
        """
        return self._append(EVENTS, kind, fields)

    def readings(self, fields: dict[str, object]) -> int:
        """Append a readings record."""
        return self._append(READINGS, "r", fields)

    def _append(self, lane: int, kind: str, fields: dict[str, object]) -> int:
        uptime_ms = self.uptime.ms()
        unix = self.clock.now(uptime_ms)
        for _ in range(_TRIES - 1):
            try:
                return self.journal.append(lane, kind, fields, uptime_ms, unix, self.clock.quality)
            except FlashError:
                # The ring goes on in another block.
                self.flash_errors += 1
        return self.journal.append(lane, kind, fields, uptime_ms, unix, self.clock.quality)
