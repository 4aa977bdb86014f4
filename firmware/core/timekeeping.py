"""What time it is and how far that is to be believed (R-39, R-70).

Monotonic uptime is the truth inside; wall time is a value with a quality laid over it. The gateway's time
is taken only if its quality is good and never below the floor. A time that differs by more than minutes
from what was last set on good grounds must be insisted on for ten minutes, however many small steps lead
there: a wrong message neither lengthens a code (invariant 16) nor ages a whole bank. Time that was given out
never comes again: after a step back it stands still.
"""

from firmware.contract.records import DISCIPLINED, FLOOR, RTC, UNKNOWN

FLOOR_EVERY_MS = 600_000
"""The floor is persisted that often."""
MAX_STEP_S = 300
"""Within that much of the last ground a time is believed at once: both clocks of a board drift by a minute a
year.
"""
INSISTED = 20
"""Agreeing messages (one every 30 s, R-70) that make another time believed; it is the next ground."""
EARLIEST = 1_767_225_600
"""2026-01-01: no device is older than its firmware."""
LATEST = 4_102_444_800
"""2100-01-01."""


class Clock:
    """Unix seconds over uptime. `floor` is the last persisted time, 0 if there is none."""

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.quality = FLOOR if floor else UNKNOWN
        self.refused = 0
        """Times from the gateway that were not believed."""
        self._base_s = floor
        self._base_ms = 0
        self._ground_s = 0
        """Unix seconds at uptime 0 by the battery clock, the first time or the last one insisted on."""
        self._given = 0
        """The highest time given out."""
        self._floor_ms = -FLOOR_EVERY_MS
        self._insisted = 0
        self._offset_s = 0

    def now(self, uptime_ms: int) -> int:
        """Unix seconds, 0 if unknown. With an invalid clock it stands at the floor (R-39)."""
        if self.quality < RTC:
            return self.floor
        self._given = max(self._base_s + (uptime_ms - self._base_ms) // 1000, self.floor, self._given)
        return self._given

    @property
    def is_valid(self) -> bool:
        """True if the time is more than a floor."""
        return self.quality >= RTC

    def battery_clock(self, unix: int, stopped: bool, uptime_ms: int) -> bool:
        """What the battery clock says at boot; `stopped` is its own oscillator flag. False if it is not
        believed.
        """
        if stopped or not max(self.floor, EARLIEST) <= unix < LATEST:
            return False
        self._set(unix, uptime_ms, RTC)
        self._ground_s = unix - uptime_ms // 1000
        return True

    def discipline(self, unix: int, quality: int, uptime_ms: int) -> bool:
        """The gateway's time (R-70). True: believed, and the battery clock should be set to it."""
        believed = quality == DISCIPLINED and max(self.floor, EARLIEST) <= unix < LATEST
        offset = unix - uptime_ms // 1000
        near = self.is_valid and abs(offset - self._ground_s) <= MAX_STEP_S
        if believed and self.is_valid and not near:
            if abs(offset - self._offset_s) >= 60:
                self._insisted, self._offset_s = 0, offset
            self._insisted += 1
            believed = self._insisted >= INSISTED
        if not believed:
            self.refused += 1
            return False
        if not near:
            self._ground_s = offset
        self._set(unix, uptime_ms, DISCIPLINED)
        return True

    def floor_due(self, uptime_ms: int) -> int:
        """A new floor to persist, 0 if none is due."""
        if not self.is_valid or uptime_ms - self._floor_ms < FLOOR_EVERY_MS:
            return 0
        self._floor_ms = uptime_ms
        self.floor = self.now(uptime_ms)
        return self.floor

    def _set(self, unix: int, uptime_ms: int, quality: int) -> None:
        self._base_s, self._base_ms, self.quality = unix, uptime_ms, quality
        self._insisted = 0
