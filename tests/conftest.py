"""Tests that need a real part are marked with its name: without it they are skipped, with the reason."""

import os

import pytest

from simulator.parts import Parts, find_parts
from simulator.suite import REQUIRE_PARTS
from tests.counts import (
    pytest_report_header,
    pytest_runtest_logreport,
    pytest_sessionfinish,
    pytest_terminal_summary,
)
from tests.shared import pytest_configure, pytest_unconfigure

__all__ = [
    "pytest_configure",
    "pytest_report_header",
    "pytest_runtest_logreport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_unconfigure",
]

MARKERS = {
    "broker": ["broker"],
    "interpreter": ["interpreter", "compiler"],
    "browser": ["browser"],
    "postgres": ["postgres"],
    "influx": ["influxd"],
}
"""Which parts a marker stands for."""


@pytest.fixture(scope="session")
def parts() -> Parts:
    """The real parts of this machine."""
    return find_parts()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The longest first: they wait more than they work, and the others fill their pauses.
    items.sort(key=lambda item: item.get_closest_marker("system") is None)
    found = find_parts()
    if os.environ.get(REQUIRE_PARTS) == "1":
        return
    for item in items:
        for marker, names in MARKERS.items():
            if item.get_closest_marker(marker) is None:
                continue
            for lacking in filter(None, map(found.lacks, names)):
                item.add_marker(pytest.mark.skip(reason=str(lacking)))
