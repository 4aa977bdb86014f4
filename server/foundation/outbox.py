"""The outbox: what leaves the transaction (mail) is a row written in it, beside its audit line, and
delivered at least once.

A relay claims rows for a time, sends, then marks; a crash in between sends again with the same Message-ID.
Bodies may hold a code, so they are sealed at rest and erased once delivered.
"""

import json
from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.database import Base


class OutboxMail(Base):
    """One mail on its way; its key is the audit line that asked for it, so that none is sent without a
    line."""

    __tablename__ = "outbox_mails"
    __table_args__ = (Index("ix_outbox_mails_due", "sent_at", "due_at"),)

    audit_id: Mapped[int] = mapped_column(
        ForeignKey("audit_entries.id"), primary_key=True, autoincrement=False
    )
    recipient: Mapped[str]
    sealed: Mapped[bytes | None]
    """Subject and text, JSON, sealed; None once sent."""
    due_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str] = mapped_column(default="")


def send_mail(
    session: Session, context: Context, *, to: str, subject: str, text: str, about: str, actor: str = "system"
) -> None:
    """Puts a mail into the outbox, with its audit line `mail.requested` about `about` (say `order:ID`)."""
    entry = record(session, context, actor, "mail.requested", about, {"to": to, "subject": subject})
    body = json.dumps({"subject": subject, "text": text}).encode()
    session.add(
        OutboxMail(
            audit_id=entry.id,
            recipient=to,
            sealed=context.vault.seal(body, f"outbox:{entry.id}"),
            due_at=context.clock.now(),
        )
    )
