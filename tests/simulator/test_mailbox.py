"""The mailbox takes mail over real SMTP sessions and hands it to whoever waits."""

import asyncio
import smtplib
from email.message import EmailMessage

import pytest

from simulator import mailbox as mailbox_module
from simulator.mailbox import Mailbox, MailboxError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def letter(subject: str, text: str = "Bonjour", to: str = "client@example.org") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "loquet@example.org"
    message["To"] = to
    message["Subject"] = subject
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    return message


def send(port: int, *messages: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as session:
        for message in messages:
            session.send_message(message)


async def test_mail_is_read_with_accents_and_links() -> None:
    async with Mailbox() as mailbox:
        text = "Votre code : 1234.\nPage : http://127.0.0.1:8000/c/abc?x=1.\n"
        await asyncio.to_thread(send, mailbox.port, letter("Commande payée : à préparer", text))
        mail = await mailbox.wait_for(lambda mail: mail.to("CLIENT@example.org"), 5)
    assert mail.subject == "Commande payée : à préparer"
    assert mail.number == mailbox.count == 1
    assert mail.links == ["http://127.0.0.1:8000/c/abc?x=1"]
    assert mail.sender == "loquet@example.org"


async def test_a_mail_still_to_come_is_waited_for() -> None:
    async with Mailbox() as mailbox:
        waiting = asyncio.create_task(mailbox.wait_for(lambda mail: mail.subject == "deux", 5))
        await asyncio.to_thread(send, mailbox.port, letter("un"), letter("deux"))
        assert (await waiting).number == 2


async def test_only_mails_after_a_number_count() -> None:
    async with Mailbox() as mailbox:
        await asyncio.to_thread(send, mailbox.port, letter("un"), letter("un"))
        assert (await mailbox.wait_for(lambda mail: mail.subject == "un", 5, after=1)).number == 2


async def test_waiting_in_vain_says_what_came_without_its_text() -> None:
    async with Mailbox() as mailbox:
        await asyncio.to_thread(send, mailbox.port, letter("un", "code 4711"))
        with pytest.raises(MailboxError, match=r"'un' to client@example\.org") as caught:
            await mailbox.wait_for(lambda mail: mail.subject == "deux", 0.05)
    assert "4711" not in str(caught.value)


async def test_a_refusing_mailbox_keeps_nothing() -> None:
    async with Mailbox() as mailbox:
        mailbox.refusing = True
        with pytest.raises(smtplib.SMTPDataError):
            await asyncio.to_thread(send, mailbox.port, letter("un"))
        assert mailbox.mails == []


async def test_the_oldest_go_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_module, "KEPT", 2)
    async with Mailbox() as mailbox:
        await asyncio.to_thread(send, mailbox.port, *(letter(str(number)) for number in range(3)))
        assert [mail.subject for mail in mailbox.mails] == ["1", "2"]
        assert (mailbox.dropped, mailbox.count) == (1, 3)
        assert mailbox.mail(1) is None


async def test_a_taken_port_is_named() -> None:
    async with Mailbox() as first:
        with pytest.raises(MailboxError, match=str(first.port)):
            await Mailbox(first.port).start()
