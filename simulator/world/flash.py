"""A controller's flash: one file, three partitions, and what NOR flash can do (a write only clears bits, an
erase sets a block to FF), with the power cut in the middle of an operation on demand.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hardware import layout

BLOCK = layout.BLOCK
PARTITIONS = layout.state_partitions()
"""Label and number of blocks, one after the other in the file, as in `simulator/boards/esp32.py`."""

SIZE = sum(blocks for _, blocks in PARTITIONS) * BLOCK


class PowerCutError(Exception):
    """The supply failed during this operation: what was done of it is in the file, and the device is off."""


@dataclass
class Cut:
    """Where the supply fails: at the `after`-th program or erase from now (1 = the next), torn or before it
    began.
    """

    after: int
    torn: bool


class Flash:
    """The file behind `esp32.Partition`. Not thread-safe; one controller at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR)
        self.cut: Cut | None = None
        self.operations = 0
        """Programs and erases since it was made."""
        self.erases: Counter[tuple[str, int]] = Counter()
        """By (partition, block): the wear."""
        self.bytes_written = 0

    @staticmethod
    def create(path: Path) -> None:
        """A file of erased flash."""
        path.write_bytes(b"\xff" * SIZE)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _start(self, index: int) -> int:
        return sum(blocks for _, blocks in PARTITIONS[:index]) * BLOCK

    def _cut_now(self) -> Cut | None:
        self.operations += 1
        if self.cut is None:
            return None
        self.cut.after -= 1
        if self.cut.after > 0:
            return None
        cut, self.cut = self.cut, None
        return cut

    def program(self, index: int, at: int, data: bytes) -> None:
        """Clear bits within one block. PowerCutError if the supply fails; half of the bytes are then written
        if torn.

        Programming a 1 over a 0 leaves the 0, as the chip does.
        """
        start = self._start(index) + at
        cut = self._cut_now()
        if cut is not None:
            data = data[: len(data) // 2] if cut.torn else b""
        old = os.pread(self._file, len(data), start)
        os.pwrite(self._file, bytes(a & b for a, b in zip(old, data, strict=True)), start)
        self.bytes_written += len(data)
        if cut is not None:
            raise PowerCutError

    def erase(self, index: int, at: int) -> None:
        """Set one block to FF. PowerCutError if the supply fails; half of it is then erased if torn."""
        start = self._start(index) + at // BLOCK * BLOCK
        cut = self._cut_now()
        size = BLOCK if cut is None else BLOCK // 2 if cut.torn else 0
        os.pwrite(self._file, b"\xff" * size, start)
        if size:
            self.erases[PARTITIONS[index][0], at // BLOCK] += 1
        if cut is not None:
            raise PowerCutError
