"""Puts the server together: one FastAPI app from the subjects' routers, handlers of records, timers.
Nothing else does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from server import health
from server.foundation import web
from server.foundation.clock import SystemClock
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.ids import Ids
from server.foundation.settings import Settings, read_or_make_key
from server.foundation.vault import Vault


def create_context(settings: Settings) -> Context:
    """The seams of a live process: real clock, real randomness, the database and data key of the settings."""
    clock = SystemClock()
    vault = Vault(read_or_make_key(Path(settings.data_key_file)))
    return Context(settings, Store(settings.database_url), clock, Ids(clock), vault)


def wire() -> None:
    """Registers every subject's handlers of records and timers. A subject adds its lines here."""


def create_app(context: Context) -> FastAPI:
    """The app over a context. Timers and the outbox run elsewhere (`server.background`)."""
    wire()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield

    app = FastAPI(
        title="Loquet",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.context = context
    web.install(app)
    for subject in (health,):
        app.include_router(subject.router)
    return app
