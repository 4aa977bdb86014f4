"""Minutes that are older than the settings keep them go, bite by bite; what they told stays."""

from typing import Any

import pytest
from sqlalchemy import delete, func, select

from server.foundation import timers
from server.lockers.models import Zone
from server.telemetry import chartdata, pruning, rebuilding
from server.telemetry.models import LedgerRow, Reading, ReadingDay, ReadingHour
from server.telemetry.series import Span
from server.telemetry.sqlview import SqlView
from tests.server.pages.stage import PERIOD, Stage

BITE = 50


def count(stage: Stage, table: type[Any]) -> int:
    with stage.context.store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def drawn(stage: Stage, since: int, until: int) -> list[Span]:
    with stage.context.store.read() as session:
        zone = session.scalars(
            select(Zone).where(Zone.controller_id == "wall-1", Zone.key == "chilled")
        ).one()
        return chartdata.window(session, SqlView(), zone, since, until)[0]


def bite(stage: Stage) -> int:
    """One turn of the timer; returns how many rows went."""
    before = count(stage, Reading)
    with stage.context.store.write() as session:
        pruning.prune(session, stage.context)
    return before - count(stage, Reading)


@pytest.fixture
def old(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> tuple[Stage, int]:
    """A stage with two hours of readings that are about to be too old, and when those began."""
    monkeypatch.setattr(pruning, "AT_ONCE", BITE)
    stage.clock.advance(hours=1)
    start = int(stage.clock.now().timestamp())
    stage.hours(2)
    stage.clock.advance(days=stage.context.settings.minutes_kept_days)
    return stage, start - start % 3600


def test_old_minutes_go_in_bites_and_their_hours_days_and_ledger_stay(old: tuple[Stage, int]) -> None:
    stage, start = old
    assert bite(stage) == 0, "the day itself is still within the days that are kept"
    assert drawn(stage, start, start + 4 * 3600)[0].length == PERIOD
    stage.clock.advance(days=1)
    stage.hours(1)
    fresh = int(stage.clock.now().timestamp())
    before = {table: count(stage, table) for table in (ReadingHour, ReadingDay, LedgerRow)}
    bites = []
    while gone := bite(stage):
        bites.append(gone)
    assert len(bites) > 2
    assert max(bites) <= BITE
    assert {table: count(stage, table) for table in before} == before
    with stage.context.store.read() as session:
        assert chartdata.verify(session, "wall-1") == ""
    hours = drawn(stage, start, start + 4 * 3600)
    assert {span.length for span in hours} == {3600}
    assert sum(span.length for span in hours) >= 2 * 3600
    recent = drawn(stage, fresh - 3 * 86_400, fresh)
    assert {span.length for span in recent} == {PERIOD}
    assert pruning.TIMER in timers._PERIODS


def test_a_minute_that_is_in_no_hour_stays_and_so_do_all_during_a_rebuild(
    old: tuple[Stage, int], caplog: pytest.LogCaptureFixture
) -> None:
    stage, _ = old
    stage.clock.advance(days=2)
    total = count(stage, Reading)
    rebuilding.begin(stage.context)
    assert bite(stage) == 0
    while rebuilding.step(stage.context):
        pass
    assert count(stage, Reading) == total
    with stage.context.store.write() as session:
        session.execute(delete(ReadingHour))
    assert bite(stage) == 0
    assert "are in no hour and stay" in caplog.text
