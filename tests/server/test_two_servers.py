"""Two servers at one database, as `python -m server run` starts them: each thing is done once, by whichever
of them, also when one is killed in mid-work."""

import asyncio
import itertools
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import func, select, update

from server.foundation import audit, outbox
from server.foundation.outbox import OutboxMail, send_mail
from server.payments.models import MoneyEntry
from tests.server.bench import SECRET, Bench, make_context
from tests.server.databases import url_of

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


class Relay:
    """A mail relay that keeps what it took; while it is shut, whoever sends waits for its answer."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.open = threading.Event()
        self.open.set()
        self.asking: list[str] = []
        """The senders of what it was asked to take, answered or not."""

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook; cancelled where the sender is gone meanwhile."""
        self.asking.append(str(envelope.mail_from))
        await asyncio.to_thread(self.open.wait, PATIENCE_S)
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content))
        return "250 OK"


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], bool], what: str) -> None:
    """Waits for something that other processes do."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


@pytest.fixture
def relay() -> Iterator[tuple[Relay, str]]:
    """A relay and its address."""
    box, port = Relay(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, enable_SMTPUTF8=False)
    controller.start()
    yield box, f"127.0.0.1:{port}"
    box.open.set()
    controller.stop()


def test_a_slow_relay_gets_no_mail_from_two_servers(bench: Bench, relay: tuple[Relay, str]) -> None:
    """Each mail takes two thirds of a claim: that of the second would be over before its turn, that of the
    third is, and another server has taken it."""
    box, address = relay
    settings = bench.context.settings.model_copy(update={"smtp": address})
    context = replace(bench.context, settings=settings)
    other = replace(make_context(bench.folder, bench.clock), settings=settings)
    with context.store.write() as session:
        for name in "abc":
            to = f"{name}@example.org"
            outbox.send_mail(session, context, to=to, subject=name, text="t", about="order:x")
    sound = smtplib.SMTP.send_message

    by_another: list[int] = []

    def slowly(relay: smtplib.SMTP, *words: Any, **more: Any) -> Any:
        bench.clock.advance(seconds=40)
        with pytest.MonkeyPatch.context() as meanwhile:
            meanwhile.setattr(smtplib.SMTP, "send_message", sound)
            by_another.append(outbox.deliver_due(other))
        return sound(relay, *words, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(smtplib.SMTP, "send_message", slowly)
        assert outbox.deliver_due(context) == 2
    assert by_another == [0, 1]
    assert sorted(str(mail["To"]) for mail in box.mails) == [f"{name}@example.org" for name in "abc"]
    other.store.close()


@dataclass
class Server:
    """One of the two."""

    name: str
    address: str
    process: "subprocess.Popen[bytes]"

    @property
    def sender(self) -> str:
        """By which the relay knows it."""
        return f"{self.name}@example.org"


class Alternating:
    """HTTP to real servers, to one after the other."""

    def __init__(self, servers: list[Server]) -> None:
        self.servers = servers
        self._turns = itertools.count()
        self._clients = {each.name: httpx.Client(base_url=each.address, timeout=30) for each in servers}

    def __call__(self, method: str, path: str, **how: Any) -> httpx.Response:
        """One request, to the next one in turn."""
        server = self.servers[next(self._turns) % len(self.servers)]
        return self.to(server, method, path, **how)

    def to(self, server: Server, method: str, path: str, **how: Any) -> httpx.Response:
        """One request, to this one."""
        return self._clients[server.name].request(method, path, **how)

    def close(self) -> None:
        """Hangs up."""
        for client in self._clients.values():
            client.close()


@pytest.fixture
def pair(bench: Bench, relay: tuple[Relay, str]) -> Iterator[Alternating]:
    """Two servers on the bench's database; the bench speaks to them, by the real clock."""
    bench.clock.moment = datetime.now(UTC)
    servers = []
    for name in ("first", "second"):
        port = free_port()
        config = bench.folder / f"{name}.toml"
        config.touch(0o600)
        config.write_text(
            f'database_url = "{url_of(bench.folder)}"\nlisten = "127.0.0.1:{port}"\n'
            f'webhook_secret = "{SECRET}"\nsmtp = "{relay[1]}"\nmail_from = "{name}@example.org"\n'
        )
        with (bench.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "server", "run", "--config", str(config)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        servers.append(Server(name, f"http://127.0.0.1:{port}", process))
    api = Alternating(servers)

    def is_ready(server: Server) -> bool:
        assert server.process.poll() is None, (bench.folder / f"{server.name}.log").read_text()
        try:
            return api.to(server, "GET", "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        for server in servers:
            until(lambda server=server: is_ready(server), "a server that is ready")  # type: ignore[misc]
        bench.api = api  # type: ignore[assignment]
        yield api
    finally:
        api.close()
        for server in servers:
            server.process.kill()
            server.process.wait()


def test_two_servers_do_each_thing_once_and_one_goes_on_for_a_killed_one(
    bench: Bench, pair: Alternating, relay: tuple[Relay, str]
) -> None:
    box, _address = relay
    numbers: list[int] = []

    def exchange() -> None:
        numbers.extend(item["c"] for item in bench.poll() if bench.cursor)
        bench.clock.moment = datetime.now(UTC)
        if bench.sent < len(bench.device.told):
            bench.flush()

    exchange()
    numbers.clear()  # a snapshot's items have no number of their own
    orders = [bench.order((product,)).json() for product in ("tomates", "lait", "tomates", "lait")]

    # A poll that waits at one server hears what the other did.
    second = pair.servers[1]
    heard: list[httpx.Response] = []
    query = {"since": str(bench.cursor), "epoch": bench.feed_epoch, "wait": "40"}
    waiting = threading.Thread(
        target=lambda: heard.append(
            pair.to(second, "GET", "/v1/gateway/changes", params=query, headers=bench.gateway)
        )
    )
    waiting.start()
    # The provider tells both of each payment, at the same moment.
    for order in orders:
        raw = bench.event(order, f"evt-{order['id']}")
        telling = [threading.Thread(target=lambda raw=raw: bench.webhook(raw)) for _ in pair.servers]
        for each in telling:
            each.start()
        for each in telling:
            each.join()
    waiting.join(PATIENCE_S)
    assert heard[0].json()["items"], "the waiting poll heard of the other's change"

    def states() -> list[str]:
        exchange()
        return [bench.state(order["id"])["state"] for order in orders]

    until(lambda: states() == ["registered"] * 4, "four registered orders")
    manager = bench.login()
    for order in orders[:2]:
        path = f"/api/v1/orders/{order['id']}/refund"
        assert bench.api("POST", path, json={"reason": "why"}, headers=manager).status_code == 200
    until(lambda: states() == ["refunded"] * 2 + ["registered"] * 2, "two refunds")
    until(lambda: len(box.mails) >= 6, "a mail for each code and each refund")
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "each change once, without a hole"

    # One of them is killed while it sends: it took what there is, and has an answer for none.
    box.open.clear()
    box.asking.clear()
    with bench.context.store.write() as session:
        for number in range(5):
            to = f"late-{number}@example.org"
            send_mail(session, bench.context, to=to, subject="s", text="t", about="order:x")
    until(lambda: bool(box.asking), "one of them sends")
    (killed,) = (each for each in pair.servers if each.sender == box.asking[0])
    killed.process.kill()
    killed.process.wait()
    pair.servers.remove(killed)
    box.open.set()
    with bench.context.store.write() as session:  # a minute passes
        session.execute(
            update(OutboxMail).where(OutboxMail.sent_at.is_(None)).values(due_at=datetime.now(UTC))
        )
    until(lambda: len(box.mails) >= 11, "the other sends what the killed one had claimed")
    assert bench.order(("lait",)).status_code == 201

    def all_are_marked() -> bool:
        with bench.context.store.read() as session:
            unsent = select(func.count()).select_from(OutboxMail).where(OutboxMail.sent_at.is_(None))
            return session.scalar(unsent) == 0

    until(all_are_marked, "every mail is marked as sent")
    by_id = Counter(str(mail["Message-ID"]).partition("@")[0] for mail in box.mails)
    assert set(by_id.values()) == {1}, by_id
    assert len(by_id) == 11
    with bench.context.store.read() as session:
        money = Counter(session.scalars(select(MoneyEntry.kind)).all())
        assert money == {"captured": 4, "refunded": 2}
        actions = Counter(session.scalars(select(audit.AuditEntry.action)).all())
        assert (actions["order.paid"], actions["order.registered"], actions["order.refunded"]) == (4, 4, 2)
        assert audit.verify(session) == ""
