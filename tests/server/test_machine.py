"""Reservation as a machine: shops, customers, the provider, producers and a slow wall act in any order;
after each step the books must balance.

Invariants: one live claim per compartment; every captured cent is behind a door or on its way back; a door
is offered only when nobody's goods can be behind it; the audit chain holds.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from firmware.contract import records
from server.background import tick
from server.foundation import audit
from server.grants.models import Credential
from server.lockers.models import Compartment
from server.orders import states as st
from server.orders.models import Claim, Order
from server.payments.models import MoneyEntry, Refund
from server.sitefile.secrets_file import Secrets
from tests.server.bench import Bench
from tests.server.databases import SQLITE, Databases

PAID_STATES = (st.PAID, st.REGISTERED, st.READY, st.COLLECTED, st.EXPIRED, st.REFUNDING, st.REFUNDED)


class Reservation(RuleBasedStateMachine):
    """The server with everybody acting on it; the world's truth of each door is kept here."""

    orders = Bundle("orders")
    databases: Databases
    source: Path
    secrets: Secrets

    @initialize()
    def start(self) -> None:
        """A fresh server."""
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.bench = Bench(self.databases.copy(self.source, self.folder / "server"), self.secrets)
        self.bench.sync()
        self.events = 0
        self.inside: dict[int, bool] = dict.fromkeys(range(1, 6), False)

    def teardown(self) -> None:
        """Nothing stays behind."""
        if hasattr(self, "bench"):
            self.bench.close()
            self.databases.remove(self.bench.folder)
            shutil.rmtree(self.folder)

    @rule(target=orders, products=strategies.sampled_from([("tomates",), ("lait",), ("tomates", "lait")]))
    def hold(self, products: tuple[str, ...]) -> dict[str, Any]:
        """A shop asks."""
        response = self.bench.order(products)
        assert response.status_code in (201, 409)
        found: dict[str, Any] = response.json()
        return found if response.status_code == 201 else {}

    @rule(order=orders, fresh=strategies.booleans())
    def pay(self, order: dict[str, Any], fresh: bool) -> None:
        """The provider tells of a capture, perhaps again, perhaps late."""
        if order:
            self.events += fresh
            number = self.events if fresh else 0
            assert self.bench.webhook(self.bench.event(order, f"e{number}-{order['id']}")).status_code == 202

    @rule(order=orders)
    def forge(self, order: dict[str, Any]) -> None:
        """Somebody else signs."""
        if order:
            assert self.bench.webhook(self.bench.event(order, "forged"), "guess").status_code == 401

    @rule()
    def exchange(self) -> None:
        """The link works for a while."""
        self.bench.sync()

    @rule(producer=strategies.sampled_from(["tilleuls", "source"]))
    def load(self, producer: str) -> None:
        """A producer puts goods behind every reserved door that is empty."""
        for grant in self.bench.device.opens(self.bench.personal(producer)):
            if not self.inside[grant.door]:
                self.inside[grant.door] = True
                self.bench.device.after(grant, records.LOADED, records.PRESENT)

    @rule(order=orders, blind=strategies.booleans())
    def collect(self, order: dict[str, Any], blind: bool) -> None:
        """A customer opens whatever the wall, as it stands, lets them, and takes the goods."""
        if not order:
            return
        for record in list(self.bench.device.held.values()):
            grant = self._customer_grant(record, order)
            if grant is None or not self.inside[grant.door]:
                continue
            self.inside[grant.door] = False
            del self.bench.device.held[grant.grant_id]
            self.bench.device.held[grant.grant_id] = record  # used marks are the firmware's matter
            if blind:
                self.bench.device.after(grant, records.DOUBTFUL, records.BLIND)
            else:
                self.bench.device.after(grant, records.COLLECTED, records.ABSENT)

    def _customer_grant(self, record: bytes, order: dict[str, Any]) -> Any:
        from firmware.contract import grants

        grant = grants.unpack(record)
        with self.bench.context.store.read() as session:
            claim = session.scalars(
                select(Claim).where(Claim.order_id == order["id"], Claim.load == grant.load)
            ).one_or_none()
        return grant if claim is not None and grant.kind == grants.CUSTOMER else None

    @rule(order=orders)
    def refund(self, order: dict[str, Any]) -> None:
        """A manager gives an order up."""
        if order:
            path = f"/api/v1/orders/{order['id']}/refund"
            answer = self.bench.api("POST", path, json={"reason": "why"}, headers=self.bench.login())
            assert answer.status_code in (200, 409)

    @rule(door=strategies.integers(1, 5))
    def look(self, door: int) -> None:
        """A manager looks, takes out what is there if the order is over, and says that it is empty."""
        path = f"/api/v1/controllers/wall-1/doors/{door}/confirm-empty"
        answer = self.bench.api("POST", path, json={"reason": "looked"}, headers=self.bench.login())
        assert answer.status_code in (200, 409)
        if answer.status_code == 200:
            self.inside[door] = False

    @rule(minutes=strategies.sampled_from([1, 36, 370]))
    def wait(self, minutes: int) -> None:
        """Time goes by and timers run; the link stays as it is."""
        self.bench.clock.advance(minutes=minutes)
        tick(self.bench.context)

    @invariant()
    def books_balance(self) -> None:
        """Everything that must always hold."""
        if not hasattr(self, "bench"):
            return
        with self.bench.context.store.read() as session:
            held = session.scalars(select(Claim).where(Claim.state.in_(st.OCCUPYING))).all()
            counts = Counter(claim.compartment_id for claim in held)
            assert all(count == 1 for count in counts.values())
            for order in session.scalars(select(Order)):
                money = Counter[str]()
                for entry in session.scalars(select(MoneyEntry).where(MoneyEntry.order_id == order.id)):
                    money[entry.kind] += entry.amount_cents
                captured, refunded = money["captured"], money["refunded"]
                assert captured in (0, order.total_cents)
                assert (captured > 0) == (order.state in PAID_STATES)
                assert refunded <= captured
                if order.state == st.REFUNDED:
                    assert refunded > 0
                claims = session.scalars(select(Claim).where(Claim.order_id == order.id)).all()
                back = session.scalars(select(Refund).where(Refund.order_id == order.id)).one_or_none()
                for claim in claims:
                    if captured and claim.state in (st.REFUSED, st.CLEARED, st.WITHDRAWN):
                        assert back is not None or claim.state == st.CLEARED
                if order.state in (st.COLLECTED, st.REFUNDED, st.REFUNDING, st.EXPIRED):
                    live = select(Credential.id).where(
                        Credential.order_id == order.id, Credential.ended_at.is_(None)
                    )
                    assert session.scalar(live) is None
            for door in session.scalars(select(Compartment)):
                free = door.contents == "empty" and door.id not in counts
                known = not self._untold(door.number)
                assert not (free and self.inside[door.number] and known), f"door {door.number} is not empty"
            assert audit.verify(session) == ""

    def _untold(self, door: int) -> bool:
        pending = self.bench.device.told[self.bench.sent :]
        return any(record["k"] == "after" and record["d"] == door for record in pending)


def test_reservations_hold_in_every_order_of_events(
    databases: Databases, template: tuple[Path, Secrets]
) -> None:
    Reservation.databases = databases
    Reservation.source, Reservation.secrets = template
    chosen = settings(
        # The rules are the same on both; PostgreSQL takes three times as long for them.
        max_examples=20 if databases.kind == SQLITE else 5,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(Reservation, settings=chosen)


def given_up_after_loading(databases: Databases, template: tuple[Path, Secrets]) -> None:
    """One run by hand: paid, loaded, refunded; the books are looked at after each step."""
    Reservation.databases = databases
    Reservation.source, Reservation.secrets = template
    machine = Reservation()
    try:
        machine.start()
        order = machine.hold(("tomates",))
        steps: tuple[Callable[[], None], ...] = (
            lambda: machine.pay(order, fresh=False),
            machine.exchange,
            lambda: machine.load("tilleuls"),
            machine.exchange,
            lambda: machine.refund(order),
            machine.exchange,
            lambda: machine.wait(1),
        )
        for step in steps:
            step()
            machine.books_balance()
    finally:
        machine.teardown()


def test_an_order_given_up_after_loading_balances(
    databases: Databases, template: tuple[Path, Secrets]
) -> None:
    given_up_after_loading(databases, template)


def test_the_machine_sees_a_code_that_outlives_its_order(
    databases: Databases, template: tuple[Path, Secrets], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.grants.service.revoke", lambda *_args: 0)
    with pytest.raises(AssertionError):
        given_up_after_loading(databases, template)


def test_the_machine_sees_goods_forgotten_behind_a_door(
    databases: Databases, template: tuple[Path, Secrets], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.orders.evidence._loaded", lambda *_args: None)
    with pytest.raises(AssertionError, match="is not empty"):
        given_up_after_loading(databases, template)
