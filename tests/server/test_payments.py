"""Webhooks twice, late, reordered, forged or wrong: one effect, or none, and never money without a door or
its return."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from server.background import tick
from server.foundation.outbox import OutboxMail
from server.payments.models import MoneyEntry
from tests.server.bench import Bench


def ledger(bench: Bench, order: dict[str, Any]) -> list[tuple[str, int]]:
    """(kind, cents) of an order's money."""
    with bench.context.store.read() as session:
        rows = session.scalars(
            select(MoneyEntry).where(MoneyEntry.order_id == order["id"]).order_by(MoneyEntry.id)
        )
        return [(row.kind, row.amount_cents) for row in rows]


def test_the_same_event_twice_has_one_effect(bench: Bench) -> None:
    order = bench.order().json()
    raw = bench.event(order, "evt-1")
    assert bench.webhook(raw).status_code == 202
    assert bench.webhook(raw).status_code == 202
    assert ledger(bench, order) == [("captured", 630)]
    assert bench.state(order["id"])["state"] == "paid"


def test_two_events_of_one_capture_have_one_effect(bench: Bench) -> None:
    order = bench.order().json()
    bench.pay(order, "evt-1")
    bench.pay(order, "evt-2")
    assert ledger(bench, order) == [("captured", 630)]


def test_events_out_of_order_end_in_the_same_state(bench: Bench) -> None:
    order = bench.order().json()
    for number, kind in enumerate(("payment.captured", "payment.created", "payment.failed")):
        assert bench.webhook(bench.event(order, f"evt-{number}", kind)).status_code == 202
    assert bench.state(order["id"])["state"] == "paid"
    assert bench.state(order["id"])["payment"]["state"] == "captured"


def test_a_failed_payment_keeps_the_hold(bench: Bench) -> None:
    order = bench.order().json()
    bench.webhook(bench.event(order, "evt-1", "payment.failed"))
    assert bench.state(order["id"])["state"] == "held"
    bench.pay(order)
    assert bench.state(order["id"])["state"] == "paid"


@pytest.mark.parametrize(
    ("secret", "age", "change"),
    [("another secret", 0, b""), (None, 301, b""), (None, -301, b""), (None, 0, b" ")],
    ids=["forged", "old", "ahead", "altered"],
)
def test_a_forged_old_or_altered_event_is_refused(
    bench: Bench, secret: str | None, age: int, change: bytes
) -> None:
    order = bench.order().json()
    raw = bench.event(order, "evt-1")
    stamp = int(bench.clock.now().timestamp()) - age
    if change:
        from server.payments.provider import sign

        header = sign(bench.context.settings.webhook_secret, stamp, raw)
        answer = bench.api(
            "POST", "/webhooks/payments/test", content=raw + change, headers={"Loquet-Signature": header}
        )
    else:
        answer = bench.webhook(raw, secret or bench.context.settings.webhook_secret, stamp)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert ledger(bench, order) == []
    assert bench.state(order["id"])["state"] == "held"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"id":1}', b"\xff", b'{"id":"a\\u0000"}'])
def test_a_signed_event_that_is_none_is_a_bad_request(bench: Bench, raw: bytes) -> None:
    assert bench.webhook(raw).status_code == 400


def test_another_amount_buys_nothing_and_is_noted(bench: Bench) -> None:
    order = bench.order().json()
    assert bench.webhook(bench.event(order, "evt-1", amount_cents=1)).status_code == 202
    assert bench.state(order["id"])["state"] == "held"
    lines = bench.api("GET", "/api/v1/audit", headers=bench.login()).json()["items"]
    assert any(line["action"] == "payment.mismatch" for line in lines)
    page = bench.api("GET", "/manager/orders", headers=bench.login()).text
    assert f'data-mismatch="{order["id"]}"' in page
    assert "0,01" in page
    assert "6,30" in page
    with bench.context.store.read() as session:
        (mail,) = session.scalars(select(OutboxMail)).all()
        assert mail.recipient == "manager@example.org"


def test_paid_after_the_hold_gets_doors_that_are_still_free(bench: Bench) -> None:
    order = bench.order().json()
    bench.clock.advance(minutes=36)
    tick(bench.context)
    assert bench.state(order["id"])["state"] == "lapsed"
    bench.pay(order)
    bench.sync()
    assert bench.state(order["id"])["state"] == "registered"
    assert ledger(bench, order) == [("captured", 630)]


@pytest.mark.fault("S9")
def test_paid_after_the_hold_with_nothing_free_is_refunded(bench: Bench) -> None:
    late = bench.order().json()
    bench.clock.advance(minutes=36)
    for _ in range(2):  # two ambient doors: both are taken by orders that pay in time
        order = bench.order(("tomates",)).json()
        bench.pay(order)
    bench.pay(late)
    tick(bench.context)
    bench.sync()
    now = bench.state(late["id"])
    assert now["state"] == "refunded"
    assert now["doors"] == []
    assert ledger(bench, late) == [("captured", 630), ("refunded", 630)]


def test_a_full_wall_is_a_conflict_and_holds_nothing(bench: Bench) -> None:
    assert [bench.order(("tomates",)).status_code for _ in range(3)] == [201, 201, 409]
    assert bench.order(("lait", "tomates")).json()["code"] == "full"
    assert bench.order(("lait", "lait", "lait")).status_code == 201


@pytest.mark.fault("S7")
def test_a_lapsed_hold_gives_its_doors_to_the_next_without_waiting_for_a_timer(bench: Bench) -> None:
    for _ in range(2):
        bench.order(("tomates",))
    bench.clock.advance(minutes=36)
    assert bench.order(("tomates",)).status_code == 201


def test_the_test_page_pays_through_the_same_webhook(bench: Bench) -> None:
    order = bench.order().json()
    path = order["payment"]["url"].removeprefix("http://server.test")
    assert bench.api("GET", path).status_code == 200
    answer = bench.api("POST", path, data={"outcome": "pay"})
    assert answer.status_code == 303
    assert answer.headers["location"] == path
    after = bench.api("GET", path)
    assert "Payé" in after.text
    assert f"/o/{order['id']}" not in after.text  # the shop knows this address, and the link shows the code
    assert bench.state(order["id"])["state"] == "paid"
    assert bench.api("POST", path, data={"outcome": "pay"}).status_code == 409


def test_a_request_with_the_same_key_is_answered_alike_and_another_body_refused(bench: Bench) -> None:
    first = bench.order(key="once", reference="A")
    again = bench.order(key="once", reference="A")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert bench.order(key="once", reference="B").json()["code"] == "idempotency-key-reused"
    assert bench.order(key="other", reference="A").json()["code"] == "reference"
    assert len(json.loads(bench.api("GET", "/api/v1/orders", headers=bench.shop).content)["items"]) == 1
