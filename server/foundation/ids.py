"""Ids and random codes, from a source of randomness that is passed in (a seeded one in the simulated way of
running)."""

import secrets
import threading
from collections.abc import Callable

from server.foundation.clock import Clock, unix_ms

RandomBytes = Callable[[int], bytes]


class Ids:
    """Makes ids that sort by time (UUID version 7, RFC 9562 §5.7, as 32 hex digits) and random digits."""

    def __init__(self, clock: Clock, random_bytes: RandomBytes = secrets.token_bytes) -> None:
        self._clock = clock
        self._random = random_bytes
        self._lock = threading.Lock()
        self._last = 0

    def new(self) -> str:
        """A new id for a row; of two made by one process the later one sorts after (RFC 9562 §6.2, method
        1)."""
        with self._lock:
            # 48 bits of milliseconds and a 12-bit counter; a full counter borrows from the next millisecond.
            self._last = max(unix_ms(self._clock.now()) << 12, self._last + 1)
            stamp, count = self._last >> 12, self._last & 0xFFF
        tail = bytearray(self._random(8))
        tail[0] = (tail[0] & 0x3F) | 0x80
        return (stamp.to_bytes(6, "big") + (0x7000 | count).to_bytes(2, "big") + bytes(tail)).hex()

    def token(self, size: int = 32) -> str:
        """An unguessable token, hex."""
        return self._random(size).hex()

    def random_bytes(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        return self._random(size)

    def digits(self, count: int) -> str:
        """`count` uniform random decimal digits (bytes above 249 are thrown away, so that no digit is
        favoured)."""
        out = ""
        while len(out) < count:
            out += "".join(str(value % 10) for value in self._random(count * 2) if value < 250)
        return out[:count]
