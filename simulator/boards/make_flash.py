"""Makes a controller's flash as it leaves the factory: erased, a littlefs in `data` with the identity in it.

Run by the interpreter: `micropython make_flash.py FLASH IDENTITY`, where IDENTITY is a JSON file that is
copied.
"""

import sys

import vfs
from micropython import const

_BLOCK = const(4096)
_BLOCKS = const(64)


class _File:
    """The `data` partition, first in the file."""

    def __init__(self, path):
        self._file = open(path, "r+b")

    def readblocks(self, block, buf, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        self._file.seek(block * _BLOCK + offset)
        self._file.write(buf)

    def ioctl(self, command, argument):
        if command == 4:
            return _BLOCKS
        if command == 5:
            return _BLOCK
        if command == 6:
            self._file.seek(argument * _BLOCK)
            self._file.write(b"\xff" * _BLOCK)
        return 0


def make(flash, identity):
    """Format and write."""
    with open(identity) as file:
        text = file.read()
    device = _File(flash)
    vfs.VfsLfs2.mkfs(device)
    vfs.mount(vfs.VfsLfs2(device), "/flash")
    with open("/flash/identity.json", "w") as file:
        file.write(text)
    vfs.umount("/flash")


make(sys.argv[1], sys.argv[2])
