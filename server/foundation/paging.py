"""Keyset pages and ETags: lists never skip or repeat a row that was there, and a poll that changed nothing
is 304."""

import hashlib
from typing import Annotated, Generic, TypeVar

from fastapi import Header, Query, Response
from pydantic import BaseModel

Item = TypeVar("Item", bound=BaseModel)

Limit = Annotated[int, Query(ge=1, le=100)]
AfterNumber = Annotated[int, Query(ge=0, lt=1 << 53)]
AfterId = Annotated[str, Query(pattern=r"^[0-9a-f]{0,32}$")]
IfNoneMatch = Annotated[str, Header(alias="If-None-Match", max_length=200)]


class Page(BaseModel, Generic[Item]):
    """A page: give `next` as `after` for the one that follows; absent at the end."""

    items: list[Item]
    next: str | None = None


def with_etag(body: BaseModel, if_none_match: str) -> Response:
    """The body as JSON with its ETag, or 304 without it."""
    text = body.model_dump_json()
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in [part.strip().removeprefix("W/") for part in if_none_match.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="application/json", headers=headers)
