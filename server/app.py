"""Puts the server together: one FastAPI app from the subjects' routers. Nothing else does."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI

from server import health, wiring
from server.audit import endpoints as audit
from server.foundation import web
from server.foundation.clock import SystemClock
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.ids import Ids
from server.foundation.settings import Settings, read_or_make_key
from server.foundation.vault import Vault
from server.gateways import endpoints as gateways
from server.gateways.schemas import Batch
from server.lockers import endpoints as lockers
from server.orders import endpoints as orders
from server.pages import install as pages
from server.payments import endpoints as payments


def create_context(settings: Settings) -> Context:
    """The seams of a live process: real clock, real randomness, the database and data key of the settings."""
    clock = SystemClock()
    vault = Vault(read_or_make_key(Path(settings.data_key_file)))
    return Context(settings, Store(settings.database_url), clock, Ids(clock), vault)


def create_app(context: Context) -> FastAPI:
    """The app over a context. Timers and the outbox run elsewhere (`server.background`)."""
    wiring.wire()

    app = FastAPI(
        title="Loquet",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.context = context
    app.state.stopping = False
    app.state.background = None  # put there by whoever runs one in this process
    web.install(app)
    for subject in (health, gateways, orders, payments, lockers, audit):
        app.include_router(subject.router)
    pages.install(app)
    document = app.openapi

    def complete() -> dict[str, Any]:
        found = document()
        _add_batch(found)
        return found

    app.openapi = complete  # type: ignore[method-assign]
    return app


def _add_batch(document: dict[str, Any]) -> None:
    """A batch arrives zipped, so its body is read by hand; its shape is documented all the same."""
    if "Batch" in document["components"]["schemas"]:
        return
    schema = Batch.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"].update(schema.pop("$defs"))
    document["components"]["schemas"]["Batch"] = schema
