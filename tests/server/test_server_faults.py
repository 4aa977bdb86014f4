"""What befell other servers (docs/faults.md, S1 to S22), where no other test shows it here: pauses instead of
rules, locks that were never taken, row counts nobody read, limits by an address that anybody may write.
"""

import ast
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from firmware.contract import records
from server.background import tick
from server.foundation.outbox import OutboxMail
from server.orders.models import Claim
from server.people.logins import MAX_LINKS
from server.telemetry.models import LedgerRow
from tests.server.bench import Bench
from tests.server.every_route import every_route

SERVER = Path(__file__).resolve().parents[2] / "server"

WAITS = {
    "foundation/database.py",  # for a PostgreSQL that is away: nothing has been done yet
    "pages/live.py",  # between two looks of a live page
    "telemetry/anew.py",  # a command that watches the server make a view anew
}
"""Where the server sleeps; each with its reason."""


def calls() -> Iterator[tuple[str, list[ast.AST], ast.Call]]:
    """Every call in the server: (file, what it stands in from the outside in, the call)."""

    def walk(
        file: str, node: ast.AST, around: list[ast.AST]
    ) -> Iterator[tuple[str, list[ast.AST], ast.Call]]:
        if isinstance(node, ast.Call):
            yield file, around, node
        for child in ast.iter_child_nodes(node):
            yield from walk(file, child, [*around, node])

    for path in sorted(SERVER.rglob("*.py")):
        if "migrations" not in path.parts:
            yield from walk(str(path.relative_to(SERVER)), ast.parse(path.read_text(encoding="utf-8")), [])


def function_around(around: list[ast.AST]) -> str:
    """The name of the function that a node stands in; "" if in none."""
    names = [each.name for each in around if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return names[-1] if names else ""


@pytest.mark.fault("S2")
def test_s2_no_race_is_answered_with_a_pause() -> None:
    found = {file for file, _, call in calls() if ast.unparse(call.func).rpartition(".")[2] == "sleep"}
    assert found == WAITS
    chances = {file for file, _, call in calls() if ast.unparse(call.func).startswith("random.")}
    assert chances == set()


UNCONDITIONAL = {
    "door_for": "moves its own claim's promise, which it has just read in the same transaction",
    "on_silent": "a timer: if somebody was faster, there is nothing left to do",
    "begin": "every controller's views begin anew, however many there are",
    "": "`audit._MOVE_HEAD`, made once for all: the row was locked before it was read",
}
"""Functions that change rows without looking how many, with the reason."""


@pytest.mark.fault("S8")
def test_s8_whoever_changes_rows_under_a_condition_reads_how_many_it_changed() -> None:
    changes: set[tuple[str, str]] = set()
    counts: set[tuple[str, str]] = set()
    for file, around, call in calls():
        place = (file, function_around(around))
        if ast.unparse(call.func) == "update":
            changes.add(place)
        if ast.unparse(call.func) == "changed":
            kept = any(isinstance(each, ast.Assign | ast.Return | ast.Compare) for each in around)
            assert kept, f"{place}: the count is thrown away"
            counts.add(place)
    unread = {name for _, name in changes - counts}
    assert len(counts) > 5
    assert unread == set(UNCONDITIONAL)


@contextmanager
def told(bench: Bench) -> Iterator[list[list[str]]]:
    """The statements of each transaction of the writer."""
    transactions: list[list[str]] = []
    going: list[bool] = []

    def speaks(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not going:
            transactions.append([])
            going.append(True)
        transactions[-1].append(statement)

    def ends(_connection: Any) -> None:
        going.clear()

    listeners = (("before_cursor_execute", speaks), ("commit", ends), ("rollback", ends))
    for name, listener in listeners:
        event.listen(bench.context.store.writer, name, listener)
    yield transactions
    for name, listener in listeners:
        event.remove(bench.context.store.writer, name, listener)


@pytest.mark.fault("S4", "S6")
def test_s4_s6_every_transaction_that_writes_takes_the_writers_lock_before_it_looks(bench: Bench) -> None:
    """Judged by the SQL itself: a lock that stands in the code and is never sent protects nobody, and one
    that is left out for speed protects nobody who is fast. Behind it stands a rule of the database (S1).
    """
    lock = "BEGIN IMMEDIATE" if bench.context.store.is_sqlite else "SELECT pg_advisory_xact_lock"
    with told(bench) as transactions:
        order = bench.order().json()
        bench.sync()
        bench.pay(order)
        bench.sync()
        bench.device.load(bench.personal("tilleuls"))
        bench.sync()
        tick(bench.context)
    spoken = [statements for statements in transactions if statements]
    assert len(spoken) > 10
    for statements in spoken:
        assert statements[0].startswith(lock), statements[:3]
    assert any("INSERT INTO claims" in line for statements in spoken for line in statements)


@pytest.mark.fault("S5")
def test_s5_orders_of_the_same_things_in_any_order_block_nobody_for_ever(bench: Bench) -> None:
    answers: list[int] = []

    def shop(number: int) -> None:
        products = ("tomates", "lait") if number % 2 else ("lait", "tomates")
        answers.append(bench.order(products, key=f"d{number}", reference=f"D{number}").status_code)

    threads = [threading.Thread(target=shop, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 8
    assert set(answers) == {201, 409}
    with bench.context.store.read() as session:
        held = session.scalar(select(func.count()).select_from(Claim).where(Claim.state == "held"))
    assert held == 2 * Counter(answers)[201], "each order is whole or not at all"


@pytest.mark.fault("S15")
def test_s15_a_question_about_options_or_from_elsewhere_is_no_fault_of_ours(bench: Bench) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    paths = {route.path for route in every_route(bench.app)}
    assert len(paths) > 30
    for path in sorted(paths):
        for method in ("OPTIONS", "TRACE", "PATCH"):
            answer = bench.api(method, path.replace("{", "").replace("}", ""), headers=asked)
            assert answer.status_code < 500, (method, path)
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.fault("S20")
def test_s20_no_limit_depends_on_an_address_that_anybody_may_write(bench: Bench) -> None:
    """Mailed links are counted by person, in the database; nothing reads where a request came from."""
    for number in range(2 * MAX_LINKS):
        forged = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
        answer = bench.api("POST", "/login", data={"email": "manager@example.org"}, headers=forged)
        assert answer.status_code < 400
    with bench.context.store.read() as session:
        assert session.scalar(select(func.count()).select_from(OutboxMail)) == MAX_LINKS
    for path in SERVER.rglob("*.py"):
        text = path.read_text(encoding="utf-8").lower()
        assert "x-forwarded-for" not in text
        assert "request.client" not in text


@pytest.mark.fault("F59")
def test_f59_a_day_without_server_paid_orders_are_handed_over_and_counted(bench: Bench) -> None:
    """The wall opens by itself; what it tells a day later is what happened, not what the clock says now."""
    order = bench.order().json()
    bench.pay(order)
    bench.sync()
    bench.device.load(bench.personal("tilleuls"), bench.clock.now())
    bench.device.load(bench.personal("source"), bench.clock.now())
    bench.sync()
    assert bench.state(order["id"])["state"] == "ready"
    short, _ = bench.codes(order["id"])
    grants = bench.device.opens(short)
    assert len(grants) == 2, "the wall needs nobody to open"
    for grant in grants:
        bench.device.after(grant, records.COLLECTED, records.ABSENT, bench.clock.now() + timedelta(hours=2))
    bench.clock.advance(hours=24)
    tick(bench.context)  # its timers come first: for the server the window is over
    bench.sync()
    bench.sync()
    after = bench.state(order["id"])
    assert after["state"] == "collected"
    assert {line["state"] for line in after["lines"]} == {"collected"}


@pytest.mark.fault("F40", "S11")
def test_f40_a_gap_in_the_readings_is_listed_and_the_rest_is_kept(bench: Bench) -> None:
    """What a full journal dropped has a name, a number and a place in the ledger."""
    rows = [["chilled", 0, 300, 310, 320, 12, 0]]
    at = int(bench.clock.now().timestamp())
    bench.device.tell("r", lane=records.READINGS, at=bench.clock.now(), p0=at - 60, s=60, z=rows)
    bench.device._numbers[records.READINGS] += 4
    bench.device.tell("gap", lane=records.READINGS, at=bench.clock.now(), f=2, r="full")
    bench.device.tell("r", lane=records.READINGS, at=bench.clock.now(), p0=at, s=60, z=rows)
    bench.batch(bench.device.told, lane="live", first=1)
    with bench.context.store.read() as session:
        kept = session.scalars(select(LedgerRow.seq).order_by(LedgerRow.seq)).all()
    assert kept == [1, 6, 7]
