"""The wire between a controller's stand-ins (`simulator/boards/world_link.py`) and the world: operations and
frames.

Request: operation (1 byte), length (2, little endian), payload. Answer: error number (1), value (2), length
(2), payload.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum


class Operation(IntEnum):
    """What a stand-in asks; payloads in `struct` notation."""

    HELLO = 1  # id
    PIN_INIT = 2  # BBBB gpio, mode, pull, level (255: as it was)
    PIN_GET = 3  # B
    PIN_SET = 4  # BB
    I2C_INIT = 5  # <BBBI bus, sda, scl, Hz
    I2C_TRANSFER = 6  # <BBH bus, address, bytes to read; then the bytes to write
    UART_INIT = 7  # <BBBI port, tx, rx, baud
    UART_WRITE = 8  # B, bytes
    UART_ANY = 9  # B
    UART_READ = 10  # <BH
    UART_TXDONE = 11  # B
    WIRE_RESET = 12  # B gpio
    WIRE_WRITE_BIT = 13  # BB
    WIRE_READ_BIT = 14  # B
    WIRE_WRITE = 15  # B, bytes
    WIRE_READ = 16  # BB gpio, count
    WATCHDOG_START = 17  # <I ms
    WATCHDOG_FEED = 18  # <I heap in use
    RESET = 19
    RESET_CAUSE = 20
    FLASH_WRITE = 21  # <BI partition, place in it; bytes
    FLASH_ERASE = 22  # <BI
    NET_STATE = 23  # B 0 LAN, 1 WLAN


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; `delay_s` is how long the device stands still meanwhile."""

    value: int = 0
    payload: bytes = b""
    error: int = 0
    delay_s: float = 0.0

    def encode(self) -> bytes:
        """The frame."""
        return struct.pack("<BHH", self.error, self.value & 0xFFFF, len(self.payload)) + self.payload


class Frames:
    """Cuts requests out of a byte stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[Operation, bytes]]:
        """Whole requests so far. ValueError on an unknown operation."""
        self._buffer += data
        requests: list[tuple[Operation, bytes]] = []
        while len(self._buffer) >= 3:
            length = self._buffer[1] | self._buffer[2] << 8
            if len(self._buffer) < 3 + length:
                break
            requests.append((Operation(self._buffer[0]), bytes(self._buffer[3 : 3 + length])))
            del self._buffer[: 3 + length]
        return requests
