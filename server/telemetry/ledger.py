"""The ledger: records of the readings lane, appended to their controller's chain exactly once, in the order
of their arrival, many at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, tuple_
from sqlalchemy.orm import Session

from firmware.contract import records
from server.foundation.clock import unix_ms
from server.foundation.upserts import insert_into
from server.telemetry import chain
from server.telemetry.models import LedgerHead, LedgerRow


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and the controller that told it."""

    controller_id: str
    record: dict[str, Any]


def heads(session: Session, controllers: Sequence[str]) -> dict[str, LedgerHead]:
    """The ends of the chains of some controllers, locked in the order of their ids; made if they are new."""
    wanted = sorted(set(controllers))
    query = (
        select(LedgerHead)
        .where(LedgerHead.controller_id.in_(wanted))
        .order_by(LedgerHead.controller_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    session.flush()
    found = {head.controller_id: head for head in session.scalars(query)}
    missing = [name for name in wanted if name not in found]
    if missing:
        session.connection().execute(
            insert_into(session, LedgerHead).on_conflict_do_nothing(),
            [{"controller_id": name, "position": 0, "link": chain.GENESIS, "shown": 0} for name in missing],
        )
        found = {head.controller_id: head for head in session.scalars(query)}
    return found


def append(
    session: Session, ends: Mapping[str, LedgerHead], entries: Sequence[Entry], now: datetime
) -> list[Entry]:
    """Appends those of `entries` whose number is not there yet to their chains' `ends`, and returns them."""
    known = _known(session, entries)
    received = unix_ms(now)
    rows: list[dict[str, Any]] = []
    fresh: list[Entry] = []
    for entry in entries:
        number = _number(entry)
        if number in known:
            continue
        known.add(number)
        head = ends[entry.controller_id]
        body = chain.canonical({"d": entry.controller_id, "rx": received, "r": entry.record})
        head.position += 1
        head.link = chain.link(head.link, head.position, body)
        rows.append(
            {
                "controller_id": entry.controller_id,
                "position": head.position,
                "epoch": entry.record["e"],
                "seq": entry.record["n"],
                "first_seq": records.first_seq(entry.record),
                "body": body,
                "link": head.link,
            }
        )
        fresh.append(entry)
    if rows:
        session.flush()
        session.connection().execute(insert(LedgerRow), rows)
    return fresh


def _number(entry: Entry) -> tuple[str, str, int]:
    return entry.controller_id, entry.record["e"], entry.record["n"]


def _known(session: Session, entries: Sequence[Entry]) -> set[tuple[str, str, int]]:
    numbers = sorted({_number(entry) for entry in entries})
    found = session.execute(
        select(LedgerRow.controller_id, LedgerRow.epoch, LedgerRow.seq).where(
            tuple_(LedgerRow.controller_id, LedgerRow.epoch, LedgerRow.seq).in_(numbers)
        )
    )
    return {(controller, epoch, seq) for controller, epoch, seq in found}
