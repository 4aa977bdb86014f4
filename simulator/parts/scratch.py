"""Temporary folders of set-up: inside `.loquet/`, so that even a killed set-up leaves nothing elsewhere."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.parts.places import PRIVATE

_PREFIX = "scratch-"


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder, deleted after the body."""
    PRIVATE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PRIVATE, prefix=_PREFIX) as name:
        yield Path(name)


def sweep() -> None:
    """Delete what a killed set-up left (package lists take 160 MB); only under the set-up's lock."""
    for left in PRIVATE.glob(f"{_PREFIX}*"):
        shutil.rmtree(left)
