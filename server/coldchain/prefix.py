"""The part of a controller's ledger that is without holes, in the order of the records' numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from server.telemetry import chain
from server.telemetry.models import LedgerRow

MOST = 1000
"""Records at a time: the rest is judged with the next that comes."""
_FIRST_LOOK = 8
_LONGEST_LOOK = 256

Place = tuple[str, int]
"""(journal epoch, number)."""


def prefix(
    session: Session, controller: str, epoch: str, upto: int, end: int, known: Mapping[Place, dict[str, Any]]
) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The records behind the place (`epoch`, `upto`) that follow without a hole; `epoch` "" for the start.
    `end` is the position of the ledger's last record; those in `known` need not be decoded again.

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
            place = (epoch, upto)
            record = known.get(place)
            if record is None or not chain.is_of_boot(row.body, record["b"]):
                record = chain.record_of(row.body)
            yield place, record
        if len(rows) == look:
            look = min(look * 2, _LONGEST_LOOK)
            continue
        if position == end:
            return
        next_row = _next_journal(session, controller, epoch, upto)
        if next_row is None:
            return
        epoch, upto, position = next_row.epoch, next_row.seq, next_row.position
        left -= 1
        yield (epoch, upto), chain.record_of(next_row.body)


_COLUMNS = (LedgerRow.epoch, LedgerRow.seq, LedgerRow.first_seq, LedgerRow.position, LedgerRow.body)
_Found = Row[str, int, int, int, str]


def _following(session: Session, controller: str, epoch: str, upto: int, limit: int) -> Sequence[_Found]:
    return session.execute(
        select(*_COLUMNS)
        .where(LedgerRow.controller_id == controller, LedgerRow.epoch == epoch, LedgerRow.seq > upto)
        .order_by(LedgerRow.seq)
        .limit(limit)
    ).all()


def _next_journal(session: Session, controller: str, epoch: str, upto: int) -> _Found | None:
    query = select(*_COLUMNS).where(LedgerRow.controller_id == controller).order_by(LedgerRow.position)
    if epoch:
        known = select(LedgerRow.position).where(
            LedgerRow.controller_id == controller, LedgerRow.epoch == epoch, LedgerRow.seq == upto
        )
        query = query.where(LedgerRow.epoch != epoch, LedgerRow.position > known.scalar_subquery())
    return session.execute(query.limit(1)).first()
