"""Folders of backups and restores that are under way. Each is locked for as long as its process lives, so
that what a killed one left is told from what another one is using, whatever numbers processes have."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BACKUP, RESTORE = ".scratch-", ".restore-"


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[bool]:
    """Whether the lock on a folder could be had; the kernel ends it with the process that holds it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, how)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@contextmanager
def made(place: Path, prefix: str) -> Iterator[Path]:
    """A folder of one's own in `place`, gone afterwards. Raises OSError."""
    # `place` is locked for the moment in which the new folder has no lock of its own yet.
    with _locked(place, fcntl.LOCK_EX):
        folder = Path(tempfile.mkdtemp(dir=place, prefix=prefix))
        own = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(own, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(own)


def left(place: Path) -> list[Path]:
    """Those in `place` that belong to no living process. Raises OSError."""
    with _locked(place, fcntl.LOCK_EX):
        return _left(place)


def _left(place: Path) -> list[Path]:
    found = sorted(path for prefix in (BACKUP, RESTORE) for path in place.glob(f"{prefix}*"))
    return [path for path in found if path.is_dir() and not path.is_symlink() and _is_free(path)]


def _is_free(folder: Path) -> bool:
    try:
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
            return free
    except FileNotFoundError:  # its process has just ended
        return False


def sweep(place: Path) -> Iterator[str]:
    """Removes them, and yields a line for each. Raises OSError."""
    with _locked(place, fcntl.LOCK_EX):
        for folder in _left(place):
            shutil.rmtree(folder)
            yield f"{folder} went: a run that was killed had left it"
