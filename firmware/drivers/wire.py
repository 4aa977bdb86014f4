"""The I2C bus as it is beside solenoids: transient errors are normal, are tried again, counted, and never
fatal.

ENODEV and ETIMEDOUT come and go when a coil is switched near the bus (micropython and ESPHome threads agree);
a driver that lets them escape dies for good. A bus error is an answer here, not an exception.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import I2cBus

_TRIES = 3


class Wire:
    """One I2C bus shared by all its chips; transfers return True if the chip acknowledged them."""

    def __init__(self, bus: "I2cBus") -> None:
        self._bus = bus
        self.errors = 0
        """Failed transfers, retried ones included."""
        self.lost = 0
        """Transfers given up after all tries."""

    def write(self, address: int, buffer: bytes | bytearray | memoryview) -> bool:
        """Send bytes to a chip in one transfer."""
        for _ in range(_TRIES):
            try:
                self._bus.writeto(address, buffer)
                return True
            except OSError:
                self.errors += 1
        self.lost += 1
        return False

    def write_register(self, address: int, register: int, buffer: bytes | bytearray | memoryview) -> bool:
        """Send bytes to a chip's registers from `register` on."""
        for _ in range(_TRIES):
            try:
                self._bus.writeto_mem(address, register, buffer)
                return True
            except OSError:
                self.errors += 1
        self.lost += 1
        return False

    def read_register(self, address: int, register: int, buffer: bytearray) -> bool:
        """Fill `buffer` from a chip's registers; its content is undefined if the answer is False."""
        for _ in range(_TRIES):
            try:
                self._bus.readfrom_mem_into(address, register, buffer)
                return True
            except OSError:
                self.errors += 1
        self.lost += 1
        return False
