"""The live line of a page: how far the database is, every few seconds and as soon as it moves; never the data
itself.

A page is drawn with the mark of what it read, and fetches itself again when it hears another, so that
nothing is missed between its drawing and its line, nor while a line is cut. Each event's id is its mark too:
a browser that comes back with an older one hears of the change first. No session and no thread is held while
waiting; a stream ends after ten minutes and the browser opens another. `?once=yes` is the mark alone, for
browsers whose tabs cannot share a stream.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.foundation.audit import AuditEntry
from server.foundation.context import Context, the_context
from server.gateways.models import DeviceRecord
from server.people.access import Manager, ProducerPerson, check_order_token
from server.telemetry.models import LedgerRow

router = APIRouter(include_in_schema=False)

LOOK_S = 1.0
BEAT_EVERY = 4
LIFE_S = 600
RETRY_MS = 2000

Ctx = Annotated[Context, Depends(the_context)]


@dataclass(frozen=True, slots=True)
class Wish:
    """How a browser wants to hear: `last` the mark it heard last, `once` without a stream."""

    last: str
    once: bool


def wished(
    last_event_id: Annotated[str, Header(max_length=80)] = "",
    once: Annotated[str, Query(max_length=3)] = "",
) -> Wish:
    """Dependency: reads a `Wish`."""
    return Wish(last_event_id, once == "yes")


Wished = Annotated[Wish, Depends(wished)]


def mark(session: Session) -> str:
    """Changes whenever anything a page shows may have changed."""
    newest = (
        session.scalar(select(func.max(table))) or 0
        for table in (AuditEntry.id, LedgerRow.id, DeviceRecord.id)
    )
    return "-".join(str(number) for number in newest)


def _look(context: Context) -> str:
    with context.store.read() as session:
        return mark(session)


def note_mark(request: Request, context: Ctx) -> None:
    """Dependency of a live page: remembers the mark before the page reads anything, so that it is never newer
    than what is shown."""
    request.state.mark = _look(context)


def _event(kind: str, known: str) -> str:
    return f"event: {kind}\nid: {known}\ndata: {known}\n\n"


async def _stream(request: Request, context: Context, last: str) -> AsyncIterator[str]:
    known = await run_in_threadpool(_look, context)
    yield f"retry: {RETRY_MS}\n" + _event("beat" if last in ("", known) else "change", known)
    for round_number in range(1, int(LIFE_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        if request.app.state.stopping or await request.is_disconnected():
            return
        seen = await run_in_threadpool(_look, context)
        if seen != known:
            known = seen
            yield _event("change", known)
        elif round_number % BEAT_EVERY == 0:
            yield _event("beat", known)


async def _answer(request: Request, context: Context, wish: Wish) -> Response:
    if wish.once:
        return PlainTextResponse(
            await run_in_threadpool(_look, context), headers={"Cache-Control": "no-store"}
        )
    return StreamingResponse(
        _stream(request, context, wish.last),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/live/manager")
async def live_manager(request: Request, context: Ctx, _person: Manager, wish: Wished) -> Response:
    """For the manager's pages."""
    return await _answer(request, context, wish)


@router.get("/live/producer")
async def live_producer(request: Request, context: Ctx, _person: ProducerPerson, wish: Wished) -> Response:
    """For the run-sheet."""
    return await _answer(request, context, wish)


@router.get("/live/o/{order_id}/{token}")
async def live_order(request: Request, context: Ctx, order_id: str, token: str, wish: Wished) -> Response:
    """For a customer's page."""
    check_order_token(context, order_id, token)
    return await _answer(request, context, wish)
