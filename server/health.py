"""`/healthz`: the process answers. `/readyz`: its database answers and is at the newest revision, and its
background thread runs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.exc import SQLAlchemyError

from server.background import Background
from server.foundation import migrate
from server.foundation.context import Context, the_context
from server.foundation.errors import Unavailable
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
        found = migrate.standing(context.store)
    except SQLAlchemyError as error:
        raise Unavailable("the database does not answer") from error
    if found is not migrate.Standing.CURRENT:
        raise Unavailable(migrate.REMEDIES[found])
    return {"status": "ok"}
