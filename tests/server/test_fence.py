"""Two gateways with one identity: the one that began last is heard, the other refused, a person told."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from server.foundation.audit import AuditEntry
from server.foundation.outbox import OutboxMail
from server.gateways.fence import KEPT_RUNS, TELL_AGAIN
from tests.server.bench import Bench

FIRST, SECOND = "a1" * 8, "b2" * 8


def speaks(bench: Bench, run: str) -> int:
    """The status of what a gateway's process asks and brings."""
    headers = {**bench.gateway, "Loquet-Run": run}
    asked = bench.api("GET", "/v1/gateway/snapshot", headers=headers).status_code
    body = {"epoch": "0" * 16, "lane": "events", "items": []}
    brought = bench.api("POST", "/v1/gateway/batches", json=body, headers=headers)
    assert brought.status_code == asked
    if asked == 409:
        assert brought.json()["code"] == "fenced"
        assert "expect" not in brought.json()
    return asked


@pytest.mark.fault("F52")
def test_f52_the_process_that_began_last_speaks_and_an_earlier_one_is_refused(bench: Bench) -> None:
    assert [speaks(bench, run) for run in (FIRST, FIRST, SECOND, SECOND)] == [200] * 4
    assert speaks(bench, FIRST) == 409
    assert speaks(bench, SECOND) == 200
    assert speaks(bench, "c3" * 8) == 200, "a restart is a new process"
    assert [speaks(bench, run) for run in (FIRST, SECOND)] == [409, 409]


@pytest.mark.fault("F52")
def test_f52_managers_are_told_once_and_again_after_half_a_day(bench: Bench) -> None:
    def told() -> tuple[int | None, int | None]:
        with bench.context.store.read() as session:
            mails = session.scalar(select(func.count()).select_from(OutboxMail))
            lines = session.scalar(
                select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "gateway.fenced")
            )
            return mails, lines

    for run in (FIRST, SECOND):
        speaks(bench, run)
    assert told() == (0, 0)
    for _ in range(5):
        assert speaks(bench, FIRST) == 409
    mails, lines = told()
    assert (mails, lines) == (1, 1)
    bench.clock.advance(seconds=(TELL_AGAIN + timedelta(minutes=1)).total_seconds())
    speaks(bench, FIRST)
    assert told() == (2, 2)


@pytest.mark.fault("F52")
def test_f52_processes_remembered_are_bounded_and_one_that_says_nothing_is_taken(bench: Bench) -> None:
    for number in range(2 * KEPT_RUNS):
        assert speaks(bench, f"{number:016x}") == 200
    assert speaks(bench, "") == 200
    assert speaks(bench, f"{2 * KEPT_RUNS - 2:016x}") == 409
    assert (
        bench.api(
            "GET", "/v1/gateway/snapshot", headers={**bench.gateway, "Loquet-Run": "not hex"}
        ).status_code
        == 422
    )
