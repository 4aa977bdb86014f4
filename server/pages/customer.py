"""The customer's page, reached by the signed link alone."""

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.foundation.errors import NotFound
from server.locales import LANGUAGES
from server.orders.ending import refund_by_customer
from server.orders.models import Order
from server.pages.live import note_mark
from server.pages.rendering import LANGUAGE_COOKIE, language_of, platform, render
from server.pages.views import customer as view
from server.people.access import Ctx, check_order_token

router = APIRouter(include_in_schema=False)

SEE_OTHER = 303


def _order(session: Session, context: Context, order_id: str, token: str) -> Order:
    check_order_token(context, order_id, token)
    order = session.get(Order, order_id)
    if order is None:
        raise NotFound("there is no such order, or the link is not complete")
    return order


def _language(request: Request, order: Order) -> str:
    """The language asked for, else the one the order was made in: this page is opened from its mail."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES or request.cookies.get(LANGUAGE_COOKIE) in LANGUAGES:
        return language_of(request)
    return order.locale if order.locale in LANGUAGES else language_of(request)


@router.get("/o/{order_id}/{token}", dependencies=[Depends(note_mark)])
def order_page(request: Request, context: Ctx, order_id: str, token: str) -> Response:
    """What, where, which doors, the code, the cold."""
    with context.store.read() as session:
        order = _order(session, context, order_id, token)
        language = _language(request, order)
        shown = view.build(session, context, order, language)
        return render(
            request,
            "customer.html",
            language=language,
            platform=platform(session),
            timezone=shown.zone,
            live=f"/live/o/{order_id}/{token}",
            order=shown,
        )


@router.post("/o/{order_id}/{token}/refund")
def ask_refund(context: Ctx, order_id: str, token: str) -> Response:
    """Takes the offer of a refund; Conflict where nothing is blocked."""
    with context.store.write() as session:
        order = _order(session, context, order_id, token)
        refund_by_customer(session, context, order)
    return RedirectResponse(f"/o/{order_id}/{token}?note=refunding", SEE_OTHER)
