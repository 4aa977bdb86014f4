"""The outbox: what leaves the transaction (mail) is a row written in it, beside its audit line, delivered
at least once.

A relay claims a row by moving its due time ahead, sends, then marks; a crash in between sends again with
the same Message-ID. Bodies may hold a code, so they are sealed at rest and erased once delivered.
"""

import json
import logging
import smtplib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.database import Base

log = logging.getLogger(__name__)

_CLAIM = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(minutes=30)


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
    """When it may be tried; a relay that takes it moves this ahead, which keeps others off."""
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
    session.flush()


@dataclass(frozen=True)
class _Claimed:
    audit_id: int
    recipient: str
    subject: str
    text: str


def _claim(context: Context, limit: int) -> list[_Claimed]:
    now = context.clock.now()
    with context.store.read() as session:
        waiting = session.scalar(
            select(OutboxMail.audit_id).where(OutboxMail.sent_at.is_(None), OutboxMail.due_at <= now).limit(1)
        )
    if waiting is None:
        return []
    claimed = []
    with context.store.write() as session:
        rows = session.scalars(
            select(OutboxMail)
            .where(OutboxMail.sent_at.is_(None), OutboxMail.due_at <= now)
            .order_by(OutboxMail.audit_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.attempts += 1
            row.due_at = now + min(_CLAIM * 2 ** min(row.attempts - 1, 6), _LONGEST_WAIT)
            if row.sealed is not None:
                body = json.loads(context.vault.open(row.sealed, f"outbox:{row.audit_id}"))
                claimed.append(_Claimed(row.audit_id, row.recipient, body["subject"], body["text"]))
    return claimed


def _message(context: Context, mail: _Claimed) -> EmailMessage:
    message = EmailMessage()
    message["From"] = context.settings.mail_from
    message["To"] = mail.recipient
    message["Subject"] = mail.subject.replace("\r", " ").replace("\n", " ")
    message["Date"] = format_datetime(context.clock.now())
    domain = context.settings.mail_from.rpartition("@")[2].rstrip(">") or "localhost"
    message["Message-ID"] = f"<loquet-{mail.audit_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def deliver_due(context: Context, limit: int = 20) -> int:
    """Sends what is due through the relay of the settings; without one, mails wait. Returns how many went."""
    if not context.settings.smtp:
        return 0
    claimed = _claim(context, limit)
    if not claimed:
        return 0
    host, _, port = context.settings.smtp.rpartition(":")
    sent = 0
    try:
        with smtplib.SMTP(host, int(port), timeout=10) as smtp:
            for mail in claimed:
                try:
                    smtp.send_message(_message(context, mail))
                except smtplib.SMTPRecipientsRefused:
                    _mark(context, mail.audit_id, "recipient refused")
                    continue
                _mark(context, mail.audit_id, "")
                sent += 1
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mails wait, the relay does not take them: %s", type(error).__name__)
    return sent


def _mark(context: Context, audit_id: int, failure: str) -> None:
    with context.store.write() as session:
        row = session.get(OutboxMail, audit_id)
        if row is None:
            return
        row.failure = failure
        if not failure:
            row.sent_at = context.clock.now()
            row.sealed = None
