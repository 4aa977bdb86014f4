"""What an endpoint or a service needs of the process, passed as one value."""

from dataclasses import dataclass

from fastapi import Request

from server.foundation.clock import Clock
from server.foundation.database import Store
from server.foundation.ids import Ids
from server.foundation.settings import Settings
from server.foundation.vault import Vault


@dataclass(frozen=True)
class Context:
    """The seams of one running server: nothing in it knows a subject."""

    settings: Settings
    store: Store
    clock: Clock
    ids: Ids
    vault: Vault


async def the_context(request: Request) -> Context:
    """FastAPI dependency: `get_context`, without a thread of its own for so little."""
    return get_context(request)


def get_context(request: Request) -> Context:
    """The process's context, put on the app by `server.app.create_app`."""
    context = request.app.state.context
    if not isinstance(context, Context):
        raise TypeError("the app was not made by create_app")
    return context
