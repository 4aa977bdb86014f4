"""Two gateways with one identity: the one that began last is heard, the other refused, a person told."""

import pytest
from sqlalchemy import func, select

from server.alarms.models import Alarm
from server.foundation import timers
from server.foundation.outbox import OutboxMail
from server.gateways.fence import KEPT_RUNS, SETTLED
from server.healthcheck import BAD, Check, checks
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
def test_f52_two_gateways_are_an_alarm_and_a_line_of_health_until_one_is_silent(bench: Bench) -> None:
    timers.ensure_periodic(bench.context)

    def told() -> tuple[int | None, list[str], Check | None]:
        timers.run_due(bench.context)
        with bench.context.store.read() as session:
            mails = session.scalar(select(func.count()).select_from(OutboxMail))
            alarms = list(session.scalars(select(Alarm.kind).where(Alarm.closed_at.is_(None))))
        lines = {each.name: each for each in checks(bench.context)}
        return mails, alarms, lines.get("gateway-fenced:ferme")

    for run in (FIRST, SECOND):
        speaks(bench, run)
    assert told() == (0, [], None)
    for _ in range(5):
        assert speaks(bench, FIRST) == 409
        bench.clock.advance(minutes=5)
        mails, alarms, line = told()
        assert (mails, alarms) == (1, ["twins"]), "one mail, however often it asks"
        assert line is not None
        assert (line.state, FIRST[:8] in line.said_in("en")) == (BAD, True)
        assert "Switch off" in line.advice_in("en")
    bench.clock.advance(seconds=SETTLED.total_seconds())
    assert told() == (1, [], None)
    bench.clock.advance(hours=1)
    assert speaks(bench, FIRST) == 409
    assert told()[:2] == (2, ["twins"]), "another time is another alarm"


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
