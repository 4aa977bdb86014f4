"""The part of a controller's ledger that is without holes, in the order of the records' numbers."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.telemetry import chain
from server.telemetry.models import LedgerHead, LedgerRow

MOST = 1000
"""Records at a time: the rest is judged with the next that comes."""
_FIRST_LOOK = 8
_LONGEST_LOOK = 256

Place = tuple[str, int]
"""(journal epoch, number)."""


def prefix(
    session: Session, controller: str, epoch: str, upto: int
) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The records behind the place (`epoch`, `upto`) that follow without a hole; `epoch` "" for the start.

    A gap record stands for the numbers that it closes. A new journal follows the last one's end.
    """
    left, look, position = MOST, _FIRST_LOOK, 0
    while left > 0:
        rows = _following(session, controller, epoch, upto, min(look, left)) if epoch else []
        for row in rows:
            if row.first_seq > upto + 1:
                return
            upto, position = row.seq, row.position
            left -= 1
            yield (epoch, upto), chain.record_of(row.body)
        if len(rows) == look:
            look = min(look * 2, _LONGEST_LOOK)
            continue
        if position and position == _end(session, controller):
            return
        next_row = _next_journal(session, controller, epoch, upto)
        if next_row is None:
            return
        epoch, upto, position = next_row.epoch, next_row.seq, next_row.position
        left -= 1
        yield (epoch, upto), chain.record_of(next_row.body)


def _following(session: Session, controller: str, epoch: str, upto: int, limit: int) -> list[LedgerRow]:
    return list(
        session.scalars(
            select(LedgerRow)
            .where(LedgerRow.controller_id == controller, LedgerRow.epoch == epoch, LedgerRow.seq > upto)
            .order_by(LedgerRow.seq)
            .limit(limit)
        )
    )


def _end(session: Session, controller: str) -> int | None:
    return session.scalar(select(LedgerHead.position).where(LedgerHead.controller_id == controller))


def _next_journal(session: Session, controller: str, epoch: str, upto: int) -> LedgerRow | None:
    query = select(LedgerRow).where(LedgerRow.controller_id == controller).order_by(LedgerRow.position)
    if epoch:
        known = select(LedgerRow.position).where(
            LedgerRow.controller_id == controller, LedgerRow.epoch == epoch, LedgerRow.seq == upto
        )
        query = query.where(LedgerRow.epoch != epoch, LedgerRow.position > known.scalar_subquery())
    return session.scalars(query.limit(1)).first()
