"""One Chromium for all tests of a run; each test has contexts of its own.

A farm's server calls itself `http://server.test`: the browser finds that name on one port of loopback, where
the tests serve in turn.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, async_playwright

from simulator.page.serve import serving
from simulator.parts.browser import FLAGS, find

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
