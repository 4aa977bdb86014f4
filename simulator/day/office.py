"""The server of a simulated day: its services over SQLite in memory, without HTTP.

Each method is what an endpoint or a page does for one request: one transaction, one service call.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server import wiring
from server.alarms import service as alarms
from server.alarms.models import Alarm
from server.background import tick
from server.foundation import migrate, timers
from server.foundation.audit import AuditEntry
from server.foundation.clock import unix_ms
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.errors import Conflict
from server.foundation.ids import Ids
from server.foundation.settings import Settings
from server.foundation.vault import Vault
from server.gateways import feed, intake, presence, snapshot
from server.gateways.models import Gateway
from server.gateways.schemas import Batch
from server.grants import codes, personal, service
from server.lockers import blocks, commands
from server.lockers.models import DOUBTFUL, Compartment
from server.orders import ending, holding
from server.orders.models import Claim, Order
from server.orders.states import OCCUPYING
from server.payments import sessions
from server.payments.endpoints import receive
from server.payments.provider import CAPTURED, sign
from server.people import logins
from server.people.logins import Signed
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


class Office:
    """One server with everything in memory."""

    def __init__(self, site_file: SiteFile, timeline: Timeline, diary: Diary) -> None:
        chance = timeline.chance("server")
        self._diary = diary
        self._said = 0
        self._names: dict[str, str] = {}
        self.site_file = site_file
        self.after: Callable[[bool], None] = _nobody
        """Called after each transaction; true if the audit has new lines."""
        self.bank = site_file.sites[0].controllers[0].id
        settings = Settings(database_url="sqlite://", webhook_secret="simulated", base_url="http://simulated")
        self.context = Context(
            settings,
            Store(settings.database_url),
            timeline,
            Ids(timeline, chance.randbytes),
            Vault(chance.randbytes(32)),
        )
        wiring.wire()
        migrate.upgrade(self.context.store)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "secrets.json"
            self.secrets: Secrets = secrets_file.complete(
                path, site_file, self.context.ids.token, "simulated"
            )
        with self.context.store.write() as session:
            loading.load(session, self.context, site_file, self.secrets)
        timers.ensure_periodic(self.context)
        self.manager = self._log_in(next(p.email for p in site_file.people if p.role == "manager"))

    def close(self) -> None:
        """Forget everything."""
        self.context.store.close()

    def _log_in(self, email: str) -> Signed:
        with self.context.store.write() as session:
            link = logins.make_link(session, self.context, email)
            return logins.use_link(session, self.context, link.rpartition("/")[2])[0]

    # the gateway's API.

    def batch(self, site_id: str, epoch: str, lane: str, items: list[dict[str, Any]]) -> int:
        """Takes a batch; how far the lane is now. Raises RejectedError: nothing sound is ever put aside."""
        body = Batch.model_validate({"epoch": epoch, "lane": lane, "items": items})
        with self.context.store.write() as session:
            answer = intake.take(session, self.context, site_id, body)
        if answer.rejected:
            raise RejectedError(f"the server put a record aside: {answer.rejected[0].code}")
        self._changed()
        return answer.upto

    def changes(
        self, site_id: str, epoch: str, since: int, online: list[tuple[str, int, int]]
    ) -> dict[str, Any]:
        """The feed after a cursor, as JSON."""
        now = self.context.clock.now()
        with self.context.store.write() as session:
            there = [presence.Online(*each) for each in online]
            presence.note(session, site_id, there, now)
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
        """Timers, refunds."""
        if tick(self.context):
            self._changed()

    # a shop and its customer.

    def order(self, reference: str, products: list[str], start: datetime, end: datetime) -> str | None:
        """An order's id; None if the wall is full then."""
        new = holding.NewOrder(
            shop_id=self.site_file.shops[0].id,
            reference=reference,
            bank=self.bank,
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
        self._changed()
        return made.id

    def pay(self, order_id: str, event_id: str) -> str:
        """The provider's signed webhook; what it came to."""
        with self.context.store.read() as session:
            payment = sessions.of_order(session, order_id)
        if payment is None:
            raise LookupError(order_id)
        now = int(self.context.clock.now().timestamp())
        raw = json.dumps(
            {
                "id": event_id,
                "type": CAPTURED,
                "session": payment.session,
                "amount_cents": payment.amount_cents,
                "currency": payment.currency,
                "created": now,
            }
        ).encode()
        outcome = receive(self.context, raw, sign(self.context.settings.webhook_secret, now, raw))
        self._changed()
        return outcome

    def look(self, order_id: str) -> Look:
        """The customer's page."""
        with self.context.store.read() as session:
            order = session.get_one(Order, order_id)
            doors = session.scalars(
                select(Compartment.number)
                .join(Claim, Claim.compartment_id == Compartment.id)
                .where(Claim.order_id == order_id, Claim.state.in_(OCCUPYING))
                .order_by(Compartment.number)
            ).all()
            credential = service.customer_credential(session, order_id)
            shown = codes.shown(self.context, credential) if credential else ("", "")
            state = order.state
        self._diary.secrets.update(code for code in shown if code)
        return Look(state, tuple(doors), shown)

    def personal_code(self, producer: str) -> str:
        """A producer's own code, from their page."""
        with self.context.store.read() as session:
            credential = personal.find(session, self.bank, producer)
            code = codes.shown(self.context, credential)[1] if credential else ""
        self._diary.secrets.add(code)
        return code

    # the manager's pages.

    def live_blocks(self) -> list[tuple[str, str, bool]]:
        """(id, zone, whether a release is on its way) of each block in force."""
        with self.context.store.read() as session:
            found = blocks.live(session, self.bank)
            return [(block.id, block.zone_key, block.requested_at is not None) for block in found]

    def release(self, block: str) -> bool:
        """Ask for a block's release; False if the controller is not connected."""
        try:
            with self.context.store.write() as session:
                commands.release_block(session, self.context, self.manager, block, "checked the goods")
        except Conflict:
            return False
        self._changed()
        return True

    def open(self, door: int, reason: str) -> bool:
        """A remote opening; False if the controller is not connected."""
        try:
            with self.context.store.write() as session:
                commands.open_door(session, self.context, self.manager, self.bank, door, reason)
        except Conflict:
            return False
        self._changed()
        return True

    def unclear(self) -> list[tuple[int, str]]:
        """(door, claim's state or "") of each compartment that a person has to look into."""
        with self.context.store.read() as session:
            rows = session.execute(
                select(Compartment.number, Compartment.contents, Claim.state)
                .outerjoin(Claim, (Claim.compartment_id == Compartment.id) & Claim.state.in_(OCCUPYING))
                .where(Compartment.controller_id == self.bank)
                .order_by(Compartment.number)
            ).all()
        waiting = ("expired", "withdrawn", "doubtful")
        return [
            (row[0], row[2] or "") for row in rows if row[2] in waiting or (row[1] == DOUBTFUL and not row[2])
        ]

    def confirm_empty(self, door: int) -> bool:
        """The manager has looked; False if an order has its goods there, or the door is open."""
        try:
            with self.context.store.write() as session:
                ending.confirm_empty(session, self.context, self.manager, self.bank, door, "looked inside")
        except Conflict:
            return False
        self._changed()
        return True

    def refund_blocked(self, order_id: str) -> bool:
        """The customer takes the money back, if that is offered."""
        try:
            with self.context.store.write() as session:
                order = session.get_one(Order, order_id)
                ending.refund_by_customer(session, self.context, order)
        except Conflict:
            return False
        self._changed()
        return True

    def acknowledge_alarms(self) -> int:
        """The manager takes note of every open alarm; how many."""
        with self.context.store.write() as session:
            fresh = [alarm for alarm in alarms.open_alarms(session) if alarm.acknowledged_at is None]
            for alarm in fresh:
                alarms.acknowledge(session, self.context, alarm.id, self.manager, "seen")
        if fresh:
            self._changed()
        return len(fresh)

    # the log.

    def _changed(self) -> None:
        """Tell what the audit has new: everything that opens, refunds or changes state is there."""
        with self.context.store.read() as session:
            fresh = session.scalars(
                select(AuditEntry).where(AuditEntry.id > self._said).order_by(AuditEntry.id)
            ).all()
            told = [(entry.action, self._about(session, entry)) for entry in fresh]
            self._said = fresh[-1].id if fresh else self._said
        self.after(bool(told))
        for action, about in told:
            self._diary.counts[action] += 1
            if action.startswith(_TOLD):
                self._diary.say("server", f"{action} {about}".rstrip())

    def _about(self, session: Session, entry: AuditEntry) -> str:
        kind, _, name = entry.subject.partition(":")
        if kind == "order":
            return self._names.get(name, "")
        if kind == "alarm":
            alarm = session.get(Alarm, name)
            return "" if alarm is None else f"{alarm.kind} {alarm.zone_key} {alarm.door or ''}".strip()
        door = entry.details.get("door")
        return f"door {door}" if door else str(entry.details.get("zone", ""))


class RejectedError(Exception):
    """The server put a record aside that our own controller had written."""


def _nobody(_is_audited: bool) -> None:
    """Nobody looks."""
