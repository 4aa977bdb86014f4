"""What survives a power cut on a simulated board: flash blocks, state files, the battery clock; and how they
fail.
"""

from collections.abc import Callable, Iterable

from firmware.core.ring import Device
from firmware.drivers.clock_ds3231 import ClockDs3231
from firmware.services.storage import Files
from simulator.day.timeline import Timeline

EVENT_BLOCKS, READING_BLOCKS = 64, 256


class PowerLost(BaseException):
    """The mains failed in the middle of a write. No error of a program: no service may catch it."""


class Supply:
    """What the flash of a board hangs on. `cut_in`: bytes that are still written before the mains fail."""

    def __init__(self) -> None:
        self.cut_in: int | None = None

    def draw(self, length: int) -> int:
        """How many bytes of a write still reach the flash."""
        if self.cut_in is None:
            return length
        left = min(self.cut_in, length)
        self.cut_in -= left
        return left

    def fail_if_over(self) -> None:
        """Raises PowerLost if the last write was the last."""
        if self.cut_in == 0:
            self.cut_in = None
            raise PowerLost


class Blocks(Device):
    """NOR flash in memory: a program clears bits, an erase sets a block to ones.

    A block in `worn` takes nothing: what is read back differs.
    """

    def __init__(self, count: int, supply: Supply) -> None:
        self.block_size = 4096
        self.block_count = count
        self.worn: set[int] = set()
        self._supply = supply
        self._blocks = [bytearray(b"\xff" * 4096) for _ in range(count)]

    def read(self, block: int, buffer: bytearray | memoryview, offset: int) -> None:
        """Copy what lies there."""
        buffer[:] = self._blocks[block][offset : offset + len(buffer)]

    def write(self, block: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Program without erasing. Raises PowerLost."""
        taken = self._supply.draw(len(data))
        if block not in self.worn:
            target = self._blocks[block]
            before = int.from_bytes(target[offset : offset + taken], "little")
            wanted = int.from_bytes(data[:taken], "little")
            target[offset : offset + taken] = (before & wanted).to_bytes(taken, "little")
        self._supply.fail_if_over()

    def erase(self, block: int) -> None:
        """All ones."""
        self._blocks[block][:] = b"\xff" * self.block_size


class Folder(Files):
    """State files in memory: written new, then renamed, so old or new, never half. `refuses`: a worn file
    system.
    """

    def __init__(self, supply: Supply) -> None:
        super().__init__("")
        self.refuses = False
        self._supply = supply
        self._files: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        """The content, empty if there is none."""
        return self._files.get(name, b"")

    def write_parts(self, name: str, parts: Iterable[bytes | bytearray | memoryview]) -> bool:
        """Replace the content; False if the flash refuses. Raises PowerLost."""
        if self.refuses:
            self.errors += 1
            return False
        content = b"".join(parts)
        if self._supply.draw(len(content)) == len(content):
            self._files[name] = content
        self._supply.fail_if_over()
        return True


class Battery(ClockDs3231):
    """The battery clock: set once, it goes on by itself. `offset_s` is how far it has been moved."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._is_set = False
        self.offset_s = 0
        self.has_moved = False

    def move(self, seconds: int) -> None:
        """It runs on at another time."""
        self.offset_s += seconds
        self.has_moved = True

    def read(self) -> int:
        """Unix seconds, 0 if it was never set."""
        return int(self._now()) + self.offset_s if self._is_set else 0

    def set(self, unix: int) -> bool:
        """Set it."""
        self._is_set = True
        self.offset_s = unix - int(self._now())
        return True


class Keep:
    """What survives a power cut: two rings of flash, the state files, the battery clock."""

    def __init__(self, timeline: Timeline) -> None:
        self.supply = Supply()
        self.events = Blocks(EVENT_BLOCKS, self.supply)
        self.readings = Blocks(READING_BLOCKS, self.supply)
        self.files = Folder(self.supply)
        self.battery = Battery(timeline.unix)
