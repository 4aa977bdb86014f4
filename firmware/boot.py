"""What happens before anything else: outputs safe, then the storage, whatever state it is in.

No coil, no driver on the lock boards' bus and no sound between reset and the first authorised act (invariant
5). A file system that cannot be mounted is made again and said so, once: there is no loop in which a board
can hang here.
"""

import esp32
import machine
import vfs

from firmware import pins
from firmware.services.storage import RawPartition, Spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import FlashPartition

DATA = "/data"


class StorageError(Exception):
    """A partition that this image needs is not in the flash's table."""


def safe_outputs() -> None:
    """Drive low what could move or sound on either board; these pins have no other use on the board without
    them.
    """
    for number in (pins.BANK_COIL_EN, pins.BANK_RS485_DE, pins.BANK_BUZZER):
        machine.Pin(number, machine.Pin.OUT, value=0)


def _find(label: str) -> "FlashPartition":
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label)
    if not found:
        raise StorageError(label)
    return found[0]


def events() -> RawPartition:
    """Where the journal keeps events; raises StorageError if there is no such partition."""
    return RawPartition(_find("events"))


def readings() -> RawPartition:
    """Where the journal keeps readings: all but the last block of its partition; raises StorageError."""
    return RawPartition(_find("readings"), 1)


def spare() -> Spare:
    """The copy of the identity, in the last block of the readings' partition; raises StorageError."""
    whole = RawPartition(_find("readings"))
    return Spare(whole, whole.block_count - 1)


def mount() -> bool:
    """Mount the file system at /data; False if it was beyond repair and has been made anew, empty.

    Raises StorageError if there is no partition for it.
    """
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="data")
    if not found:
        raise StorageError("data")
    device = found[0]
    try:
        vfs.mount(vfs.VfsLfs2(device), DATA)
    except OSError:
        vfs.VfsLfs2.mkfs(device)
        vfs.mount(vfs.VfsLfs2(device), DATA)
        return False
    return True
