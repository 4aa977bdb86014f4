"""The audit: one line for everything that opens, refunds, mails, blocks or changes state, in the
transaction that does it.

Lines are chained: each carries the SHA-256 of its own canonical text and the hash before it, so that a
change, a removal, a reordering or (by the count kept beside the head) a cut tail shows. Lines are
append-only; the database refuses updates. No code, key or token is ever put into one.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import Index, bindparam, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.foundation.context import Context
from server.foundation.database import Base, table_of

GENESIS = "0" * 64


class AuditEntry(Base):
    """One line. `actor`: `person:ID`, `shop:ID`, `device:ID`, `customer:ORDER`, `gateway:SITE` or
    `system`."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_subject", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]]
    previous: Mapped[str]
    hash: Mapped[str]


class AuditHead(Base):
    """The end of the chain, one row: lines so far and the last hash; a cut tail disagrees with it."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    hash: Mapped[str]


_ENTRIES, _END = table_of(AuditEntry), table_of(AuditHead)
_READ_HEAD = select(_END.c.count, _END.c.hash).where(_END.c.id == 1).with_for_update()
_MOVE_HEAD = (
    update(_END).where(_END.c.id == 1).values(count=bindparam("number"), hash=bindparam("line_hash"))
)  # fmt: skip
_BEGIN_HEAD = insert(_END)
_WRITE_LINE = insert(_ENTRIES)


def line_hash(
    number: int, at: datetime, actor: str, action: str, subject: str, details: dict[str, Any], previous: str
) -> str:
    """SHA-256 over the canonical JSON of a line."""
    text = json.dumps(
        [number, at.isoformat(), actor, action, subject, details, previous],
        separators=(",", ":"),
        sort_keys=True,
        ensure_ascii=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def record(
    session: Session,
    context: Context,
    actor: str,
    action: str,
    subject: str,
    details: dict[str, Any] | None = None,
) -> int:
    """Writes one line in the caller's transaction, after whatever the session holds; returns its number. The
    head row is locked, so two writers cannot fork the chain.

    Nearly every transaction comes through here, so the statements are made once and nothing of it becomes an
    object of the session.
    """
    session.flush()
    connection = session.connection()
    head = connection.execute(_READ_HEAD).one_or_none()
    if head is None:
        connection.execute(_BEGIN_HEAD, {"id": 1, "count": 0, "hash": GENESIS})
    count, previous = (0, GENESIS) if head is None else head
    number = count + 1
    at = context.clock.now()
    clean = json.loads(json.dumps(details or {}, sort_keys=True))
    line = {
        "id": number,
        "at": at,
        "actor": actor,
        "action": action,
        "subject": subject,
        "details": clean,
        "previous": previous,
        "hash": line_hash(number, at, actor, action, subject, clean, previous),
    }
    connection.execute(_WRITE_LINE, line)
    connection.execute(_MOVE_HEAD, {"number": number, "line_hash": line["hash"]})
    return number


def verify(session: Session) -> str:
    """ "" if the chain holds, else what is wrong and at which line."""
    previous, count = GENESIS, 0
    lines = select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=500)
    with session.scalars(lines) as entries:
        for entry in entries:
            count += 1
            if entry.id != count:
                return f"line {count} is missing"
            if entry.previous != previous:
                return f"line {count} does not follow line {count - 1}"
            expected = line_hash(
                entry.id, entry.at, entry.actor, entry.action, entry.subject, entry.details, entry.previous
            )
            if expected != entry.hash:
                return f"line {count} was altered"
            previous = entry.hash
    head = session.execute(select(AuditHead.count, AuditHead.hash).where(AuditHead.id == 1)).one_or_none()
    if tuple(head or (0, GENESIS)) != (count, previous):
        return f"the chain was cut after line {count}"
    return ""
