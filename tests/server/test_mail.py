"""Mails through a real SMTP server: sent once when it takes them, kept while it does not, in the customer's
language."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from server.foundation import outbox
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
    controller = Controller(box, hostname="127.0.0.1", port=port)
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


@pytest.mark.parametrize(("locale", "word"), [("fr", "Votre code : "), ("en", "Your code: ")])
def test_the_customers_mail_has_code_long_code_and_link(
    bench: Bench, mailbox: tuple[Mailbox, str], locale: str, word: str
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
