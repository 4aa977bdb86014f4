"""A lock board of the "8A/80" family on RS-485, 9600 8N1: it times each lock's pulse itself.

Frames end by silence and carry the XOR of what precedes it. Open: `8A addr lock 11 xor` (lock 0 opens them
all). Query one: `80 addr lock 33 xor`. Both are answered in the same shape with the lock's state in the place
of the argument: 11 open, 00 closed. Query all: `80 addr 00 33 xor`, answered `80 addr s1 s2 s3 33 xor` with
channels 1 to 8 in s1 from bit 0 on, 9 to 16 in s2, 17 to 24 in s3; a set bit is an open door. A wrong XOR,
length or address gets no answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

PULSE_S = 0.5
OPEN, CLOSED = 0x11, 0x00


def xor(data: bytes) -> int:
    """The frame's check byte."""
    check = 0
    for byte in data:
        check ^= byte
    return check


def frame(*body: int) -> bytes:
    """A frame with its check byte."""
    return bytes(body) + bytes((xor(bytes(body)),))


@dataclass
class LockBoard:
    """One board. `is_open(channel)` reads a lock's feedback switch; channels count from 1."""

    address: int
    locks: int
    is_open: Callable[[int], bool]
    dead: bool = False
    """Its supply has failed: it neither answers nor opens."""
    pulse_s: float = PULSE_S
    """As its jumper sets it."""
    _until: dict[int, float] = field(default_factory=dict)
    _since: dict[int, float] = field(default_factory=dict)

    def receive(self, data: bytes, now: float) -> bytes | None:
        """A whole frame from the bus; the answer, if it is for this board and right."""
        if self.dead or len(data) != 5 or data[1] != self.address or xor(data[:4]) != data[4]:
            return None
        kind, _, lock, argument, _ = data
        if lock > self.locks:
            return None
        if kind == 0x8A and argument == 0x11:
            for channel in [lock] if lock else range(1, self.locks + 1):
                self._since[channel] = now
                self._until[channel] = now + self.pulse_s
            return frame(0x8A, self.address, lock, self._state(lock or 1))
        if kind == 0x80 and argument == 0x33:
            if lock:
                return frame(0x80, self.address, lock, self._state(lock))
            bits = sum(1 << i for i in range(self.locks) if self.is_open(i + 1))
            return frame(0x80, self.address, bits & 255, bits >> 8 & 255, bits >> 16 & 255, 0x33)
        return None

    def _state(self, channel: int) -> int:
        return OPEN if self.is_open(channel) else CLOSED

    def energised(self, now: float) -> set[int]:
        """Channels whose coil is on."""
        return {channel for channel, until in self._until.items() if self._since[channel] <= now < until}

    def next_change(self, now: float) -> float | None:
        """When the next pulse ends."""
        return min((until for until in self._until.values() if until > now), default=None)

    def power_off(self) -> None:
        """All pulses end."""
        self._until.clear()
