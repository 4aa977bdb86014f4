"""What the drivers ask of MicroPython's objects, so that a scripted bus can stand in for them in a test.

Read by type checkers only: on the board this file is empty. Two leading underscores: passed by position.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class OutputPin(Protocol):
        """machine.Pin as an output (or open drain)."""

        def value(self, __x: int) -> object:
            """Drive the pin."""
            ...

    class InputPin(Protocol):
        """machine.Pin as an input."""

        def value(self) -> int:
            """The level, 0 or 1."""
            ...

    class I2cBus(Protocol):
        """machine.I2C."""

        def writeto(self, __addr: int, __buf: bytes | bytearray | memoryview) -> int:
            """Write; raises OSError."""
            ...

        def writeto_mem(self, __addr: int, __memaddr: int, __buf: bytes | bytearray | memoryview) -> None:
            """Write to a register; raises OSError."""
            ...

        def readfrom_mem_into(self, __addr: int, __memaddr: int, __buf: bytearray | memoryview) -> None:
            """Read from a register; raises OSError."""
            ...

    class SerialPort(Protocol):
        """machine.UART."""

        def any(self) -> int:
            """Bytes waiting."""
            ...

        def read(self) -> bytes | None:
            """All bytes waiting."""
            ...

        def write(self, __buf: bytes | bytearray | memoryview) -> int | None:
            """Queue bytes for sending."""
            ...

        def flush(self) -> None:
            """Wait until everything is sent."""
            ...

    class CutoffTimer(Protocol):
        """A one-shot hardware timer."""

        def start(self, __period_ms: int, __callback: "Callback") -> None:
            """Call once, after the period, whatever the program is doing."""
            ...

        def stop(self) -> None:
            """Do not call."""
            ...

    class Callback(Protocol):
        """What a timer calls."""

        def __call__(self, __timer: object) -> None:
            """The time is over."""
            ...

    class OneWireBus(Protocol):
        """onewire.OneWire."""

        def reset(self, __required: bool = False) -> bool:
            """Reset pulse; true if somebody is present."""
            ...

        def writebyte(self, __value: int) -> None:
            """Write a byte."""
            ...

        def readinto(self, __buf: bytearray) -> None:
            """Read bytes."""
            ...

        def select_rom(self, __rom: bytes | bytearray) -> object:
            """Address one chip (resets first)."""
            ...

    class FlashPartition(Protocol):
        """esp32.Partition."""

        def readblocks(self, __block: int, __buf: bytearray | memoryview, __offset: int) -> object:
            """Read inside a block."""
            ...

        def writeblocks(self, __block: int, __buf: bytes | bytearray | memoryview, __offset: int) -> object:
            """Program inside a block."""
            ...

        def ioctl(self, __op: int, __arg: int) -> int | None:
            """4: number of blocks, 5: their size, 6: erase one."""
            ...

    class Connection(Protocol):
        """A connection to the broker."""

        async def read_into(self, __buffer: bytearray) -> int:
            """Bytes received, at least one; raises OSError at the end."""
            ...

        async def send(self, __packet: memoryview) -> None:
            """Send all of it; raises OSError."""
            ...

        async def close(self) -> None:
            """Give it back."""
            ...

    class Uplink(Protocol):
        """A network port with its own bounded states."""

        def step(self, elapsed_ms: int) -> bool:
            """True if the network can be used now."""
            ...

    class Port(Protocol):
        """network.LAN or network.WLAN, as far as both agree."""

        def active(self, __is_active: bool) -> object:
            """Switch the interface on or off."""
            ...

        def isconnected(self) -> bool:
            """True if link and address are there."""
            ...

    class Station(Port, Protocol):
        """network.WLAN as a station."""

        def connect(self, __ssid: str, __key: str) -> None:
            """Start joining a network."""
            ...

        def disconnect(self) -> object:
            """Leave."""
            ...

    class LockBoard(Protocol):
        """What both lock boards offer to the doors' service."""

        locks: int
        open_bits: int

        async def pulse(self, channel: int, pulse_ms: int) -> bool:
            """Energise one lock, bounded; true if the board took the order, which never means that a door
            opened.
            """
            ...

        async def refresh(self) -> bool:
            """Read the door contacts into `open_bits` (bit `channel - 1`, 1 = open); false if the board was
            silent.
            """
            ...

        def guard(self) -> None:
            """Called often: ends a coil that is on for too long."""
            ...
