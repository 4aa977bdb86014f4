"""One run at a time in a checkout: its folder, its lock, its ports."""

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOPBACK = "127.0.0.1"


class RunError(Exception):
    """The run can't start; the text is one line for the person at the terminal."""


@contextmanager
def run_folder(root: Path) -> Iterator[Path]:
    """An empty folder `root`/run for this run, held by a lock that a second start sees. Raises RunError."""
    root.mkdir(parents=True, exist_ok=True)
    lock_path = root / "run.lock"
    with lock_path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise RunError(
                f"already running here (process {pid}): end it with Ctrl-C, or use another clone"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        folder = root / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        (folder / "logs").mkdir()
        try:
            yield folder
        finally:
            lock.truncate(0)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_port(port: int, what: str) -> int:
    """`port` if it is free; raises RunError naming it if somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise RunError(
                f"port {port} ({what}) is taken ({error.strerror}): free it, or start with --port N"
            ) from error
    return port
