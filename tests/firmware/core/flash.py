"""Flash in memory that obeys the rules of NOR and can lose power at any program or erase step."""

from firmware.core.ring import Device


class PowerCutError(Exception):
    """The supply is gone; nothing after this reaches the flash."""


class MemoryFlash(Device):
    """Blocks of bytes. `cut_at` n: the n-th write or erase from now loses power, half done if `torn`."""

    def __init__(self, block_count: int, block_size: int = 512) -> None:
        self.block_count = block_count
        self.block_size = block_size
        self.blocks = [bytearray(b"\xff" * block_size) for _ in range(block_count)]
        self.steps = 0
        self.erases = 0
        self.cut_at = 0
        self.torn = False

    def _step(self) -> bool:
        self.steps += 1
        return self.cut_at != 0 and self.steps == self.cut_at

    def read(self, block: int, buffer: bytearray | memoryview, offset: int) -> None:
        """Copies what lies there."""
        length = len(buffer)
        assert offset + length <= self.block_size
        buffer[:] = self.blocks[block][offset : offset + length]

    def write(self, block: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Clears bits; setting one is a fault of the caller."""
        cut = self._step()
        length = len(data)
        assert offset + length <= self.block_size
        if cut:
            length = length // 2 if self.torn else 0
        target = self.blocks[block]
        for at in range(length):
            assert target[offset + at] == 0xFF, "written twice without an erase"
            target[offset + at] = data[at]
        if cut:
            raise PowerCutError

    def erase(self, block: int) -> None:
        """Sets a block to ones."""
        cut = self._step()
        length = self.block_size
        if cut:
            length = length // 2 if self.torn else 0
        self.blocks[block][:length] = b"\xff" * length
        self.erases += 1
        if cut:
            raise PowerCutError
