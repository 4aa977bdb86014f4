"""The server of a simulated day: its services over SQLite in memory, without HTTP.

Each method is what an endpoint does for one request of a gateway, a shop or a customer: one transaction, one
service call. While `is_up` is False nobody may call any of them; people wait for `there()`.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server import wiring
from server.alarms.models import Alarm
from server.background import tick
from server.foundation import migrate, timers
from server.foundation.audit import AuditEntry
from server.foundation.clock import unix_ms
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.errors import Conflict, Unauthorized
from server.foundation.ids import Ids
from server.foundation.settings import Settings
from server.foundation.vault import Vault
from server.gateways import feed, intake, presence, restored, snapshot
from server.gateways.models import Gateway
from server.gateways.schemas import Batch
from server.grants import codes, personal, service
from server.lockers import hearing
from server.lockers.models import Compartment
from server.orders import ending, holding
from server.orders.models import Claim, Order
from server.orders.states import OCCUPYING
from server.payments import sessions
from server.payments.endpoints import receive
from server.payments.provider import CAPTURED, sign
from server.sitefile import loading, secrets_file
from server.sitefile.document import SiteFile
from server.sitefile.secrets_file import Secrets
from simulator.day.diary import Diary
from simulator.day.timeline import Timeline

_TOLD = ("order.", "payment.", "refund.", "alarm.", "block.", "door.", "contents.", "claim.", "excursion.")
"""Audit lines that make a line of the log."""


@dataclass(frozen=True)
class Look:
    """An order as its customer's page shows it. `codes`: short and long, "" before they exist and after their
    end.
    """

    state: str
    doors: tuple[int, ...]
    codes: tuple[str, str]


class Clock:
    """The server's own clocks (`server.foundation.clock.Clock`); its wall clock can be wrong."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.offset = timedelta()

    def now(self) -> datetime:
        """What this machine takes for the present."""
        return self._timeline.now() + self.offset

    def monotonic_ms(self) -> int:
        """Milliseconds that never jump."""
        return self._timeline.monotonic_ms()


_STORES: list[Store] = []
"""Of offices that closed: empty, but their statements are compiled, which takes a tenth of a short run."""


class Office:
    """One server with everything in memory. `after` is called after each transaction with what the audit has
    new.
    """

    def __init__(self, site_file: SiteFile, timeline: Timeline, diary: Diary) -> None:
        chance = timeline.chance("server")
        self.diary = diary
        self.clock = Clock(timeline)
        self._said = 0
        self._names: dict[str, str] = {}
        self._awaited: dict[str, asyncio.Event] = {}
        self.site_file = site_file
        self.is_up = True
        self._up = asyncio.Event()
        self._up.set()
        self.is_excused: Callable[[str, str], bool] = lambda _device, _code: False
        """Whether a record of a controller may be put aside for this reason."""
        self.after: Callable[[list[AuditEntry]], None] = lambda _lines: None
        settings = Settings(database_url="sqlite://", webhook_secret="simulated", base_url="http://simulated")
        self.context = Context(
            settings,
            _STORES.pop() if _STORES else Store(settings.database_url),
            self.clock,
            Ids(self.clock, chance.randbytes),
            Vault(chance.randbytes(32)),
        )
        self._raw = self.context.store.writer.raw_connection()
        self.database: Any = self._raw.driver_connection
        """The connection below everything, to be used between transactions."""
        wiring.wire()
        _blank().backup(self.database)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "secrets.json"
            self.secrets: Secrets = secrets_file.complete(
                path, site_file, self.context.ids.token, "simulated"
            )
        with self.context.store.write() as session:
            loading.load(session, self.context, site_file, self.secrets)
        timers.ensure_periodic(self.context)

    def close(self) -> None:
        """Forget everything."""
        self._raw.close()
        self.context.store.close()
        _STORES.append(self.context.store)

    def power(self, on: bool) -> None:
        """The server goes down, or comes back with what it had on disk."""
        self.is_up = on
        if on:
            self._up.set()
        else:
            self._up.clear()

    async def there(self) -> None:
        """Return when the server can be reached."""
        await self._up.wait()

    def backup(self) -> Any:
        """The whole database as it is now."""
        copy = type(self.database)(":memory:")
        self.database.backup(copy)
        return copy

    def restore(self, copy: Any) -> None:
        """An older database in place of the present one. `begin_again` before anybody reaches it."""
        copy.backup(self.database)
        row = self.database.execute("SELECT count FROM audit_head").fetchone()
        self._said = row[0] if row else 0

    def begin_again(self) -> None:
        """What a restored server owes to those who know more than it does, as `./loquet restore` sees to."""
        with self.context.store.write() as session:
            restored.begin_again(session, self.context)
        for event in self._awaited.values():
            event.set()
        self.changed()

    # the gateways' API.

    def batch(self, site_id: str, epoch: str, lane: str, items: list[dict[str, Any]]) -> tuple[int, int]:
        """Takes a batch; how far the lane is now, and the server's time. Raises Conflict with `expect`, and
        RejectedError: nothing sound is ever put aside.
        """
        body = Batch.model_validate({"epoch": epoch, "lane": lane, "items": items})
        with self.context.store.write() as session:
            answer = intake.take(session, self.context, site_id, body)
        for refused in answer.rejected:
            device = next(str(item["device"]) for item in items if item["seq"] == refused.seq)
            if not self.is_excused(device, refused.code):
                raise RejectedError(f"the server put a record of {device} aside: {refused.code}")
        self.changed()
        return answer.upto, answer.now_ms

    def changes(
        self, site_id: str, epoch: str, since: int, online: list[tuple[str, int, int]]
    ) -> dict[str, Any]:
        """The feed after a cursor, as JSON. Raises Gone."""
        now = self.context.clock.now()
        with self.context.store.write() as session:
            there = [presence.Online(*each) for each in online]
            presence.note(session, site_id, there, now)
        hearing.mark(self.context.clock, site_id, now)
        with self.context.store.read() as session:
            cursor, items = feed.after(session, site_id, epoch, since)
        return {"epoch": epoch, "cursor": cursor, "now_ms": unix_ms(now), "items": items}

    def snapshot(self, site_id: str) -> dict[str, Any]:
        """The whole desired state, as JSON."""
        with self.context.store.read() as session:
            gateway = session.get_one(Gateway, site_id)
            items = snapshot.items(session, self.context, site_id)
            return {
                "epoch": gateway.feed_epoch,
                "cursor": gateway.feed_last,
                "now_ms": unix_ms(self.context.clock.now()),
                "items": [{"c": gateway.feed_last, **item} for item in items],
            }

    def tick(self) -> None:
        """Timers, refunds, mails."""
        if tick(self.context):
            self.changed()

    # a shop and its customers.

    def order(
        self, bank: str, reference: str, products: list[str], start: datetime, end: datetime
    ) -> str | None:
        """An order's id; None if the wall is full then."""
        new = holding.NewOrder(
            shop_id=self.site_file.shops[0].id,
            reference=reference,
            bank=bank,
            email="client@example.org",
            name="Jeanne",
            locale="fr",
            start=start,
            end=end,
            lines=tuple(holding.Wanted(product, 1) for product in products),
        )
        try:
            with self.context.store.write() as session:
                made = holding.hold(session, self.context, new, f"shop:{new.shop_id}")
        except Conflict as refusal:
            if refusal.code != "full":
                raise
            return None
        self._names[made.id] = reference
        self._awaited[made.id] = asyncio.Event()
        self.changed()
        return made.id

    def session_of(self, order_id: str) -> tuple[str, int, str]:
        """The payment session that the provider shows: name, cents, currency."""
        with self.context.store.read() as session:
            payment = sessions.of_order(session, order_id)
            if payment is None:
                raise LookupError(order_id)
            return payment.session, payment.amount_cents, payment.currency

    def webhook(self, event_id: str, paid: tuple[str, int, str], *, forged: bool = False) -> str:
        """The provider says that a session was paid; what it came to, "refused" if its signature is wrong."""
        now = int(self.context.clock.now().timestamp())
        name, cents, currency = paid
        raw = json.dumps(
            {
                "id": event_id,
                "type": CAPTURED,
                "session": name,
                "amount_cents": cents,
                "currency": currency,
                "created": now,
            }
        ).encode()
        secret = "a thief's" if forged else self.context.settings.webhook_secret
        try:
            outcome = receive(self.context, raw, sign(secret, now, raw))
        except Unauthorized:
            return "refused"
        self.changed()
        return outcome

    def look(self, order_id: str) -> Look | None:
        """The customer's page; None if the server knows nothing of such an order (it was restored)."""
        with self.context.store.read() as session:
            order = session.get(Order, order_id)
            if order is None:
                return None
            doors = session.scalars(
                select(Compartment.number)
                .join(Claim, Claim.compartment_id == Compartment.id)
                .where(Claim.order_id == order_id, Claim.state.in_(OCCUPYING))
                .order_by(Compartment.number)
            ).all()
            credential = service.customer_credential(session, order_id)
            shown = codes.shown(self.context, credential) if credential else ("", "")
            state = order.state
        self.diary.keep_secret(*shown)
        return Look(state, tuple(doors), shown)

    async def news(self, order_id: str) -> None:
        """Return when something has happened to an order: its customer gets a mail."""
        event = self._awaited[order_id]
        event.clear()
        await event.wait()

    def personal_code(self, bank: str, producer: str) -> str:
        """A producer's own code at a wall, from their page; "" if there is none."""
        with self.context.store.read() as session:
            credential = personal.find(session, bank, producer)
            code = codes.shown(self.context, credential)[1] if credential else ""
        self.diary.keep_secret(code)
        return code

    def refund_blocked(self, order_id: str) -> bool:
        """The customer takes the money back, if that is offered."""
        try:
            with self.context.store.write() as session:
                order = session.get_one(Order, order_id)
                ending.refund_by_customer(session, self.context, order)
        except Conflict:
            return False
        self.changed()
        return True

    # the log.

    def changed(self) -> None:
        """Tell what the audit has new: everything that opens, refunds or changes state is there."""
        row = self.database.execute("SELECT count FROM audit_head").fetchone()
        if row is None or row[0] == self._said:
            self.after([])
            return
        with self.context.store.read() as session:
            fresh = list(
                session.scalars(select(AuditEntry).where(AuditEntry.id > self._said).order_by(AuditEntry.id))
            )
            told = [(entry.action, entry.subject, self._about(session, entry)) for entry in fresh]
        self._said = fresh[-1].id if fresh else self._said
        self.after(fresh)
        for action, subject, about in told:
            self.diary.counts[action] += 1
            if action.startswith(_TOLD):
                self.diary.say("server", f"{action} {about}".rstrip())
            awaited = self._awaited.get(subject.removeprefix("order:"))
            if awaited is not None:
                awaited.set()

    def _about(self, session: Session, entry: AuditEntry) -> str:
        kind, _, name = entry.subject.partition(":")
        if kind == "order":
            return self._names.get(name, "")
        if kind == "alarm":
            alarm = session.get(Alarm, name)
            if alarm is None:
                return ""
            return " ".join(
                filter(None, (alarm.kind, alarm.controller_id, alarm.zone_key, str(alarm.door or "")))
            )
        door = entry.details.get("door")
        return f"door {door}" if door else str(entry.details.get("zone", ""))


@cache
def _blank() -> Any:
    """A database with every table and nothing in it: made once in a process."""
    store = Store("sqlite://")
    migrate.upgrade(store)
    raw = store.writer.raw_connection()
    database: Any = raw.driver_connection
    copy = type(database)(":memory:")
    database.backup(copy)
    raw.close()
    store.close()
    return copy


class RejectedError(Exception):
    """The server put a record aside that our own controller had written."""
