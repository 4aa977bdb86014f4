"""The live line of a page: a beat every few seconds and "something changed", never the data itself.

The page fetches itself again on a change. No session and no thread is held while waiting; a stream ends
after ten minutes and the browser opens another.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.foundation.audit import AuditEntry
from server.foundation.context import Context, get_context
from server.gateways.models import DeviceRecord
from server.people.access import Manager, ProducerPerson, check_order_token
from server.telemetry.models import LedgerRow

router = APIRouter(include_in_schema=False)

LOOK_S = 1.0
BEAT_EVERY = 4
LIFE_S = 600

Ctx = Annotated[Context, Depends(get_context)]


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


async def _stream(request: Request, context: Context) -> AsyncIterator[str]:
    known = await run_in_threadpool(_look, context)
    yield f"retry: 3000\nevent: beat\ndata: {known}\n\n"
    for round_number in range(1, int(LIFE_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        if request.app.state.stopping or await request.is_disconnected():
            return
        seen = await run_in_threadpool(_look, context)
        if seen != known:
            known = seen
            yield f"event: change\ndata: {known}\n\n"
        elif round_number % BEAT_EVERY == 0:
            yield f"event: beat\ndata: {known}\n\n"


def _answer(request: Request, context: Context) -> StreamingResponse:
    return StreamingResponse(
        _stream(request, context),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/live/manager")
async def live_manager(request: Request, context: Ctx, _person: Manager) -> StreamingResponse:
    """For the manager's pages."""
    return _answer(request, context)


@router.get("/live/producer")
async def live_producer(request: Request, context: Ctx, _person: ProducerPerson) -> StreamingResponse:
    """For the run-sheet."""
    return _answer(request, context)


@router.get("/live/o/{order_id}/{token}")
async def live_order(request: Request, context: Ctx, order_id: str, token: str) -> StreamingResponse:
    """For a customer's page."""
    check_order_token(context, order_id, token)
    return _answer(request, context)
