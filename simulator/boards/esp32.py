"""Stand-in for `esp32.Partition`: reads come from the controller's flash file, writes and erases go through
the world, which enforces what NOR flash can do, counts them and may cut the power in the middle of one.

Layout of the file: the partitions one after the other, as in `_TABLE` (and `simulator/world/flash.py`).
"""

import os
import struct

import world_link as world
from micropython import const

_BLOCK = const(4096)
_TABLE = (("data", 64), ("events", 64), ("readings", 256))
_INIT = const(1)
_DEINIT = const(2)
_SYNC = const(3)
_COUNT = const(4)
_SIZE = const(5)
_ERASE = const(6)
_EINVAL = const(22)


class Partition:
    """A data partition of the flash."""

    TYPE_APP = 0
    TYPE_DATA = 1
    BOOT = 0
    RUNNING = 1

    def __init__(self, id, block_size=_BLOCK):
        start = 0
        for index, (label, blocks) in enumerate(_TABLE):
            if label == id:
                self._index = index
                self._start = start
                self._blocks = blocks
                self._label = label
                self._size = block_size
                self._file = open(os.getenv("LOQUET_FLASH"), "rb")
                return
            start += blocks * _BLOCK
        raise OSError(2)

    @classmethod
    def find(cls, type=TYPE_APP, subtype=0xFF, label=None, block_size=_BLOCK):
        """Partitions of that type, subtype and label."""
        if type != cls.TYPE_DATA:
            return []
        return [cls(name, block_size) for name, _ in _TABLE if label is None or name == label]

    def info(self):
        """(type, subtype, address, size, label, encrypted)."""
        return (self.TYPE_DATA, 0x81, 0x300000 + self._start, self._blocks * _BLOCK, self._label, False)

    def readblocks(self, block_num, buf, offset=0):
        """Fill `buf` from the block."""
        at = block_num * self._size + offset
        if at < 0 or at + len(buf) > self._blocks * _BLOCK:
            raise OSError(_EINVAL)
        self._file.seek(self._start + at)
        self._file.readinto(buf)

    def writeblocks(self, block_num, buf, offset=None):
        """Program; without an offset the blocks concerned are erased first."""
        at = block_num * self._size + (offset or 0)
        if at < 0 or at + len(buf) > self._blocks * _BLOCK:
            raise OSError(_EINVAL)
        if offset is None:
            for sector in range(at // _BLOCK, (at + len(buf) + _BLOCK - 1) // _BLOCK):
                self._erase(sector)
        view = memoryview(buf)
        done = 0
        while done < len(buf):
            size = min(_BLOCK - at % _BLOCK, len(buf) - done)
            world.ask(
                world.FLASH_WRITE, struct.pack("<BI", self._index, at) + bytes(view[done : done + size])
            )
            at += size
            done += size

    def _erase(self, sector):
        world.ask(world.FLASH_ERASE, struct.pack("<BI", self._index, sector * _BLOCK))

    def ioctl(self, cmd, arg):
        """The block device protocol."""
        if cmd == _COUNT:
            return self._blocks * _BLOCK // self._size
        if cmd == _SIZE:
            return self._size
        if cmd == _ERASE:
            for at in range(arg * self._size, (arg + 1) * self._size, _BLOCK):
                self._erase(at // _BLOCK)
            return 0
        return 0 if cmd in (_INIT, _DEINIT, _SYNC) else None
