"""`/api/v1/orders`: shops take orders and look at their own; managers look at all and refund."""

from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation.errors import NotFound
from server.foundation.idempotency import IdempotencyHeader, once
from server.foundation.paging import AfterId, IfNoneMatch, Limit, Page, with_etag
from server.foundation.web import RowId, problems
from server.orders import ending, holding
from server.orders.models import Order
from server.orders.repository import get_order
from server.orders.schemas import NewOrderBody, OrderView, Reason
from server.orders.views import first_view, view
from server.people.access import Ctx, Manager, ShopOrManager, ShopToken, SignedShop

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])


@router.post("", status_code=201, responses=problems(401, 404, 409), response_model=OrderView)
def create_order(
    context: Ctx, shop: ShopToken, body: NewOrderBody, idempotency_key: IdempotencyHeader
) -> Response:
    """Holds capacity for an order and opens a payment session; the same key and body give the same answer."""
    new = holding.NewOrder(
        shop_id=shop.shop_id,
        reference=body.reference,
        bank=body.bank,
        email=body.customer.email,
        name=body.customer.name,
        locale=body.customer.locale,
        start=body.window.start,
        end=body.window.end,
        lines=tuple(holding.Wanted(line.product, line.quantity) for line in body.lines),
    )

    def take(session: Session) -> str:
        return once(
            session,
            context,
            principal=shop.actor,
            operation="create_order",
            key=idempotency_key,
            body=body,
            act=lambda: first_view(context, new, holding.hold(session, context, new, shop.actor)),
        )

    return Response(context.store.run(take), 201, media_type="application/json")


@router.get("", responses=problems(401, 403))
def list_orders(
    context: Ctx, asker: ShopOrManager, after: AfterId = "", limit: Limit = 50
) -> Page[OrderView]:
    """Orders by id, which is the order of their making: a shop's own, or all for a manager."""
    query = select(Order).where(Order.id > after).order_by(Order.id).limit(limit)
    if isinstance(asker, SignedShop):
        query = query.where(Order.shop_id == asker.shop_id)
    with context.store.read() as session:
        items = [view(session, context, order) for order in session.scalars(query)]
    return Page(items=items, next=items[-1].id if len(items) == limit else None)


@router.get(
    "/{order_id}",
    responses={**problems(401, 403, 404), 304: {"description": "unchanged"}},
    response_model=OrderView,
)
def read_order(
    context: Ctx, asker: ShopOrManager, order_id: RowId, if_none_match: IfNoneMatch = ""
) -> Response:
    """One order; never its code."""
    with context.store.read() as session:
        order = get_order(session, order_id)
        if isinstance(asker, SignedShop) and order.shop_id != asker.shop_id:
            raise NotFound("there is no such order")
        return with_etag(view(session, context, order), if_none_match)


@router.post("/{order_id}/refund", responses=problems(401, 403, 404, 409))
def refund_order(context: Ctx, manager: Manager, order_id: RowId, body: Reason) -> OrderView:
    """Gives an order up: its code is revoked, then the money returned for what was not collected."""
    with context.store.write() as session:
        order = get_order(session, order_id)
        ending.refund(session, context, order, body.reason, manager.actor)
        return view(session, context, order)
