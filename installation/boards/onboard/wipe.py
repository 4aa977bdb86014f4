"""Runs on the board: erase all that its former identity has kept. Prints a dot for every 16 blocks."""

import esp32
import vfs


def _let_go():
    """Whether a program had mounted its files."""
    try:
        vfs.umount("/data")
    except OSError:
        return False
    return True


_let_go()

for label in ("data", "events", "readings"):
    for part in esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label):
        for block in range(part.ioctl(4, 0)):
            part.ioctl(6, block)
            if block % 16 == 15:
                print(".", end="")
