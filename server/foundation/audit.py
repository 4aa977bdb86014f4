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

from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.foundation.context import Context
from server.foundation.database import Base

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
) -> AuditEntry:
    """Writes one line in the caller's transaction. The head row is locked, so two writers cannot fork the
    chain."""
    head = session.scalars(select(AuditHead).where(AuditHead.id == 1).with_for_update()).one_or_none()
    if head is None:
        head = AuditHead(id=1, count=0, hash=GENESIS)
        session.add(head)
    number = head.count + 1
    at = context.clock.now()
    clean = json.loads(json.dumps(details or {}, sort_keys=True))
    entry = AuditEntry(
        id=number,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        details=clean,
        previous=head.hash,
        hash=line_hash(number, at, actor, action, subject, clean, head.hash),
    )
    session.add(entry)
    head.count = number
    head.hash = entry.hash
    session.flush()
    return entry


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
    head = session.get(AuditHead, 1)
    if (head.count if head else 0) != count or (head.hash if head else GENESIS) != previous:
        return f"the chain was cut after line {count}"
    return ""
