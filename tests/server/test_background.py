"""The background thread outlives whatever one timer, one mail or one order brings, and its absence shows."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from server import background
from server.background import Background
from server.foundation import timers
from server.foundation.context import Context
from server.foundation.timers import Timer
from tests.server.bench import Bench

WAIT_S = 20.0


class _BrokenError(Exception):
    """Of a kind that nobody foresaw."""


def _broken(*_args: object) -> None:
    raise _BrokenError


@pytest.mark.parametrize(
    "end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\n", "\r", "\x00", "\x07"]
)
def test_no_text_can_end_a_line(bench: Bench, end: str) -> None:
    assert bench.order(reference=f"C{end}12").status_code == 422


@pytest.mark.parametrize(
    "email", ["a\x1cb@example.org", "a@exam\u2028ple.org", "a\x85@example.org", "a@b\x7f"]
)
def test_no_address_holds_a_control_character(bench: Bench, email: str) -> None:
    now = bench.clock.now()
    body = {
        "reference": "C-12",
        "bank": "wall-1",
        "customer": {"email": email, "name": "Jeanne"},
        "window": {"start": now.isoformat(), "end": (now + timedelta(hours=6)).isoformat()},
        "lines": [{"product": "tomates", "quantity": 1}],
    }
    answer = bench.api("POST", "/api/v1/orders", json=body, headers={**bench.shop, "Idempotency-Key": "k"})
    assert answer.status_code == 422


def test_a_timer_that_fails_holds_back_no_other_and_waits_longer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setitem(timers._HANDLERS, "broken", _broken)
    monkeypatch.setitem(timers._HANDLERS, "sound", lambda _session, _context, subject: ran.append(subject))
    with bench.context.store.write() as session:
        timers.set_timer(session, "broken", "a", bench.clock.now() - timedelta(seconds=1))
        timers.set_timer(session, "sound", "b", bench.clock.now())
    waits = []
    for _ in range(3):
        timers.run_due(bench.context)
        with bench.context.store.read() as session:
            row = session.scalars(select(Timer).where(Timer.kind == "broken")).one()
            waits.append((row.due_at - bench.clock.now()).total_seconds())
        bench.clock.moment = row.due_at
    assert ran == ["b"]
    assert waits == [30.0, 60.0, 120.0]


def test_a_clock_that_is_set_back_does_not_rest_what_runs_again_and_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody watches over silence until the old time has come again."""
    ran: list[str] = []
    monkeypatch.setitem(timers._PERIODS, "watch", timedelta(seconds=5))
    monkeypatch.setitem(timers._HANDLERS, "watch", lambda _session, _context, _subject: ran.append("watch"))
    monkeypatch.setitem(timers._HANDLERS, "once", lambda _session, _context, subject: ran.append(subject))
    timers.ensure_periodic(bench.context)
    with bench.context.store.write() as session:
        timers.set_timer(session, "once", "in an hour", bench.clock.now() + timedelta(hours=1))
    timers.run_due(bench.context)
    bench.clock.advance(hours=-1)
    timers.run_due(bench.context)
    timers.run_due(bench.context)
    assert ran == ["watch", "watch"], "at once, once, and nothing that was planned for a moment"
    bench.clock.advance(seconds=5)
    timers.run_due(bench.context)
    assert ran == ["watch"] * 3


def test_the_thread_goes_on_after_a_failure_nobody_foresaw(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[int] = []
    enough = threading.Event()

    def sound(_context: Context) -> int:
        rounds.append(1)
        if len(rounds) >= 3:
            enough.set()
        return 0

    def broken(_context: Context) -> int:
        raise _BrokenError

    monkeypatch.setattr(background, "WORKS", (broken, sound))
    thread = Background(bench.context)
    thread.start()
    try:
        assert enough.wait(WAIT_S)
        assert thread.alive
    finally:
        thread.stop()
    assert not thread.alive


@pytest.mark.fault("F54")
def test_a_server_whose_thread_is_gone_is_not_ready(bench: Bench) -> None:
    thread = Background(bench.context)
    bench.app.state.background = thread
    thread.start()
    assert bench.api("GET", "/readyz").status_code == 200
    thread.stop()
    assert bench.api("GET", "/readyz").status_code == 503


def test_a_refund_that_cannot_be_booked_holds_back_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.orders import mails
    from server.orders.models import Order
    from server.payments import refunds

    orders = [bench.order(("tomates",)).json() for _ in range(2)]
    for order in orders:
        bench.pay(order)
    bench.sync()
    manager = bench.login()
    for order in orders:
        path = f"/api/v1/orders/{order['id']}/refund"
        assert bench.api("POST", path, json={"reason": "why"}, headers=manager).status_code == 200
    while bench.poll() or bench.sent < len(bench.device.told):
        bench.flush()
    sound = mails.refunded

    def refunded(session: object, context: Context, order: Order, cents: int) -> None:
        if order.id == orders[0]["id"]:
            raise _BrokenError
        sound(session, context, order, cents)  # type: ignore[arg-type]

    monkeypatch.setattr(mails, "refunded", refunded)
    with pytest.raises(_BrokenError):
        refunds.send_due(bench.context)
    assert [bench.state(order["id"])["state"] for order in orders] == ["refunding", "refunded"]
    monkeypatch.undo()
    assert refunds.send_due(bench.context) == 1
