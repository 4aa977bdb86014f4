"""Readings as they arrive: into the chained ledger exactly once, and into the views. Called in the intake's
transaction.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract import records
from server.foundation.clock import from_unix
from server.foundation.context import Context
from server.gateways.dispatch import Item, Taken
from server.lockers.models import Controller
from server.telemetry import chain, ledger, rollups
from server.telemetry.ledger import Entry
from server.telemetry.models import LedgerRow, TelemetryGap


def on_readings(session: Session, context: Context, taken: Sequence[Taken]) -> None:
    """Handler of runs of `r` records."""
    _append(session, context, [Entry(one.device.id, one.record) for one in taken])


def _append(session: Session, context: Context, entries: Sequence[Entry]) -> list[Entry]:
    """Appends what is new; where the views are level with the ledger they follow at once."""
    ends = ledger.heads(session, [entry.controller_id for entry in entries])
    level = {name: head for name, head in ends.items() if head.shown == head.position}
    fresh = ledger.append(session, ends, entries, context.clock.now())
    shown = [
        (entry.controller_id, entry.record)
        for entry in fresh
        if entry.controller_id in level and entry.record["k"] == "r"
    ]
    rollups.apply(session, rollups.rows_of(rollups.zone_ids(session, level), shown))
    for head in level.values():
        head.shown = head.position
    return fresh


def on_gap(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], _item: Item
) -> None:
    """Handler of `gap` records: those of the readings lane close a hole in the ledger for good."""
    if device is None or record["l"] != records.READINGS:
        return
    if not _append(session, context, [Entry(device.id, record)]):
        return
    before = session.scalars(
        select(LedgerRow)
        .where(
            LedgerRow.controller_id == device.id, LedgerRow.epoch == record["e"], LedgerRow.seq < record["f"]
        )
        .order_by(LedgerRow.seq.desc())
        .limit(1)
    ).first()
    start = _end_of(before) if before is not None else 0
    session.add(
        TelemetryGap(
            controller_id=device.id,
            start=start,
            end=record["t"] or int(context.clock.now().timestamp()),
            cause="dropped",
            first_seq=record["f"],
            last_seq=record["n"],
            noted_at=context.clock.now(),
        )
    )


def on_boot(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], _item: Item
) -> None:
    """Handler of `boot` records: they name the interval whose readings the power cut may have swallowed."""
    if device is None or not record["m0"] or record["m1"] <= record["m0"]:
        return
    session.add(
        TelemetryGap(
            controller_id=device.id,
            start=record["m0"],
            end=record["m1"],
            cause="reboot",
            noted_at=context.clock.now(),
        )
    )


def _end_of(row: LedgerRow) -> int:
    record = chain.record_of(row.body)
    end = int(record.get("p0", 0)) + int(record.get("s", 0)) if record["k"] == "r" else int(record["t"])
    return end if from_unix(end).year > 2000 else 0
