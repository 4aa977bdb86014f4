"""Counts of what was put aside or refused, per device and reason, until they become events once a minute."""

import threading

MAX_KEYS = 256
"""Different (device, reason) pairs counted apart; beyond, names are no longer told apart: memory is bounded.
"""
OTHERS = "-"


class Tally:
    """Counters shared by the threads. A `lane` is given for quota refusals alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, int | None], int] = {}
        self._totals: dict[str, int] = {}
        self._refused: dict[str, int] = {}

    def add(self, device: str, reason: str, lane: int | None = None, count: int = 1) -> None:
        """Count what happened to messages of a device."""
        with self._lock:
            key = (device, reason, lane)
            if key not in self._counts and len(self._counts) >= MAX_KEYS:
                key = (OTHERS, reason, lane)
            self._counts[key] = self._counts.get(key, 0) + count
            if reason in self._totals or len(self._totals) < MAX_KEYS:
                self._totals[reason] = self._totals.get(reason, 0) + count

    def refuse(self, device: str, reason: str, now_ms: int, lane: int | None = None) -> None:
        """Count a message that was not looked at (quota, no room), hence may come again."""
        with self._lock:
            if device in self._refused or len(self._refused) < MAX_KEYS:
                self._refused[device] = now_ms
        self.add(device, reason, lane)

    def refused_since(self, device: str, since_ms: int) -> bool:
        """Whether a message of a device was refused since a monotonic time: its hole may be ours."""
        with self._lock:
            return self._refused.get(device, since_ms - 1) >= since_ms

    def drain(self) -> dict[tuple[str, str, int | None], int]:
        """The counts since the last drain."""
        with self._lock:
            counts, self._counts = self._counts, {}
            return counts

    def totals(self) -> dict[str, int]:
        """Counts by reason since the start."""
        with self._lock:
            return dict(self._totals)
