"""The provider's webhook, and the test provider's page: a pay button that makes it post its signed event."""

import json
import logging
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Header, Path, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from pydantic import BaseModel
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.foundation.errors import Conflict, NotFound, Problem, TooLarge
from server.foundation.web import problems
from server.orders.models import Order
from server.payments import events, sessions, states
from server.payments.models import Payment
from server.payments.provider import CAPTURED, FAILED, MAX_EVENT, provider, sign
from server.people.access import Ctx

log = logging.getLogger(__name__)

router = APIRouter(tags=["payments"])

SessionName = Annotated[str, Path(pattern=r"^test_[0-9a-f]{32}$")]


class Taken(BaseModel):
    """Stored; what it came to is for our own eyes."""

    status: str = "stored"


async def raw_body(request: Request) -> bytes:
    """The exact bytes, within bounds: what was signed."""
    taken = bytearray()
    async for chunk in request.stream():
        taken += chunk
        if len(taken) > MAX_EVENT:
            raise TooLarge(f"at most {MAX_EVENT} bytes are taken")
    return bytes(taken)


def receive(context: Context, raw: bytes, signature: str) -> str:
    """Verifies, stores, applies and commits; returns the outcome. A forged event leaves a line in the log,
    nothing else."""
    try:
        event = provider(context).verify(raw, signature)
    except Problem as problem:
        log.warning("a payment event was refused: %s", problem.code)
        raise
    outcome = context.store.run(lambda session: events.take(session, context, "test", event))
    log.info("payment event %s: %s", event.type, outcome)
    return outcome


@router.post(
    "/webhooks/payments/test",
    status_code=202,
    responses=problems(401, 404, 413),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["id", "type", "session", "amount_cents", "currency"],
                        "properties": {
                            "id": {"type": "string"},
                            "type": {"type": "string"},
                            "session": {"type": "string"},
                            "amount_cents": {"type": "integer"},
                            "currency": {"type": "string"},
                            "created": {"type": "integer"},
                        },
                    }
                }
            },
        }
    },
)
def payment_webhook(
    context: Ctx,
    raw: Annotated[bytes, Depends(raw_body)],
    loquet_signature: Annotated[str, Header(max_length=400)] = "",
) -> Taken:
    """A signed event of the test provider. 202 once it is stored, the first time and every other."""
    if not context.settings.webhook_secret:
        raise NotFound("this webhook is not set up")
    receive(context, raw, loquet_signature)
    return Taken()


PayPage = Callable[[Request, Payment, Order], Response]


@router.get("/pay/test/{session_name}", include_in_schema=False)
def pay_page(context: Ctx, request: Request, session_name: SessionName) -> Response:
    """The test provider's page; drawn by the pages' `app.state.pay_page`, plain text without them."""
    with context.store.read() as session:
        payment, order = _find(session_name, context, session)
    draw: PayPage | None = getattr(request.app.state, "pay_page", None)
    if draw is not None:
        return draw(request, payment, order)
    return PlainTextResponse(f"{payment.amount_cents} {payment.currency}: {payment.state}")


def _find(name: str, context: Context, session: Session) -> tuple[Payment, Order]:
    payment = sessions.by_session(session, name)
    if payment is None or not context.settings.webhook_secret:
        raise NotFound("there is no such payment")
    return payment, session.get_one(Order, payment.order_id)


@router.post("/pay/test/{session_name}", include_in_schema=False)
def pay(
    context: Ctx, session_name: SessionName, outcome: Annotated[str, Form(pattern="^(pay|fail)$")] = "pay"
) -> Response:
    """The button: the provider makes an event, signs it and hands it to the same door as any other webhook.

    The browser then comes back to this page, which shows what the event did. Not to the order's page: its
    link shows the code, and the shop that made the order knows this address.
    """
    with context.store.read() as session:
        payment, _order = _find(session_name, context, session)
    if states.CAPTURED not in states.PAYMENT[payment.state]:
        raise Conflict("this payment is over")
    now = int(context.clock.now().timestamp())
    raw = json.dumps(
        {
            "id": f"evt_{context.ids.token(12)}",
            "type": CAPTURED if outcome == "pay" else FAILED,
            "session": payment.session,
            "amount_cents": payment.amount_cents,
            "currency": payment.currency,
            "created": now,
        }
    ).encode()
    receive(context, raw, sign(context.settings.webhook_secret, now, raw))
    return RedirectResponse(f"/pay/test/{session_name}", 303)
