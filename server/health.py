"""`/healthz`: the process answers. `/readyz`: its database answers and is at the newest revision, and its
background thread runs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.exc import SQLAlchemyError

from server.background import Background
from server.foundation.context import Context, the_context
from server.foundation.errors import Unavailable
from server.foundation.migrate import is_current
from server.foundation.web import problems

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """Alive."""
    return {"status": "ok"}


@router.get("/readyz", responses=problems(503))
def readyz(request: Request, context: Annotated[Context, Depends(the_context)]) -> dict[str, str]:
    """Ready to serve."""
    background: Background | None = request.app.state.background
    if background is not None and not background.alive:
        raise Unavailable("timers, mails and refunds stand still: restart the server")
    try:
        current = is_current(context.store)
    except SQLAlchemyError as error:
        raise Unavailable("the database does not answer") from error
    if not current:
        raise Unavailable("the database is not at the newest revision: run `python -m server setup`")
    return {"status": "ok"}
