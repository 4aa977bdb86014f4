"""What a DS18B20 really said: nine scratchpad bytes to hundredths of a degree, or why they are none.

The lies rejected here were all met in the field: 85.0 after a power-on (byte 6 = 0x0C tells it from a true
85.0), 127.94 after a brown-out, a shorted bus that reads as 0.0 with a correct CRC (config byte 0), no
device as all ones, a value that never moves again. Integer maths: 1/16 degree to hundredths. Source:
DS18B20 datasheet; cpetrich, counterfeit_DS18B20.
"""

from firmware.contract.records import CRC, GOOD, OUT_OF_RANGE, POWER_ON, SHORTED, SILENT, STUCK

SCRATCHPAD = 9
LOWEST, HIGHEST = -5500, 12500
"""Range of the part, hundredths of a degree."""
STUCK_AFTER_MS = 6 * 3600 * 1000
"""A real probe in a working fridge moves by one step of 1/16 degree far more often."""

_POWER_ON_RAW = 0x0550
_FAILED_RAW = 0x07FF


def crc8(data: bytes | bytearray | memoryview, length: int) -> int:
    """Maxim's CRC-8 (x^8 + x^5 + x^4 + 1) over the first `length` bytes."""
    crc = 0
    for at in range(length):
        crc ^= data[at]
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8C if crc & 1 else crc >> 1
    return crc


def raw_sixteenths(data: bytes | bytearray | memoryview) -> int:
    """The signed 16-bit temperature in 1/16 degree."""
    raw = data[0] | data[1] << 8
    return raw - 0x10000 if raw & 0x8000 else raw


def hundredths(raw: int) -> int:
    """1/16 degree to hundredths, rounded to the nearest."""
    return (raw * 25 + 2) // 4


def health_of(data: bytes | bytearray | memoryview) -> int:
    """GOOD, or why these nine bytes are no temperature (one of the health numbers of `contract.records`)."""
    all_bits, any_bit = 0xFF, 0
    for at in range(SCRATCHPAD):
        all_bits &= data[at]
        any_bit |= data[at]
    if all_bits == 0xFF:
        return SILENT
    if any_bit == 0:
        return SHORTED
    if crc8(data, 8) != data[8]:
        return CRC
    if data[4] & 0x9F != 0x1F:
        # A DS18B20's configuration byte is 0RR11111; zero is a short that happens to pass the CRC.
        return SHORTED
    raw = raw_sixteenths(data)
    if raw == _POWER_ON_RAW and data[6] == 0x0C:
        return POWER_ON
    if raw == _FAILED_RAW or not LOWEST <= hundredths(raw) <= HIGHEST:
        return OUT_OF_RANGE
    return GOOD


class Probe:
    """One probe's memory: its last value, since when it has not moved, and its present health."""

    def __init__(self) -> None:
        self.health = SILENT
        self.value = 0
        """Hundredths of a degree; a temperature only while `health` is GOOD."""
        self._raw = 0x7FFF
        self._moved_ms = 0

    def scratchpad(self, data: bytes | bytearray | memoryview, now_ms: int) -> int:
        """Judges nine bytes read at uptime `now_ms`; returns the health, and `value` if that is GOOD."""
        health = health_of(data)
        if health == GOOD:
            raw = raw_sixteenths(data)
            if raw != self._raw:
                self._raw, self._moved_ms = raw, now_ms
            elif now_ms - self._moved_ms >= STUCK_AFTER_MS:
                health = STUCK
            self.value = hundredths(raw)
        self.health = health
        return health

    def silent(self) -> int:
        """No presence pulse: nobody answered on the bus."""
        self.health = SILENT
        return SILENT
