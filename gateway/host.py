"""What the gateway reads of the host it runs on: clocks, boot, memory, disk, randomness."""

import ctypes
import os
import secrets
import shutil
import time
from pathlib import Path

from gateway.moment import Moment

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UNSYNCHRONISED = 0x0040
"""STA_UNSYNC of adjtimex(2): nothing disciplines the clock."""
_STATUS_OFFSET = 40
"""Of `status` in struct timex on 64-bit Linux: modes, offset, freq, maxerror, esterror, each 8 bytes with
padding.
"""
_CLOCK_ERROR = 5


def now() -> Moment:
    """Both clocks."""
    return Moment(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000)


def machine() -> str:
    """A name for this boot of this host: the monotonic clock means something only within it."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else secrets.token_hex(16)


def random_hex(digits: int) -> str:
    """Random hex digits, an even number of them."""
    return secrets.token_hex(digits // 2)


def is_disciplined() -> bool:
    """Whether the kernel says that something (NTP, PTP) keeps its clock right."""
    if ctypes.sizeof(ctypes.c_long) != 8:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "adjtimex"):
        return False
    timex = ctypes.create_string_buffer(512)
    state = int(library.adjtimex(ctypes.byref(timex)))
    status = int.from_bytes(timex.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], "little", signed=True)
    return 0 <= state < _CLOCK_ERROR and not status & _UNSYNCHRONISED


def resident_kb() -> int:
    """Memory of this process in kB, 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def free_mb(folder: Path) -> int:
    """Free space of the disk a folder is on, in MB."""
    return shutil.disk_usage(folder).free // 1_000_000
