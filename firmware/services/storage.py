"""What a controller keeps: raw rings for the journal, small state files in littlefs.

State files are written new, then renamed, so that a power cut leaves the old or the new, never half. At most
128 bytes stay inline in their directory and cost no erase (measured on VfsLfs2); only grants and
configuration are larger.
"""

import binascii
import os
import struct

from firmware.core.ring import Device, FlashError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from firmware.drivers.seams import FlashPartition

_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_ERASE = 6
_SPARE = "<2sHI"
_SPARE_HEAD = 8


class RawPartition(Device):
    """Blocks of an `esp32.Partition`; a program can only clear bits, an erase sets a whole block to ones.

    `reserved` blocks at its end are not part of it.
    """

    def __init__(self, partition: "FlashPartition", reserved: int = 0) -> None:
        self._partition = partition
        self.block_size = partition.ioctl(_BLOCK_SIZE, 0) or 4096
        self.block_count = (partition.ioctl(_BLOCK_COUNT, 0) or 0) - reserved

    def read(self, block: int, buffer: bytearray | memoryview, offset: int) -> None:
        """Fill `buffer` from a block, from `offset` on. Raises FlashError."""
        try:
            self._partition.readblocks(block, buffer, offset)
        except OSError as error:
            raise FlashError("read", block, error) from error

    def write(self, block: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Program bytes; nothing is erased. Raises FlashError."""
        try:
            self._partition.writeblocks(block, data, offset)
        except OSError as error:
            raise FlashError("write", block, error) from error

    def erase(self, block: int) -> None:
        """Erase a block: tens of milliseconds, so never between a digit and a coil. Raises FlashError."""
        try:
            self._partition.ioctl(_ERASE, block)
        except OSError as error:
            raise FlashError("erase", block, error) from error


class Spare:
    """A copy of the identity in a block of its own, so that a file system beyond repair does not make a board
    nobody.
    """

    def __init__(self, device: Device, block: int) -> None:
        self._device = device
        self._block = block

    def read(self) -> bytes:
        """The copy; empty if there is none or it is damaged."""
        head = bytearray(_SPARE_HEAD)
        self._device.read(self._block, head, 0)
        magic, length, check = struct.unpack(_SPARE, head)
        if magic != b"LI" or not 0 < length <= self._device.block_size - _SPARE_HEAD:
            return b""
        content = bytearray(length)
        self._device.read(self._block, content, _SPARE_HEAD)
        return bytes(content) if binascii.crc32(content) == check else b""

    def write(self, content: bytes) -> None:
        """Replace the copy."""
        self._device.erase(self._block)
        head = struct.pack(_SPARE, b"LI", len(content), binascii.crc32(content))
        self._device.write(self._block, head + content, 0)


class Files:
    """State by name under one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder + "/"
        self.errors = 0
        """Writes the flash refused; the caller goes on with what is in memory."""

    def read(self, name: str) -> bytes:
        """The content; empty if there is none or it cannot be read."""
        try:
            with open(self._folder + name, "rb") as source:
                return source.read()
        except OSError:
            return b""

    def write(self, name: str, content: bytes | bytearray | memoryview) -> bool:
        """Replace the content durably; False if the flash refused."""
        return self.write_parts(name, (content,))

    def write_parts(self, name: str, parts: "Iterable[bytes | bytearray | memoryview]") -> bool:
        """The same with content that is never in memory as one."""
        fresh = self._folder + name + ".new"
        try:
            with open(fresh, "wb") as target:
                for part in parts:
                    target.write(part)
            os.rename(fresh, self._folder + name)
        except OSError:
            self.errors += 1
            return False
        return True

    def number(self, name: str) -> int:
        """An unsigned number kept in a file of its own, 0 if there is none."""
        content = self.read(name)
        return int.from_bytes(content, "little") if len(content) == 8 else 0

    def put_number(self, name: str, value: int) -> bool:
        """Keep a number."""
        return self.write(name, value.to_bytes(8, "little"))
