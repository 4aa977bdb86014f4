"""Ids and random codes, from a source of randomness that is passed in (a seeded one in the simulated way of
running)."""

import secrets
from collections.abc import Callable

from server.foundation.clock import Clock, unix_ms

RandomBytes = Callable[[int], bytes]


class Ids:
    """Makes ids that sort by time (UUID version 7, RFC 9562 §5.7, as 32 hex digits) and random digits."""

    def __init__(self, clock: Clock, random_bytes: RandomBytes = secrets.token_bytes) -> None:
        self._clock = clock
        self._random = random_bytes

    def new(self) -> str:
        """A new id for a row."""
        stamp = unix_ms(self._clock.now()).to_bytes(6, "big")
        tail = bytearray(self._random(10))
        tail[0] = (tail[0] & 0x0F) | 0x70
        tail[2] = (tail[2] & 0x3F) | 0x80
        return (stamp + bytes(tail)).hex()

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
