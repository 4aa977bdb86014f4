"""What the kernel says of a process: processor time, memory, bytes sent to the disk. Linux (`/proc`)."""

import os
from dataclasses import dataclass
from pathlib import Path

from simulator.bench.line import NotHereError


@dataclass(frozen=True)
class Account:
    """A process at one moment. Seconds of processor time over all its threads; bytes."""

    cpu_s: float
    resident: int
    peak: int
    """The most that was ever resident."""
    written: int
    """What it caused to be sent to storage (`write_bytes`); 0 on a file system in memory."""


def read(pid: int) -> Account:
    """The account of a running process. NotHereError where the kernel does not say."""
    folder = Path(f"/proc/{pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        status = (folder / "status").read_text()
        io = (folder / "io").read_text()
    except OSError as error:
        raise NotHereError(f"the kernel does not say what process {pid} uses: {error.strerror}") from error
    ticks = os.sysconf("SC_CLK_TCK")
    return Account(
        (int(fields[11]) + int(fields[12])) / ticks,
        _kib(status, "VmRSS:") * 1024,
        _kib(status, "VmHWM:") * 1024,
        int(next(line.split()[1] for line in io.splitlines() if line.startswith("write_bytes:"))),
    )


def _kib(status: str, name: str) -> int:
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith(name)), 0)
