"""`Idempotency-Key`: a request done twice has one effect and one answer
(draft-ietf-httpapi-idempotency-key-header-07).

The key is written in the transaction of what it guards, so a crash undoes both. Only what was done is kept:
a refusal may be tried again under the same key. Keys are kept 30 days.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.foundation.context import Context
from server.foundation.database import Base, table_of
from server.foundation.errors import Unprocessable

KEPT = timedelta(days=30)

IdempotencyHeader = Annotated[
    str, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[!-~]+$")
]


class IdempotencyKey(Base):
    """A request already done: its fingerprint and its answer."""

    __tablename__ = "idempotency_keys"

    principal: Mapped[str] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    answer: Mapped[str]
    created_at: Mapped[datetime]


_KEYS = table_of(IdempotencyKey)
_KNOWN = select(_KEYS.c.fingerprint, _KEYS.c.answer).where(
    _KEYS.c.principal == bindparam("principal"),
    _KEYS.c.operation == bindparam("operation"),
    _KEYS.c.key == bindparam("key"),
)
_KEEP = insert(_KEYS)


def fingerprint(body: BaseModel) -> str:
    """SHA-256 of a body's canonical JSON."""
    text = json.dumps(body.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def once(
    session: Session,
    context: Context,
    *,
    principal: str,
    operation: str,
    key: str,
    body: BaseModel,
    act: Callable[[], BaseModel],
) -> str:
    """The answer's JSON: that of the first time, or of `act()` now. Another body under the same key:
    Unprocessable."""
    guarded = {"principal": principal, "operation": operation, "key": key}
    known = session.connection().execute(_KNOWN, guarded).one_or_none()
    mark = fingerprint(body)
    if known is not None:
        if known.fingerprint != mark:
            raise Unprocessable("this key was used for another request", code="idempotency-key-reused")
        return str(known.answer)
    answer = act().model_dump_json()
    session.flush()
    kept = {"fingerprint": mark, "status": 201, "answer": answer, "created_at": context.clock.now()}
    session.connection().execute(_KEEP, guarded | kept)
    return answer


def forget_old(session: Session, context: Context, _subject: str) -> None:
    """Timer: keys past their time."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < context.clock.now() - KEPT))
