"""The page over a world of its own, for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.simulator.page.playground import Played, playing


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    async with playing() as everything:
        yield everything
