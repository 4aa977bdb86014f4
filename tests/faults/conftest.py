"""Fixtures of the gateway's and the server's tests, for faults that concern several parts."""

import logging
from collections.abc import Iterator

import pytest

from tests.gateway.conftest import peer, rig

__all__ = ["peer", "rig"]


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """The programs set the log up for the whole process; here it is the test's."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
