"""What the workers of one run share: the PostgreSQL that it starts, and a folder for what is made once."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator.parts import postgres

ADDRESS = "LOQUET_TESTS_POSTGRES"
FOLDER = "LOQUET_TESTS_FOLDER"
"""Environment variables by which a run's workers know of it; without workers there is neither."""

_STARTED: list[postgres.Cluster] = []


def pytest_configure(config: pytest.Config) -> None:
    """Before workers start: each of them would start a server of its own, and fill it with the same."""
    is_worker = hasattr(config, "workerinput")
    if is_worker or not getattr(config.option, "numprocesses", None) or config.option.collectonly:
        return
    folder = Path(tempfile.mkdtemp(prefix="loquet-tests-"))
    os.environ[FOLDER] = str(folder)
    if postgres.there() is None and postgres.find() is not None:
        _STARTED.append(postgres.start(folder / "postgres", durable=False))
        os.environ[ADDRESS] = _STARTED[0].url("postgres")


def pytest_unconfigure(config: pytest.Config) -> None:
    """After the last worker has ended."""
    if hasattr(config, "workerinput"):
        return
    while _STARTED:
        _STARTED.pop().stop()
    os.environ.pop(ADDRESS, None)
    folder = os.environ.pop(FOLDER, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Keeps the other workers out while the body makes what all of them want."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
