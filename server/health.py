"""`/healthz`: the process answers. `/readyz`: its database answers and is at the newest revision."""

from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy.exc import SQLAlchemyError

from server.foundation.context import Context, get_context
from server.foundation.errors import Unavailable
from server.foundation.migrate import is_current
from server.foundation.web import problems

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """Alive."""
    return {"status": "ok"}


@router.get("/readyz", responses=problems(503))
def readyz(context: Annotated[Context, Depends(get_context)]) -> dict[str, str]:
    """Ready to serve."""
    try:
        current = is_current(context.store)
    except SQLAlchemyError as error:
        raise Unavailable("the database does not answer") from error
    if not current:
        raise Unavailable("the database is not at the newest revision: run `python -m server setup`")
    return {"status": "ok"}
