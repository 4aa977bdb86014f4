"""What the checks ask of the machine and of the network; nothing here judges."""

import ctypes
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from server.background import Background
from server.foundation.settings import Settings

_UNSYNCHRONISED = 0x0040
"""STA_UNSYNC of adjtimex(2): nothing disciplines the clock."""
_STATUS_OFFSET = 40
"""Of `status` in struct timex on 64-bit Linux: modes, offset, freq, maxerror, esterror, 8 bytes each."""
_CLOCK_ERROR = 5
PATIENCE_S = 5.0

RUNS = "runs"
STANDS = "stands"
"""It answers, but timers, mails and refunds stand still, or its database does not answer."""
STOPPED = "stopped"


@dataclass(frozen=True)
class Disk:
    """Of the file system a folder is on, in MB."""

    free_mb: int
    total_mb: int


def disk(folder: Path) -> Disk:
    """Raises OSError."""
    usage = shutil.disk_usage(folder)
    return Disk(usage.free // 1_000_000, usage.total // 1_000_000)


def clock_is_disciplined() -> bool | None:
    """Whether the kernel says that something (NTP, PTP) keeps its clock right; None if it cannot be asked."""
    library = ctypes.CDLL(None, use_errno=True)
    if ctypes.sizeof(ctypes.c_long) != 8 or not hasattr(library, "adjtimex"):
        return None
    timex = ctypes.create_string_buffer(512)
    state = int(library.adjtimex(ctypes.byref(timex)))
    if state < 0:
        return None
    status = int.from_bytes(timex.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], "little", signed=True)
    return state < _CLOCK_ERROR and not status & _UNSYNCHRONISED


def mode_of(path: Path) -> int | None:
    """Its permission bits; None if it is not there."""
    return path.stat().st_mode & 0o777 if path.exists() else None


def running_here(background: Background | None) -> str:
    """Of the server that this process is."""
    return STANDS if background is not None and not background.alive else RUNS


def running_there(settings: Settings) -> str:
    """Of the server that should listen where the settings say; asks its `/readyz`."""
    try:
        with urllib.request.urlopen(f"http://{settings.listen}/readyz", timeout=PATIENCE_S):
            return RUNS
    except urllib.error.HTTPError as error:
        error.close()
        return STANDS
    except OSError:
        return STOPPED
