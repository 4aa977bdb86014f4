"""The mail server of the simulated sites: takes every mail on loopback, delivers none, and shows them all.

It speaks SMTP as any mail relay does, so the server's outbox can't tell the difference. Mails are kept in
memory, newest last, at most `KEPT`; older ones are dropped and counted.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

LOOPBACK = "127.0.0.1"
KEPT = 1000
"""Mails kept; a demo left up for days stays bounded."""
LARGEST_BYTES = 2_000_000
LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
"""An address in a mail's text, without the full stop after it."""


class MailboxError(Exception):
    """The mailbox can't listen, or the mail waited for did not come; the text says what came instead."""


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived. `number` counts from 1 and never repeats; `text` is its plain text."""

    number: int
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str

    @property
    def links(self) -> list[str]:
        """The addresses in the text, in order."""
        return LINK.findall(self.text)

    def to(self, address: str) -> bool:
        """Whether the mail was sent to this address (case does not matter)."""
        return address.lower() in (recipient.lower() for recipient in self.recipients)


def read_mail(number: int, received_at: datetime, sender: str, recipients: list[str], raw: bytes) -> Mail:
    """A mail from the bytes on the wire. Without a plain part its text is empty; nothing is refused."""
    message = message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
    part = message.get_body(preferencelist=("plain",))
    text = "" if part is None else str(part.get_content())
    return Mail(number, received_at, sender, tuple(recipients), str(message.get("Subject", "")), text.strip())


class Mailbox:
    """An SMTP server in the running loop: `async with Mailbox() as mailbox`, then `mailbox.port`.

    `port` 0 takes a free one. `refusing` makes it answer 451 to every mail, as a relay in trouble does.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.refusing = False
        self.dropped = 0
        self._mails: deque[Mail] = deque()
        self._count = 0
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Transport] = set()
        self._arrived = asyncio.Condition()

    @property
    def mails(self) -> list[Mail]:
        """The mails kept, oldest first."""
        return list(self._mails)

    @property
    def count(self) -> int:
        """How many mails have ever arrived: the number of the newest."""
        return self._count

    def mail(self, number: int) -> Mail | None:
        """The mail of this number, if it is still kept."""
        return next((mail for mail in self._mails if mail.number == number), None)

    async def start(self) -> None:
        """Listen on loopback. Raises MailboxError if the port is taken."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._session, LOOPBACK, self.port)
        except OSError as error:
            raise MailboxError(f"the mailbox can't listen on port {self.port}: {error.strerror}") from error
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end the sessions in progress."""
        if self._server is None:
            return
        self._server.close()
        for transport in list(self._sessions):
            transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> "Mailbox":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def wait_for(
        self,
        predicate: Callable[[Mail], bool],
        timeout: float,  # noqa: ASYNC109 (it becomes an error that says what came)
        after: int = 0,
    ) -> Mail:
        """The first mail numbered above `after` that satisfies `predicate`, already here or still to come.

        Raises MailboxError after `timeout` seconds, listing what did arrive (subjects and recipients only).
        """

        def found() -> Mail | None:
            return next((mail for mail in self._mails if mail.number > after and predicate(mail)), None)

        async def arrival() -> Mail:
            async with self._arrived:
                while (mail := found()) is None:
                    await self._arrived.wait()
                return mail

        try:
            return await asyncio.wait_for(arrival(), timeout)
        except TimeoutError:
            seen = [
                f"{mail.subject!r} to {', '.join(mail.recipients)}"
                for mail in self._mails
                if mail.number > after
            ]
            raise MailboxError(
                f"no such mail within {timeout:g} s; arrived: {'; '.join(seen) or 'none'}"
            ) from None

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one mail (the name is aiosmtpd's); the answer is the SMTP reply."""
        if self.refusing:
            return "451 the mailbox is refusing mail"
        raw = envelope.content
        content = raw.encode() if isinstance(raw, str) else raw or b""
        await self.deliver(envelope.mail_from or "", list(envelope.rcpt_tos), content)
        return "250 kept"

    async def deliver(self, sender: str, recipients: list[str], raw: bytes) -> Mail:
        """Keep one mail as it came, and wake who waits for it."""
        async with self._arrived:
            self._count += 1
            mail = read_mail(self._count, datetime.now(UTC), sender, recipients, raw)
            self._mails.append(mail)
            if len(self._mails) > KEPT:
                self._mails.popleft()
                self.dropped += 1
            self._arrived.notify_all()
        return mail

    def _session(self) -> asyncio.BaseProtocol:
        return _CountedSession(self._sessions, self)


class _CountedSession(SMTP):
    """An SMTP session that the mailbox can end."""

    def __init__(self, sessions: set[asyncio.Transport], handler: Mailbox) -> None:
        super().__init__(
            handler,
            data_size_limit=LARGEST_BYTES,
            enable_SMTPUTF8=True,
            hostname="loquet-mailbox",
            loop=asyncio.get_running_loop(),
        )
        self._sessions = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the session while it lasts."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.Transport):
            self._sessions.add(transport)
            self._mine = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the session."""
        self._sessions.discard(self._mine)
        super().connection_lost(error)
