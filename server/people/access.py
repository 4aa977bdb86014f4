"""FastAPI dependencies that say who asks, and the customer's signed link."""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Annotated

from fastapi import Cookie, Depends, Header
from sqlalchemy import bindparam, select

from server.foundation.context import Context, the_context
from server.foundation.database import table_of
from server.foundation.errors import Forbidden, NotFound, Unauthorized
from server.foundation.vault import token_hash
from server.people import logins
from server.people.logins import Signed
from server.people.models import MANAGER, PRODUCER, Shop

Ctx = Annotated[Context, Depends(the_context)]

_ASK = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class SignedShop:
    """A shop known by its token."""

    shop_id: str

    @property
    def actor(self) -> str:
        """How the audit names it."""
        return f"shop:{self.shop_id}"


def bearer(authorization: str) -> str:
    """The token of an `Authorization: Bearer` header, or ""."""
    scheme, _, token = authorization.partition(" ")
    return token if scheme.lower() == "bearer" else ""


def person_or_none(
    context: Ctx,
    loquet: Annotated[str, Cookie(include_in_schema=False)] = "",
    authorization: Annotated[str, Header()] = "",
) -> Signed | None:
    """Whoever is logged in, by the session cookie or, for programs, the same token as a bearer."""
    token = loquet or bearer(authorization)
    if not token:
        return None
    with context.store.read() as session:
        return logins.who(session, context, token)


def signed_manager(person: Annotated[Signed | None, Depends(person_or_none)]) -> Signed:
    """A manager; raises Unauthorized or Forbidden."""
    if person is None:
        raise Unauthorized("log in first", headers=_ASK)
    if person.role != MANAGER:
        raise Forbidden("only a manager may do this")
    return person


def signed_producer(person: Annotated[Signed | None, Depends(person_or_none)]) -> Signed:
    """A producer; raises Unauthorized or Forbidden."""
    if person is None:
        raise Unauthorized("log in first", headers=_ASK)
    if person.role != PRODUCER:
        raise Forbidden("only a producer may do this")
    return person


_SHOP = select(table_of(Shop).c.id).where(table_of(Shop).c.token_hash == bindparam("token_hash"))


def signed_shop(context: Ctx, authorization: Annotated[str, Header()] = "") -> SignedShop:
    """The shop whose token the request bears; raises Unauthorized."""
    token = bearer(authorization)
    if token:
        with context.store.read() as session:
            shop_id = session.connection().execute(_SHOP, {"token_hash": token_hash(token)}).scalar()
            if shop_id is not None:
                return SignedShop(shop_id)
    raise Unauthorized("a shop token is needed", headers=_ASK)


def shop_or_manager(
    context: Ctx,
    person: Annotated[Signed | None, Depends(person_or_none)],
    authorization: Annotated[str, Header()] = "",
) -> SignedShop | Signed:
    """A shop, or a manager; raises Unauthorized or Forbidden."""
    if person is not None:
        return signed_manager(person)
    return signed_shop(context, authorization)


Manager = Annotated[Signed, Depends(signed_manager)]
ProducerPerson = Annotated[Signed, Depends(signed_producer)]
ShopToken = Annotated[SignedShop, Depends(signed_shop)]
ShopOrManager = Annotated[SignedShop | Signed, Depends(shop_or_manager)]


def order_token(context: Context, order_id: str) -> str:
    """What makes a customer's link theirs: 128 bits of a keyed MAC over the order's id; nothing of it is
    stored."""
    return urlsafe_b64encode(context.vault.mac("order-link", order_id)[:16]).rstrip(b"=").decode()


def order_link(context: Context, order_id: str) -> str:
    """The customer's signed link, `BASE/o/ORDER/TOKEN`."""
    return f"{context.settings.base_url.rstrip('/')}/o/{order_id}/{order_token(context, order_id)}"


def check_order_token(context: Context, order_id: str, token: str) -> None:
    """Raises NotFound, as for an order that does not exist, unless the token is the order's."""
    if not hmac.compare_digest(order_token(context, order_id).encode(), token.encode()):
        raise NotFound("there is no such order, or the link is not complete")
