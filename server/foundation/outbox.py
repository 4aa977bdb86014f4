"""The outbox: what leaves the transaction (mail) is a row written in it, beside its audit line, delivered
at least once.

A process claims rows by moving their due time ahead, sends, then marks; a crash in between sends again with
the same Message-ID. Before each mail it looks whether its claim still stands: a relay that is slow with the
first ones must not have another process send the last ones too. Bodies may hold a code, so they are sealed at
rest and erased once delivered.

A mail that the relay refuses is tried again after longer and longer waits, holding back no other, and given
up in the end: its audit line `mail.given_up` and the manager's page of health name it.
"""

import json
import logging
import smtplib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

from sqlalchemy import ForeignKey, Index, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from server.foundation import relay
from server.foundation.audit import AuditEntry, record
from server.foundation.context import Context
from server.foundation.database import Base, changed
from server.foundation.errors import ConfigurationError

log = logging.getLogger(__name__)

_CLAIM = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(minutes=30)

TRIES = 50
"""A relay that says "later" hears of a mail this often: about a day."""
TRIES_REFUSED = 4
"""One that says "never" (5xx), or a mail that cannot even be put on the wire, this often: some minutes."""

GIVEN_UP = "mail.given_up"


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
    """Subject and text, JSON, sealed; None once sent or given up."""
    due_at: Mapped[datetime]
    """When it may be tried; a relay that takes it moves this ahead, which keeps others off."""
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    """Tries that came as far as the relay; a relay that is away spends none."""
    failure: Mapped[str] = mapped_column(default="")
    """Why it was refused last; never an address or a text."""


def send_mail(
    session: Session, context: Context, *, to: str, subject: str, text: str, about: str, actor: str = "system"
) -> None:
    """Puts a mail into the outbox, with its audit line `mail.requested` about `about` (say `order:ID`)."""
    line = record(session, context, actor, "mail.requested", about, {"to": to, "subject": subject})
    body = json.dumps({"subject": subject, "text": text}).encode()
    session.add(
        OutboxMail(
            audit_id=line,
            recipient=to,
            sealed=context.vault.seal(body, f"outbox:{line}"),
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
    until: datetime
    """As long as the row says this, it is ours."""


def _claim(context: Context, limit: int) -> list[_Claimed]:
    now = context.clock.now()
    with context.store.read() as session:
        waiting = session.scalar(
            select(OutboxMail.audit_id)
            .where(OutboxMail.sent_at.is_(None), OutboxMail.sealed.is_not(None), OutboxMail.due_at <= now)
            .limit(1)
        )
    if waiting is None:
        return []
    claimed = []
    with context.store.write() as session:
        rows = session.scalars(
            select(OutboxMail)
            .where(OutboxMail.sent_at.is_(None), OutboxMail.sealed.is_not(None), OutboxMail.due_at <= now)
            .order_by(OutboxMail.audit_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            row.attempts += 1
            row.due_at = now + min(_CLAIM * 2 ** min(row.attempts - 1, 6), _LONGEST_WAIT)
            if row.sealed is not None:
                body = json.loads(context.vault.open(row.sealed, f"outbox:{row.audit_id}"))
                claimed.append(
                    _Claimed(row.audit_id, row.recipient, body["subject"], body["text"], row.due_at)
                )
    return claimed


def _renew(context: Context, mail: _Claimed) -> bool:
    """Whether a claimed mail is still ours; a claim that is soon over is made anew."""
    now = context.clock.now()
    if mail.until - now > _CLAIM / 2:
        return True
    ours = update(OutboxMail).where(
        OutboxMail.audit_id == mail.audit_id,
        OutboxMail.due_at == mail.until,
        OutboxMail.sent_at.is_(None),
    )
    with context.store.write() as session:
        return changed(session, ours.values(due_at=now + _CLAIM)) == 1


def _message(context: Context, mail: _Claimed) -> EmailMessage:
    message = EmailMessage()
    message["From"] = context.settings.mail_from
    message["To"] = mail.recipient
    message["Subject"] = " ".join(mail.subject.split())  # all that ends a line is white space to `split`
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
    waiting = deque(_claim(context, limit))
    if not waiting:
        return 0
    sent = 0
    try:
        with relay.connect(context.settings) as smtp:
            while waiting and smtp.sock is not None:
                mail = waiting.popleft()
                if _renew(context, mail):
                    sent += _deliver(context, smtp, mail)
            if waiting:
                log.warning("the relay hung up; %d mails are tried again", len(waiting))
    except OSError as error:  # every SMTPException is one
        log.warning("the relay does not answer as it should, mails wait: %s", type(error).__name__)
    except ConfigurationError as error:  # its password's file
        log.warning("mails wait: %s", error)
    _put_back(context, [mail.audit_id for mail in waiting])
    return sent


def _deliver(context: Context, smtp: smtplib.SMTP, mail: _Claimed) -> int:
    try:
        smtp.send_message(_message(context, mail))
    except Exception as error:  # noqa: BLE001 - whatever one mail brings about must not hold back the others
        _refused(context, mail.audit_id, error)
        return 0
    with context.store.write() as session:
        row = session.get_one(OutboxMail, mail.audit_id)
        row.failure = ""
        row.sent_at = context.clock.now()
        row.sealed = None
    return 1


def _put_back(context: Context, audit_ids: list[int]) -> None:
    """Takes back the try that the claim counted: these never came as far as the relay."""
    if not audit_ids:
        return
    with context.store.write() as session:
        for row in session.scalars(select(OutboxMail).where(OutboxMail.audit_id.in_(audit_ids))):
            row.attempts -= 1


def _refused(context: Context, audit_id: int, error: Exception) -> None:
    code = _reply_code(error)
    later = 400 <= code < 500 or isinstance(error, smtplib.SMTPServerDisconnected)
    failure = " ".join(filter(None, (type(error).__name__, str(code or ""))))
    with context.store.write() as session:
        row = session.get_one(OutboxMail, audit_id)
        row.failure = failure
        log.warning("mail %s was not taken (try %s): %s", audit_id, row.attempts, failure)
        if row.attempts < (TRIES if later else TRIES_REFUSED):
            return
        row.sealed = None
        asked = session.get_one(AuditEntry, audit_id)
        details = {"to": row.recipient, "why": failure, "asked_by_line": audit_id}
        record(session, context, "system", GIVEN_UP, asked.subject, details)


def _reply_code(error: Exception) -> int:
    """The relay's reply code; 0 where it said nothing, or the mail never came so far."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):  # one recipient a mail
        return max((code for code, _text in error.recipients.values()), default=0)
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0


def given_up(session: Session, limit: int = 20) -> Sequence[OutboxMail]:
    """The mails that nobody took, newest first: a person must reach their readers another way."""
    return session.scalars(
        select(OutboxMail)
        .where(OutboxMail.sent_at.is_(None), OutboxMail.sealed.is_(None))
        .order_by(OutboxMail.audit_id.desc())
        .limit(limit)
    ).all()
