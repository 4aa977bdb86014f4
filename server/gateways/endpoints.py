"""The gateways' API: batches up; changes (long poll) and snapshot down. A bearer token names the site."""

import asyncio
import gzip
import hmac
import io
import zlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from sqlalchemy import select

from server.foundation.clock import unix_ms
from server.foundation.context import Context, the_context
from server.foundation.errors import BadRequest, Conflict, NotFound, TooLarge, Unauthorized, Unprocessable
from server.foundation.vault import token_hash
from server.foundation.web import problems
from server.gateways import feed, fence, intake, presence, snapshot
from server.gateways.bell import Listener
from server.gateways.models import Gateway
from server.gateways.schemas import Batch, BatchAnswer, Change, Changes
from server.lockers import hearing

router = APIRouter(prefix="/v1/gateway", tags=["gateways"])

MAX_COMPRESSED = 2_000_000
MAX_PLAIN = 8_000_000

_LOOK_AGAIN_S = 2.0
"""How often a waiting poll looks into the feed without having been rung: for changes made by another
process."""

Ctx = Annotated[Context, Depends(the_context)]


def gateway_site(
    context: Ctx,
    authorization: Annotated[str, Header()] = "",
    loquet_run: Annotated[str, Header(max_length=32, pattern=r"^[0-9a-f]*$")] = "",
) -> str:
    """The site whose gateway's token the request bears; raises Unauthorized, or Conflict if another process
    has taken this one's place (`Loquet-Run` is the number that each draws at its start)."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("a gateway token is needed", headers={"WWW-Authenticate": "Bearer"})
    hashed = token_hash(token)
    with context.store.read() as session:
        gateway = session.scalars(select(Gateway).where(Gateway.token_hash == hashed)).one_or_none()
        if gateway is None or not hmac.compare_digest(gateway.token_hash, hashed):
            raise Unauthorized("this token is no gateway's", headers={"WWW-Authenticate": "Bearer"})
        site_id, run = gateway.site_id, gateway.run
    if loquet_run and loquet_run != run:
        admitted = context.store.run(lambda session: fence.admit(session, context, site_id, loquet_run))
        if not admitted:
            raise Conflict("another gateway speaks for this site now", code="fenced")
    return site_id


GatewaySite = Annotated[str, Depends(gateway_site)]


async def body_bytes(request: Request) -> bytes:
    """The body, unzipped if it says gzip, within bounds."""
    taken = bytearray()
    async for chunk in request.stream():
        taken += chunk
        if len(taken) > MAX_COMPRESSED:
            raise TooLarge(f"at most {MAX_COMPRESSED} bytes are taken")
    if request.headers.get("content-encoding", "") != "gzip":
        return bytes(taken)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(bytes(taken))) as unzipped:
            plain = unzipped.read(MAX_PLAIN + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadRequest("the body is not gzip") from error
    if len(plain) > MAX_PLAIN:
        raise TooLarge(f"at most {MAX_PLAIN} bytes are taken")
    return plain


def batch_body(body: Annotated[bytes, Depends(body_bytes)]) -> Batch:
    """The batch in the body; its records are judged later, one by one."""
    try:
        return Batch.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "json_invalid":
            raise BadRequest("the body is not JSON") from error
        raise Unprocessable(f"{where}: {first['msg']}") from error


@router.post(
    "/batches",
    responses=problems(401, 409, 413),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "JSON, as it is or with `Content-Encoding: gzip`",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Batch"}}},
        }
    },
)
def post_batch(
    context: Ctx, site_id: GatewaySite, batch: Annotated[Batch, Depends(batch_body)]
) -> BatchAnswer:
    """Takes a batch; the answer says how far the lane is on the server's disk."""
    return context.store.run(lambda session: intake.take(session, context, site_id, batch))


def _look(context: Context, site_id: str, epoch: str, since: int) -> tuple[int, list[dict[str, Any]]]:
    with context.store.read() as session:
        return feed.after(session, site_id, epoch, since)


def _note(context: Context, site_id: str, online: list[presence.Online]) -> None:
    with context.store.write() as session:
        now = context.clock.now()
        gateway = session.get(Gateway, site_id)
        if gateway is not None:
            gateway.heard_at = now
        presence.note(session, site_id, online, now)
    hearing.mark(context.clock, site_id, now)


@router.get("/changes", responses=problems(401, 409, 410), response_model_exclude_none=True)
async def get_changes(
    context: Ctx,
    request: Request,
    site_id: GatewaySite,
    since: Annotated[int, Query(ge=0, lt=1 << 53)],
    epoch: Annotated[str, Query(max_length=32)],
    wait: Annotated[int, Query(ge=0, le=55)] = 0,
    online: Annotated[list[str], Query(max_length=presence.MAX_ONLINE)] = [],  # noqa: B006 - FastAPI copies it
) -> Changes:
    """What changed after `since`; waits up to `wait` seconds, holding neither thread nor database, if
    nothing did."""
    await run_in_threadpool(_note, context, site_id, presence.parse(online))
    deadline = asyncio.get_running_loop().time() + wait
    async with Listener(site_id) as bell:
        while True:
            cursor, items = await run_in_threadpool(_look, context, site_id, epoch, since)
            left = deadline - asyncio.get_running_loop().time()
            if items or left <= 0 or await request.is_disconnected() or request.app.state.stopping:
                return Changes(
                    epoch=epoch,
                    cursor=cursor,
                    now_ms=unix_ms(context.clock.now()),
                    items=[Change.model_validate(item) for item in items],
                )
            await bell.wait(min(left, _LOOK_AGAIN_S))


@router.get("/snapshot", responses=problems(401, 404, 409), response_model_exclude_none=True)
def get_snapshot(context: Ctx, site_id: GatewaySite) -> Changes:
    """The whole desired state of the site's controllers, and the cursor from which to go on. Commands are
    not repeated."""
    with context.store.read() as session:
        gateway = session.get(Gateway, site_id)
        if gateway is None:
            raise NotFound("there is no such gateway")
        return Changes(
            epoch=gateway.feed_epoch,
            cursor=gateway.feed_last,
            now_ms=unix_ms(context.clock.now()),
            items=[
                Change.model_validate({"c": gateway.feed_last, **item})
                for item in snapshot.items(session, context, site_id)
            ],
        )
