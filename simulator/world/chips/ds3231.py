"""DS3231 battery clock (Maxim 19-5170): runs on real time plus an offset, keeps it without mains, and can be
invalid.
"""

from collections.abc import Callable
from datetime import UTC, datetime

_STATUS = 0x0F
_OSF = 0x80
_COUNT = 0x13
_FACTORY = datetime(2000, 1, 1, tzinfo=UTC).timestamp()


def _bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def _plain(value: int) -> int:
    return (value >> 4) * 10 + (value & 15)


class Ds3231:
    """The clock's registers. `wall` gives Unix seconds of the true time."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._pointer = 0
        self._registers = bytearray(_COUNT)
        self._registers[0x0E] = 0x1C
        self._registers[0x11] = 20
        self.offset_s = 0.0
        """Seconds by which the clock is ahead of the true time."""
        self.battery = True

    def power_off(self) -> None:
        """Mains lost: with an empty battery the clock forgets the time."""
        if not self.battery:
            self.forget()

    def forget(self) -> None:
        """The oscillator has stopped: 2000-01-01, and the flag that says so."""
        self.offset_s = _FACTORY - self._wall()
        self._registers[_STATUS] |= _OSF

    @property
    def valid(self) -> bool:
        """Whether the clock says of itself that it never stopped."""
        return not self._registers[_STATUS] & _OSF

    def write(self, data: bytes) -> None:
        """Register address, then values. Writing any of 0 to 6 sets the time as the registers then stand."""
        if not data:
            return
        self._pointer = data[0] % _COUNT
        clock = bytearray(self._clock())
        set_time = False
        for value in data[1:]:
            if self._pointer <= 6:
                clock[self._pointer] = value
                set_time = True
            elif self._pointer == _STATUS:
                # The flag can be cleared, never set, from outside.
                self._registers[_STATUS] = value & 0x0F | self._registers[_STATUS] & value & _OSF
            else:
                self._registers[self._pointer] = value
            self._pointer = (self._pointer + 1) % _COUNT
        if set_time:
            self._set(bytes(clock))

    def read(self, count: int) -> bytes:
        """From the register the last write named; the time is one snapshot."""
        clock = self._clock()
        answer = bytearray()
        for _ in range(count):
            at = self._pointer
            answer.append(clock[at] if at <= 6 else self._registers[at])
            self._pointer = (at + 1) % _COUNT
        return bytes(answer)

    def _clock(self) -> bytes:
        now = datetime.fromtimestamp(self._wall() + self.offset_s, UTC)
        century = 0x80 if now.year >= 2100 else 0
        return bytes(
            (
                _bcd(now.second),
                _bcd(now.minute),
                _bcd(now.hour),
                now.isoweekday(),
                _bcd(now.day),
                _bcd(now.month) | century,
                _bcd(now.year % 100),
            )
        )

    def _set(self, clock: bytes) -> None:
        hour = clock[2]
        hours = _plain(hour & 0x1F) % 12 + (12 if hour & 0x20 else 0) if hour & 0x40 else _plain(hour & 0x3F)
        year = 2000 + _plain(clock[6]) + (100 if clock[5] & 0x80 else 0)
        try:
            wanted = datetime(
                year,
                _plain(clock[5] & 0x1F),
                _plain(clock[4] & 0x3F),
                hours,
                _plain(clock[1] & 0x7F),
                _plain(clock[0] & 0x7F),
                tzinfo=UTC,
            )
        except ValueError:
            # No such date: the real chip counts on from nonsense; here it is one that nobody believes.
            self.forget()
            return
        self.offset_s = wanted.timestamp() - self._wall()
