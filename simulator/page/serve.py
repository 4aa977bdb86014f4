"""Serves an application on loopback in the running loop, without touching the process's signals."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

LOOPBACK = "127.0.0.1"
_GRACE_S = 1
"""Open pages listen for ever: they are cut after this long."""


class ServeError(Exception):
    """The page can't be served; the text says where."""


class _Server(uvicorn.Server):
    """uvicorn that leaves Ctrl-C to whoever runs the loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[str]:
    """Serve until the block ends; gives the address. `port` 0 takes a free one. Raises ServeError."""
    try:
        # Bound here, so that a taken port is an exception and not uvicorn's exit.
        listener = socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise ServeError(f"the page can't be served on port {port}: {error.strerror}") from error
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=_GRACE_S
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()
