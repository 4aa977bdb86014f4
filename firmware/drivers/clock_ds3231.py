"""DS3231 battery clock (Maxim 19-5170). The oscillator-stop flag says that it has stood still: its time is
then no time.

Calendar arithmetic is our own, on Unix seconds: MicroPython's epoch is 2000 on one port and 1970 on another.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.wire import Wire

_TIME = 0x00
_STATUS = 0x0F
_OSF = 0x80
_DAYS_TO_2000 = 10957


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a Gregorian date (H. Hinnant, chrono-compatible low-level date algorithms)."""
    year -= 1 if month <= 2 else 0
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """(year, month, day) of a number of days since 1970-01-01."""
    days += 719468
    era = days // 146097
    of_era = days - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year + era * 400 + (1 if month <= 2 else 0), month, of_year - (153 * shifted + 2) // 5 + 1


def _from_bcd(value: int) -> int:
    return (value >> 4) * 10 + (value & 0x0F)


def _bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def decode(registers: bytes | bytearray) -> int:
    """Unix seconds of the seven time registers (24-hour mode, UTC), 0 if they hold no date."""
    second = _from_bcd(registers[0] & 0x7F)
    minute = _from_bcd(registers[1] & 0x7F)
    hour = _from_bcd(registers[2] & 0x3F)
    day = _from_bcd(registers[4] & 0x3F)
    month = _from_bcd(registers[5] & 0x1F)
    year = 2000 + _from_bcd(registers[6])
    if (
        registers[2] & 0x40
        or second > 59
        or minute > 59
        or hour > 23
        or not 1 <= day <= 31
        or not 1 <= month <= 12
    ):
        return 0
    return ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second


def encode(unix: int, registers: bytearray) -> None:
    """Write Unix seconds into the seven time registers."""
    minutes, second = unix // 60, unix % 60
    hours, minute = minutes // 60, minutes % 60
    days, hour = hours // 24, hours % 24
    year, month, day = civil_from_days(days)
    registers[0] = _bcd(second)
    registers[1] = _bcd(minute)
    registers[2] = _bcd(hour)
    registers[3] = (days + 3) % 7 + 1
    registers[4] = _bcd(day)
    registers[5] = _bcd(month)
    registers[6] = _bcd(year % 100)


class ClockDs3231:
    """The battery clock, in UTC."""

    def __init__(self, wire: "Wire", address: int) -> None:
        self._wire = wire
        self._address = address
        self._time = bytearray(7)
        self._status = bytearray(1)

    def read(self) -> int:
        """Unix seconds; 0 if the clock is absent, has stood still, or holds no date."""
        if not self._wire.read_register(self._address, _STATUS, self._status) or self._status[0] & _OSF:
            return 0
        if not self._wire.read_register(self._address, _TIME, self._time):
            return 0
        unix = decode(self._time)
        return unix if unix > _DAYS_TO_2000 * 86400 else 0

    def set(self, unix: int) -> bool:
        """Set the time, then clear the oscillator-stop flag; False if the clock did not take it."""
        encode(unix, self._time)
        if not self._wire.write_register(self._address, _TIME, self._time):
            return False
        if not self._wire.read_register(self._address, _STATUS, self._status):
            return False
        self._status[0] &= ~_OSF & 0xFF
        return self._wire.write_register(self._address, _STATUS, self._status)
