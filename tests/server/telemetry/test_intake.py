"""Readings are stored exactly once, gaps are on record, views can be made again from the ledger."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from firmware.contract import records
from server.lockers.models import Zone
from server.telemetry import chartdata, rebuilding
from server.telemetry.models import LedgerRow, Reading, ReadingDay, ReadingHour, TelemetryGap
from server.telemetry.sqlview import SqlView
from server.telemetry.store import Step
from tests.server.pages.stage import Stage


def chilled(stage: Stage) -> Zone:
    with stage.context.store.read() as session:
        return session.scalars(
            select(Zone).where(Zone.controller_id == "wall-1", Zone.key == "chilled")
        ).one()


def test_a_record_sent_twice_is_stored_once(stage: Stage) -> None:
    stage.clock.advance(minutes=5)
    stage.minute(stage.device, {"chilled": [230, 210]})
    stage.hand_up_reading(stage.last_reading)
    with stage.context.store.read() as session:
        assert session.scalar(select(func.count()).select_from(LedgerRow)) == 1
        assert session.scalar(select(func.count()).select_from(Reading)) == 2
        hour = session.scalars(select(ReadingHour).where(ReadingHour.probe == 0)).one()
    assert (hour.low, hour.high, hour.weighted, hour.seconds) == (205, 260, 230 * 300, 300)


def test_a_silent_probe_is_kept_but_is_no_temperature(stage: Stage) -> None:
    stage.clock.advance(minutes=5)
    stage.minute(stage.device, {"chilled": [None, 210]})
    zone = chilled(stage)
    now = int(stage.clock.now().timestamp())
    with stage.context.store.read() as session:
        rows, _ = chartdata.window(session, SqlView(), zone, now - 300, now)
        kept = SqlView().points(session, zone, Step.MINUTE, now - 300, now)
    assert [row.mean for row in rows] == [210]
    assert [(point.probe, point.samples) for point in kept] == [(0, 0), (1, 60)]


def test_what_a_reboot_and_a_full_journal_swallowed_is_listed_with_its_cause(stage: Stage) -> None:
    zone = chilled(stage)
    start = int(stage.clock.now().timestamp())
    stage.hours(0.5)
    lost = int(stage.clock.now().timestamp())
    stage.clock.advance(minutes=20)
    back = int(stage.clock.now().timestamp())
    stage.device.tell("boot", at=stage.clock.now(), c="power", fw="1", pe=1, pr=1, m0=lost, m1=back - 300)
    stage.flush()
    stage.hours(0.5)
    now = int(stage.clock.now().timestamp())
    with stage.context.store.read() as session:
        _, holes = chartdata.window(session, SqlView(), zone, start, now)
    assert [(hole.start, hole.end, hole.cause) for hole in holes] == [(lost, back, "reboot")]


def test_a_gap_record_closes_its_hole_for_good(stage: Stage) -> None:
    stage.hours(0.25)
    device = stage.device
    told = len(device.told)
    device._numbers[records.READINGS] += 4
    device.tell("gap", lane=records.READINGS, at=stage.clock.now(), f=4, r="full")
    stage.hand_up_reading(device.told.pop(told))
    with stage.context.store.read() as session:
        gap = session.scalars(select(TelemetryGap)).one()
        row = session.scalars(select(LedgerRow).order_by(LedgerRow.position.desc())).first()
    assert (gap.cause, gap.first_seq, gap.last_seq) == ("dropped", 4, 8)
    assert row is not None
    assert (row.first_seq, row.seq) == (4, 8)


VIEWS = (
    select(Reading).order_by(Reading.zone_id, Reading.at, Reading.probe),
    select(ReadingHour).order_by(ReadingHour.zone_id, ReadingHour.hour, ReadingHour.probe),
    select(ReadingDay).order_by(ReadingDay.zone_id, ReadingDay.day, ReadingDay.probe),
)


def views(stage: Stage) -> list[list[dict[str, object]]]:
    with stage.context.store.read() as session:
        return [[vars_of(row) for row in session.scalars(table)] for table in VIEWS]


def test_views_made_again_from_the_ledger_are_the_same(stage: Stage) -> None:
    stage.hours(1.5)
    before = views(stage)
    assert all(before)
    with stage.context.store.write() as session:  # what a broken view may hold
        session.execute(text("UPDATE readings SET mean = mean + 1"))
        session.execute(text("DELETE FROM reading_hours"))
        session.execute(text("UPDATE reading_days SET seconds = 1"))
    said: list[rebuilding.Progress] = []
    rebuilding.begin(stage.context)
    rebuilding.run(stage.context, said.append)
    assert views(stage) == before
    assert said[-1] == rebuilding.Progress(36, 36)


def test_a_rebuild_that_was_interrupted_goes_on_by_itself_while_readings_arrive(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "SLICE", 5)
    stage.hours(1)
    rebuilding.begin(stage.context)
    for _ in range(3):
        rebuilding.step(stage.context)
    stage.hours(0.5)
    with stage.context.store.read() as session:
        assert rebuilding.is_under_way(session)
        assert rebuilding.progress(session).records == 36
    while rebuilding.catch_up(stage.context):
        stage.hours(1 / 12)
    stage.hours(0.25)
    found = views(stage)
    rebuilding.begin(stage.context)
    rebuilding.run(stage.context, lambda _: None)
    assert views(stage) == found
    with stage.context.store.read() as session:
        assert len(found[0]) == 4 * (session.scalar(select(func.count()).select_from(LedgerRow)) or 0)


def vars_of(row: object) -> dict[str, object]:
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


def test_the_ledger_shows_a_changed_reading_and_a_cut_tail(stage: Stage) -> None:
    stage.hours(0.5)
    with stage.context.store.read() as session:
        assert chartdata.verify(session, "wall-1") == ""
    with stage.context.store.write() as session:
        on = "" if stage.context.store.is_sqlite else " ON ledger_rows"
        for verb in ("delete", "update"):
            session.execute(text(f"DROP TRIGGER tr_ledger_rows_no_{verb}{on}"))
        session.execute(text("DELETE FROM ledger_rows WHERE controller_id = 'wall-1' AND position = 6"))
        assert "cut after position 5" in chartdata.verify(session, "wall-1")
        session.execute(text("UPDATE ledger_rows SET body = replace(body, '300', '301') WHERE position = 3"))
        assert "breaks at position 3" in chartdata.verify(session, "wall-1")


def test_the_database_refuses_to_rewrite_the_ledger(stage: Stage) -> None:
    stage.hours(0.25)
    with pytest.raises(DatabaseError, match="append-only"), stage.context.store.write() as session:
        session.execute(text("UPDATE ledger_rows SET body = '{}'"))
    with pytest.raises(DatabaseError, match="append-only"), stage.context.store.write() as session:
        session.execute(text("DELETE FROM ledger_rows"))


@pytest.mark.fault("S10")
def test_long_periods_are_read_from_hours(stage: Stage) -> None:
    stage.hours(2)
    zone = chilled(stage)
    now = int(stage.clock.now().timestamp())
    week = int(timedelta(days=7).total_seconds())
    with stage.context.store.read() as session:
        rows, _ = chartdata.window(session, SqlView(), zone, now - week, now)
        exact, _ = chartdata.window(session, SqlView(), zone, now - 7200, now)
        year, _ = chartdata.window(session, SqlView(), zone, now - 52 * week, now)
    assert {row.length for row in rows} == {3600}
    assert {row.length for row in year} == {86_400}
    assert max(row.high for row in rows) == max(row.high for row in exact)
    assert max(row.high for row in year) == max(row.high for row in exact)
