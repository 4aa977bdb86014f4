"""One Chromium for all tests of a run; each test has contexts of its own.

A farm's server calls itself `http://server.test`: the browser finds that name on one port of loopback, where
the tests serve in turn.
"""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, async_playwright

from server.sitefile.secrets_file import Secrets
from simulator.page.serve import serving
from simulator.parts.browser import FLAGS, find
from tests.server.pages.stage import Stage, copy, fill, prepare

BASE = "http://server.test"
TRUSTED = f"--unsafely-treat-insecure-origin-as-secure={BASE}"
"""As a farm's page over HTTPS, or one on loopback, would be: without it some headers are ignored, noisily."""


@dataclass(frozen=True)
class Chromium:
    """The browser, and the port behind its name for a farm's server."""

    browser: Browser
    port: int

    @asynccontextmanager
    async def on(self, app: FastAPI) -> AsyncIterator[str]:
        """Serves a farm's pages while the block lasts; gives their base."""
        async with serving(app, self.port):
            yield BASE


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
async def chromium(anyio_backend: str) -> AsyncIterator[Chromium]:
    """Chromium, started once."""
    assert anyio_backend == "asyncio"
    program = find()
    assert program is not None
    port = _free_port()
    here = f"--host-resolver-rules=MAP server.test:80 127.0.0.1:{port}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*FLAGS, here, TRUSTED])
        try:
            yield Chromium(browser, port)
        finally:
            await browser.close()


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Secrets]:
    """The database of a farm where nothing has happened yet."""
    folder = tmp_path_factory.mktemp("bare")
    return folder, prepare(folder)


@pytest.fixture(scope="session")
def day(
    bare: tuple[Path, Secrets], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Secrets, dict[str, str]]:
    """The database of a farm after a day with everything on it."""
    source, secrets = bare
    folder = copy(source, tmp_path_factory.mktemp("day") / "farm")
    stage = Stage(folder, secrets)
    orders = fill(stage)
    stage.close()
    return folder, secrets, orders


@pytest.fixture
def blank(bare: tuple[Path, Secrets], tmp_path: Path) -> Iterator[Stage]:
    """A farm of one's own, with nothing on it."""
    folder, secrets = bare
    stage = Stage(copy(folder, tmp_path / "blank"), secrets)
    yield stage
    stage.close()


@pytest.fixture
def farm(day: tuple[Path, Secrets, dict[str, str]], tmp_path: Path) -> Iterator[tuple[Stage, dict[str, str]]]:
    """A farm of one's own, in the evening of that day."""
    folder, secrets, orders = day
    stage = Stage(copy(folder, tmp_path / "farm"), secrets, again=True)
    yield stage, orders
    stage.close()
