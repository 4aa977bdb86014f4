"""A raw flash partition as the journal's ring sees it: read and program at an offset, erase a block."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import FlashPartition

_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_ERASE = 6


class RawPartition:
    """Blocks of an `esp32.Partition`; a program can only clear bits, an erase sets a whole block to ones."""

    def __init__(self, device: "FlashPartition") -> None:
        self._device = device
        self.block_size = device.ioctl(_BLOCK_SIZE, 0) or 4096
        self.count = device.ioctl(_BLOCK_COUNT, 0) or 0

    def readblocks(self, block: int, buf: bytearray, offset: int) -> None:
        """Fill `buf` from a block, from `offset` on."""
        self._device.readblocks(block, buf, offset)

    def writeblocks(self, block: int, buf: bytes | bytearray, offset: int) -> None:
        """Program bytes; nothing is erased."""
        self._device.writeblocks(block, buf, offset)

    def erase(self, block: int) -> None:
        """Erase a block: tens of milliseconds, so never on the way from a digit to a coil."""
        self._device.ioctl(_ERASE, block)
