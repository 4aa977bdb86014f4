"""Hands each new record to the subjects that asked for its kind, in the transaction that stores it.

`server.app.wire` calls `register(kind, handler)`; a handler is called as
`handler(session, context, device, record, item)` and sees each record exactly once, in the order of its
lane. Of the gateway's own records (`undelivered`, `presence`, `aside`, `quota`, `outage`, `health`) the
device is None.

Kinds that come in thousands are taken in runs: `register_run(kind, handler)`, called as
`handler(session, context, taken)` with records that follow each other in their lane.
"""

from collections.abc import Callable, Sequence
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


@dataclass(frozen=True, slots=True)
class Taken:
    """A record of a run, and the controller that told it."""

    device: Controller
    record: dict[str, Any]
    item: Item
    known_at: datetime | None = None
    """The device's own time; None if it knew none."""


Handler = Callable[[Session, Context, Controller | None, dict[str, Any], Item], None]
RunHandler = Callable[[Session, Context, Sequence[Taken]], None]

_HANDLERS: dict[str, list[Handler]] = {}
_RUN_HANDLERS: dict[str, list[RunHandler]] = {}


def register(kind: str, handler: Handler) -> None:
    """Adds a handler for a kind of record; the same one twice counts once."""
    handlers = _HANDLERS.setdefault(kind, [])
    if handler not in handlers:
        handlers.append(handler)


def register_run(kind: str, handler: RunHandler) -> None:
    """Adds a handler for runs of a kind of record; the same one twice counts once."""
    handlers = _RUN_HANDLERS.setdefault(kind, [])
    if handler not in handlers:
        handlers.append(handler)


def dispatch(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], item: Item
) -> None:
    """Calls every handler of the record's kind, in the order of registration."""
    kind = str(record.get("k"))
    for handler in _HANDLERS.get(kind, []):
        handler(session, context, device, record, item)
    if device is not None and kind in _RUN_HANDLERS:
        dispatch_run(session, context, kind, [Taken(device, record, item)])


def dispatch_run(session: Session, context: Context, kind: str, taken: Sequence[Taken]) -> None:
    """Calls every run handler of the kind, in the order of registration."""
    for handler in _RUN_HANDLERS.get(kind, []):
        handler(session, context, taken)
