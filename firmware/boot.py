"""What happens before anything else: outputs safe, then the storage, whatever state it is in.

No coil, no driver on the lock boards' bus and no sound between reset and the first authorised act (invariant
5). A file system that cannot be mounted is made again and said so, once: there is no loop in which a board
can hang here.
"""

import esp32
import machine
import vfs

from firmware import pins
from firmware.drivers.flash import RawPartition

DATA = "/data"


class StorageError(Exception):
    """A partition that this image needs is not in the flash's table."""


def safe_outputs() -> None:
    """Drive low what could move or sound on either board; these pins have no other use on the board without
    them.
    """
    for number in (pins.BANK_COIL_EN, pins.BANK_RS485_DE, pins.BANK_BUZZER):
        machine.Pin(number, machine.Pin.OUT, value=0)


def partition(label: str) -> esp32.Partition:
    """The data partition of that name; raises StorageError if there is none."""
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label)
    if not found:
        raise StorageError(label)
    return found[0]


def ring(label: str) -> RawPartition:
    """A raw partition as the journal wants it."""
    return RawPartition(partition(label))


def mount() -> bool:
    """Mount the file system at /data; False if it was beyond repair and has been made anew, empty."""
    device = partition("vfs")
    try:
        vfs.mount(vfs.VfsLfs2(device), DATA)
        return True
    except OSError:
        vfs.VfsLfs2.mkfs(device)
        vfs.mount(vfs.VfsLfs2(device), DATA)
        return False
