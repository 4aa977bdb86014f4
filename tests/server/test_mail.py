"""Mails through a real SMTP server: sent once when it takes them, kept while it does not, in the customer's
language."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from server.foundation import outbox
from server.foundation.audit import AuditEntry
from server.foundation.context import Context
from server.foundation.outbox import OutboxMail
from tests.server.bench import Bench


class Mailbox:
    """Keeps what comes; refuses while `full`."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.full = False

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook."""
        if self.full:
            return "452 no room"
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    """A mailbox and its address."""
    box = Mailbox()
    with socket.socket() as probe:  # aiosmtpd looks for itself at the port it was given, so 0 will not do
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, enable_SMTPUTF8=False)
    controller.start()
    yield box, f"127.0.0.1:{port}"
    controller.stop()


def with_smtp(bench: Bench, address: str) -> Context:
    """The bench's context with a relay."""
    settings = bench.context.settings.model_copy(update={"smtp": address, "mail_from": "ferme@example.org"})
    return replace(bench.context, settings=settings)


def text_of(mail: Message) -> str:
    """The decoded text."""
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


@pytest.mark.parametrize(
    ("locale", "word", "when"),
    [
        ("fr", "Votre code : ", "Quand : le 05/10 de 10:00 à 16:00 (heure de Paris)"),
        ("en", "Your code: ", "When: 05/10, 10:00 to 16:00 (Paris time)"),
    ],
)
def test_the_customers_mail_has_code_long_code_and_link(
    bench: Bench, mailbox: tuple[Mailbox, str], locale: str, word: str, when: str
) -> None:
    box, address = mailbox
    context = with_smtp(bench, address)
    order = bench.order(locale=locale).json()
    bench.pay(order)
    bench.sync()
    short, long = bench.codes(order["id"])
    assert outbox.deliver_due(context) == 1
    assert outbox.deliver_due(context) == 0
    (mail,) = box.mails
    assert mail["To"] == "client@example.org"
    text = text_of(mail)
    assert word + f"{short[:4]} {short[4:]}" in text
    assert f"{long[:4]} {long[4:8]} {long[8:]}" in text
    assert f"/o/{order['id']}/" in text
    assert when in text  # 08:00 UTC, by the clock of the site
    with context.store.read() as session:
        row = session.scalars(select(OutboxMail)).one()
        assert row.sealed is None
        assert mail["Message-ID"] == f"<loquet-{row.audit_id}@example.org>"


def test_a_mail_waits_while_the_relay_does_not_take_it(bench: Bench, mailbox: tuple[Mailbox, str]) -> None:
    box, address = mailbox
    context = with_smtp(bench, address)
    order = bench.order().json()
    bench.pay(order)
    bench.sync()
    box.full = True
    assert outbox.deliver_due(context) == 0
    box.full = False
    assert outbox.deliver_due(context) == 0
    bench.clock.advance(minutes=2)
    assert outbox.deliver_due(context) == 1


def test_without_a_relay_mails_wait(bench: Bench) -> None:
    order = bench.order().json()
    bench.pay(order)
    bench.sync()
    assert outbox.deliver_due(with_smtp(bench, "127.0.0.1:1")) == 0
    with bench.context.store.read() as session:
        assert session.scalars(select(OutboxMail)).one().sealed is not None


def _put(bench: Bench, *recipients: str, subject: str = "Bonjour") -> None:
    with bench.context.store.write() as session:
        for recipient in recipients:
            outbox.send_mail(session, bench.context, to=recipient, subject=subject, text="…", about="order:x")


def test_one_refused_mail_holds_back_no_other_and_is_given_up_with_a_line(
    bench: Bench, mailbox: tuple[Mailbox, str]
) -> None:
    box, address = mailbox  # it does not offer SMTPUTF8
    context = with_smtp(bench, address)
    _put(bench, "é@example.org", "manager@example.org")
    assert outbox.deliver_due(context) == 1
    assert [mail["To"] for mail in box.mails] == ["manager@example.org"]
    for _ in range(outbox.TRIES_REFUSED):
        bench.clock.advance(hours=1)
        assert outbox.deliver_due(context) == 0
    with context.store.read() as session:
        (row,) = outbox.given_up(session)
        assert (row.recipient, row.attempts, row.sent_at) == ("é@example.org", outbox.TRIES_REFUSED, None)
        lines = session.scalars(select(AuditEntry).where(AuditEntry.action == outbox.GIVEN_UP)).all()
    assert [(line.subject, line.details["why"]) for line in lines] == [("order:x", "SMTPNotSupportedError")]
    page = bench.api("GET", "/manager/health", headers=bench.login())
    assert "é@example.org" in page.text


def test_a_subject_of_several_lines_becomes_one(bench: Bench, mailbox: tuple[Mailbox, str]) -> None:
    box, address = mailbox
    _put(bench, "manager@example.org", subject="C\u2028 12\x85 prête\n")
    assert outbox.deliver_due(with_smtp(bench, address)) == 1
    assert str(make_header(decode_header(box.mails[0]["Subject"]))) == "C 12 prête"


def test_a_relay_that_is_away_spends_no_try(bench: Bench) -> None:
    _put(bench, "manager@example.org")
    away = with_smtp(bench, "127.0.0.1:1")
    for _ in range(outbox.TRIES_REFUSED + 1):
        assert outbox.deliver_due(away) == 0
        bench.clock.advance(hours=1)
    with bench.context.store.read() as session:
        assert session.scalars(select(OutboxMail)).one().attempts == 0
