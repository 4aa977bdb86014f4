"""Hands each new record to the subjects that asked for its kind, in the transaction that stores it.

`server.app.wire` calls `register(kind, handler)`; a handler is called as
`handler(session, context, device, record, item)` and sees each record exactly once, in the order of its
lane. Of the gateway's own records (`undelivered`, `presence`, `aside`, `quota`, `outage`, `health`) the
device is None.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.lockers.models import Controller


@dataclass(frozen=True)
class Item:
    """Where a record came from. `at` is the device's own time, or the gateway's time of receipt if it knew
    none."""

    site_id: str
    lane: str
    seq: int
    device: str
    at: datetime
    gateway_received_at: datetime
    now: datetime


Handler = Callable[[Session, Context, Controller | None, dict[str, Any], Item], None]

_HANDLERS: dict[str, list[Handler]] = {}


def register(kind: str, handler: Handler) -> None:
    """Adds a handler for a kind of record; the same one twice counts once."""
    handlers = _HANDLERS.setdefault(kind, [])
    if handler not in handlers:
        handlers.append(handler)


def dispatch(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], item: Item
) -> None:
    """Calls every handler of the record's kind, in the order of registration."""
    for handler in _HANDLERS.get(str(record.get("k")), []):
        handler(session, context, device, record, item)
