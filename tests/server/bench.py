"""A server under test on a real database, a clock that the test moves, and a controller that speaks the
protocol's bytes.

The controller holds its own key, checks every seal and digest as the firmware does, and answers with
numbered records; what it knows of the server it knows from the feed alone.
"""

import asyncio
import json
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from firmware.contract import commands, grants, records, seals
from firmware.contract import config as documents
from server.app import create_app
from server.background import tick
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.ids import Ids
from server.foundation.settings import Settings, read_or_make_key
from server.foundation.vault import Vault
from server.payments.provider import sign
from server.people import logins
from server.sitefile.secrets_file import Secrets
from tests.server.databases import url_of

START = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)
SECRET = "the test provider's secret"


class MovedClock:
    """Time that stands until the test moves it."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        """The test's present."""
        return self.moment

    def monotonic_ms(self) -> int:
        """Follows `moment`."""
        return int((self.moment - START).total_seconds() * 1000)

    def advance(self, **how: float) -> None:
        """Moves time on, as `timedelta` takes it."""
        self.moment += timedelta(**how)


def settings(folder: Path) -> Settings:
    """The settings of a server under test."""
    return Settings(
        database_url=url_of(folder),
        data_key_file=str(folder / "data.key"),
        base_url="http://server.test",
        webhook_secret=SECRET,
    )


def make_context(folder: Path, clock: MovedClock) -> Context:
    """A context over the folder's database."""
    chosen = settings(folder)
    vault = Vault(read_or_make_key(Path(chosen.data_key_file)))
    return Context(chosen, Store(chosen.database_url), clock, Ids(clock), vault)


_APPS: list[FastAPI] = []
"""Apps that no bench uses now. An app knows of one server only by its state, and its routes take a while to
be made: as long as many a test."""


def _app_over(context: Context) -> FastAPI:
    """The app over a context, as `create_app` makes it."""
    if not _APPS:
        return create_app(context)
    app = _APPS.pop()
    app.state.context = context
    app.state.stopping = False
    app.state.background = None
    return app


class Api:
    """HTTP into the app, without a network; one call at a time."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def __call__(self, method: str, path: str, **how: Any) -> httpx.Response:
        """One request."""

        async def call() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://server.test") as client:
                return await client.request(method, path, **how)

        return asyncio.run(call())


@dataclass
class Device:
    """A controller as the server's feed sees it: applies what is sealed for it, tells records."""

    site: str
    name: str
    key: bytes
    epoch: str = "0badcafe"
    boot: int = 1
    uptime_ms: int = 10_000
    config: documents.Config = field(default_factory=documents.factory)
    version: int = 0
    held: dict[int, bytes] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    coils: list[int] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})

    def tell(self, kind: str, lane: int = records.EVENTS, at: datetime | None = None, **fields: Any) -> None:
        """A numbered record, checked against the contract before it leaves."""
        self._numbers[lane] += 1
        record = {
            "v": 1,
            "e": self.epoch,
            "l": lane,
            "b": self.boot,
            "n": self._numbers[lane],
            "u": self.uptime_ms,
            "t": int(at.timestamp()) if at else 0,
            "q": records.DISCIPLINED if at else records.UNKNOWN,
            "k": kind,
            **fields,
        }
        records.check(record)
        self.told.append(record)

    def _unseal(self, leaf: str, payload: str) -> bytes:
        return seals.unseal(seals.derive(self.key, b"doc"), self.site, self.name, leaf, b64decode(payload))

    def take(self, item: dict[str, Any]) -> None:
        """One item of the feed."""
        if item["kind"] == "command":
            self._command(commands.unpack(self._unseal("cmd", item["payload"])))
            return
        bodies = [self._unseal("desired", payload) for payload in item["payloads"]]
        if item["doc"] == "config":
            self.config = documents.unpack(bodies[0])
            self.tell("applied", d="cfg", ver=self.config.version, ok=1)
        else:
            self._grants([grants.unpack_piece(body) for body in bodies])

    def _grants(self, pieces: list[grants.Piece]) -> None:
        first = pieces[0]
        if first.base and first.base != self.version:
            self.tell("applied", d="grants", ver=first.version, ok=0, r="base")
            return
        if first.version <= self.version:
            return
        after = dict(self.held) if first.base else {}
        for piece in pieces:
            for number in piece.deletes:
                after.pop(number, None)
            for record in piece.upserts:
                after[grants.grant_id_of(record)] = record
        assert grants.digest(list(after.values())) == first.set_digest
        self.held, self.version = after, first.version
        self.tell("applied", d="grants", ver=first.version, ok=1, cnt=len(after))

    def _command(self, command: commands.Command) -> None:
        if command.command_id in self.done:
            word: dict[str, Any] = {"st": records.DUPLICATE, "st1": self.done[command.command_id]}
        elif command.boot != self.boot:
            word = {"st": records.OTHER_BOOT}
        elif command.not_after_ms < self.uptime_ms:
            word = {"st": records.LATE}
        else:
            word = {"st": records.DONE, "op": command.op}
            self.done[command.command_id] = records.DONE
            if command.op == commands.OPEN:
                self.coils.append(command.door)
                word |= {"o": records.OPENED}
            if command.op == commands.BLOCK:
                self.tell("block", id=command.block_id, z=command.zone, r="hand")
            if command.op == commands.RELEASE:
                self.tell("release", id=command.block_id, by=command.by)
        self.tell("cmd", id=command.command_id, **word)

    def opens(self, code: str) -> list[grants.Grant]:
        """The grants that a code typed at the keypad names, in the order of the doors."""
        mac = seals.code_mac(seals.derive(self.key, b"code"), code)
        found = [grants.unpack(record) for record in self.held.values()]
        return sorted(
            (each for each in found if mac in (each.short_mac, each.long_mac) and any(mac)),
            key=lambda each: each.door,
        )

    def load(self, code: str, at: datetime | None = None, sensor: int = records.PRESENT) -> list[int]:
        """A loader with a personal code opens every door reserved for them and puts the goods in."""
        doors = []
        for grant in self.opens(code):
            assert grant.kind == grants.LOADER
            self.after(grant, records.LOADED, sensor, at)
            doors.append(grant.door)
        return doors

    def after(self, grant: grants.Grant, result: str, sensor: int, at: datetime | None = None) -> None:
        """A contact cycle under a grant."""
        self.tell("door", at=at, d=grant.door, s=1, x=0)
        self.tell("door", at=at, d=grant.door, s=0, x=0)
        self.tell(
            "after",
            at=at,
            d=grant.door,
            g=grant.grant_id,
            c=grant.credential_id,
            i=sensor,
            r=result,
            ld=grant.load,
        )


class Bench:
    """The server, its API as each person sees it, and the wall."""

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        self.folder = folder
        self.clock = MovedClock()
        self.context = make_context(folder, self.clock)
        self.app = _app_over(self.context)
        self._routes = list(self.app.routes)
        self.api = Api(self.app)
        self.secrets = secrets
        self.device = Device("ferme", "wall-1", bytes.fromhex(secrets["controllers"]["wall-1"]["key"]))
        self.gateway = {"Authorization": f"Bearer {secrets['gateways']['ferme']}"}
        self.shop = {"Authorization": f"Bearer {secrets['shops']['boutique']}"}
        self.cursor = 0
        self.feed_epoch = ""
        self.sent = 0
        self._seq = 0
        self._count = 0

    def close(self) -> None:
        """Closes the database."""
        self.context.store.close()
        if self.app.routes == self._routes:  # else the test made it another app than the server's
            _APPS.append(self.app)

    def login(self, email: str = "manager@example.org") -> dict[str, str]:
        """The header of somebody who is logged in."""
        with self.context.store.write() as session:
            link = logins.make_link(session, self.context, email)
            _, cookie = logins.use_link(session, self.context, link.rpartition("/")[2])
        return {"Authorization": f"Bearer {cookie}"}

    # The shop and its customer.

    def order(self, products: tuple[str, ...] = ("tomates", "lait"), **how: Any) -> httpx.Response:
        """`POST /api/v1/orders`."""
        self._count += 1
        now = self.clock.now()
        body = {
            "reference": how.get("reference", f"R{self._count}"),
            "bank": how.get("bank", "wall-1"),
            "customer": {"email": "client@example.org", "name": "Jeanne", "locale": how.get("locale", "fr")},
            "window": {
                "start": how.get("start", now).isoformat(),
                "end": how.get("end", now + timedelta(hours=6)).isoformat(),
            },
            "lines": [{"product": product, "quantity": 1} for product in products],
        }
        headers = {**self.shop, "Idempotency-Key": how.get("key", f"k{self._count}")}
        return self.api("POST", "/api/v1/orders", json=body, headers=headers)

    def state(self, order_id: str) -> dict[str, Any]:
        """The order as its shop sees it."""
        found: dict[str, Any] = self.api("GET", f"/api/v1/orders/{order_id}", headers=self.shop).json()
        return found

    def event(
        self, order: dict[str, Any], event_id: str, kind: str = "payment.captured", **how: Any
    ) -> bytes:
        """A provider's event about an order."""
        return json.dumps(
            {
                "id": event_id,
                "type": kind,
                "session": order["payment"]["session"],
                "amount_cents": how.get("amount_cents", order["total_cents"]),
                "currency": "EUR",
                "created": int(self.clock.now().timestamp()),
            }
        ).encode()

    def webhook(self, raw: bytes, secret: str = SECRET, stamp: int | None = None) -> httpx.Response:
        """Posts an event with its signature."""
        at = int(self.clock.now().timestamp()) if stamp is None else stamp
        return self.api(
            "POST",
            "/webhooks/payments/test",
            content=raw,
            headers={"Loquet-Signature": sign(secret, at, raw)},
        )

    def pay(self, order: dict[str, Any], event_id: str = "") -> None:
        """A captured payment."""
        response = self.webhook(self.event(order, event_id or f"evt-{order['id']}"))
        assert response.status_code == 202, response.text

    # The gateway and the wall.

    def poll(self) -> list[dict[str, Any]]:
        """The gateway asks what changed and hands it to the controller."""
        if not self.feed_epoch:
            answer = self.api("GET", "/v1/gateway/snapshot", headers=self.gateway)
        else:
            query = {
                "since": str(self.cursor),
                "epoch": self.feed_epoch,
                "online": f"wall-1,{self.device.boot},{self.device.uptime_ms}",
            }
            answer = self.api("GET", "/v1/gateway/changes", params=query, headers=self.gateway)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        self.feed_epoch, self.cursor = found["epoch"], found["cursor"]
        items: list[dict[str, Any]] = found["items"]
        for item in items:
            if item["device"] == self.device.name:
                self.device.take(item)
        return items

    def batch(self, fresh: list[dict[str, Any]], **how: Any) -> httpx.Response:
        """`POST /v1/gateway/batches` with the next numbers."""
        first = how.get("first", self._seq + 1)
        body = {
            "epoch": how.get("epoch", "00112233445566ff"),
            "lane": how.get("lane", "events"),
            "items": [
                {
                    "seq": first + at,
                    "device": how.get("device", "wall-1"),
                    "received_ms": int(self.clock.now().timestamp() * 1000),
                    "record": record,
                }
                for at, record in enumerate(fresh)
            ],
        }
        answer = self.api("POST", "/v1/gateway/batches", json=body, headers=self.gateway)
        if answer.status_code == 200 and how.get("lane", "events") == "events":
            self._seq = max(self._seq, answer.json()["upto"])
        return answer

    def flush(self) -> httpx.Response:
        """The gateway hands up what the controller told since."""
        fresh = self.device.told[self.sent :]
        answer = self.batch(fresh)
        assert answer.status_code == 200, answer.text
        assert answer.json()["rejected"] == []
        self.sent = len(self.device.told)
        return answer

    def sync(self) -> None:
        """Feed down, records up, until both are still."""
        self.poll()
        while self.poll() or self.sent < len(self.device.told):
            self.flush()
        tick(self.context)

    # What only a test may look at: codes.

    def codes(self, order_id: str) -> tuple[str, str]:
        """(short, long) of an order's live code, as the customer's page shows them."""
        from server.grants import codes, service

        with self.context.store.read() as session:
            credential = service.customer_credential(session, order_id)
            return codes.shown(self.context, credential) if credential else ("", "")

    def personal(self, producer: str) -> str:
        """A producer's own code at the wall."""
        from server.grants import codes, personal

        with self.context.store.read() as session:
            credential = personal.find(session, "wall-1", producer)
            assert credential is not None
            return codes.shown(self.context, credential)[1]
