"""One contract, both stores: what charts get is the same from our database and from a real InfluxDB."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from server.foundation.errors import ConfigurationError
from server.lockers.models import Zone
from server.telemetry import anew, chartdata, rebuilding
from server.telemetry.influx import line
from server.telemetry.influx.client import Influx
from server.telemetry.models import LedgerRow, ViewCursor
from server.telemetry.series import Point
from server.telemetry.sqlview import SqlView
from server.telemetry.store import State, Step, TelemetryView
from simulator.parts import influxd
from tests.server.pages.stage import PERIOD, Stage
from tests.server.telemetry.conftest import Fed, Restart, follow

DAY = 86_400


class Store:
    """A view under test, and how it is brought up to the ledger."""

    def __init__(self, stage: Stage, view: TelemetryView, catch_up: Callable[[], int]) -> None:
        self.stage = stage
        self.view = view
        self.catch_up = catch_up

    def points(self, step: Step, since: int, until: int, key: str = "chilled") -> list[Point]:
        self.catch_up()
        with self.stage.context.store.read() as session:
            return self.view.points(session, self.zone(key), step, since, until)

    def zone(self, key: str = "chilled") -> Zone:
        with self.stage.context.store.read() as session:
            return session.scalars(select(Zone).where(Zone.controller_id == "wall-1", Zone.key == key)).one()

    @property
    def now(self) -> int:
        return int(self.stage.clock.now().timestamp())


@pytest.fixture(params=["sql", pytest.param("influx", marks=pytest.mark.influx)])
def store(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Store]:
    if request.param == "sql":
        yield Store(stage, SqlView(), lambda: rebuilding.catch_up(stage.context))
        return
    server: influxd.Influx = request.getfixturevalue("influx")
    fed = follow(stage, server)
    yield Store(stage, fed.view, fed.feed)
    fed.close()


class TestEveryView:
    """Held by each `TelemetryView`."""

    def test_minutes_are_what_was_told_in_hundredths_at_the_second_it_was_told_of(self, store: Store) -> None:
        store.stage.clock.advance(minutes=5)
        store.stage.minute(store.stage.device, {"chilled": [230, None], "frozen": [-2050]})
        at = store.now - PERIOD
        assert store.points(Step.MINUTE, at, store.now) == [
            Point(at, PERIOD, 0, 205, 230, 260, 60, 0),
            Point(at, PERIOD, 1, 0, 0, 0, 0, 1),
        ]
        assert [point.mean for point in store.points(Step.MINUTE, at, store.now, "frozen")] == [-2050]

    def test_a_window_begins_with_its_first_second_and_ends_before_its_last(self, store: Store) -> None:
        start = store.now
        store.stage.hours(1)
        found = store.points(Step.MINUTE, start + PERIOD, start + 3 * PERIOD)
        assert [(point.at, point.probe) for point in found] == [
            (start + PERIOD, 0),
            (start + PERIOD, 1),
            (start + 2 * PERIOD, 0),
            (start + 2 * PERIOD, 1),
        ]
        assert store.points(Step.MINUTE, start, start) == []

    def test_hours_and_days_are_sums_over_their_minutes(self, store: Store) -> None:
        start = store.now
        store.stage.hours(2)
        minutes = [point for point in store.points(Step.MINUTE, start, store.now) if point.probe == 0]
        hours = [point for point in store.points(Step.HOUR, start, store.now) if point.probe == 0]
        [day] = [point for point in store.points(Step.DAY, start - start % DAY, store.now) if not point.probe]
        assert [point.at for point in hours] == [start, start + 3600]
        for hour in hours:
            inside = [point for point in minutes if hour.at <= point.at < hour.at + 3600]
            assert hour.mean == round(sum(point.mean for point in inside) / len(inside))
            assert (hour.low, hour.high, hour.length) == (
                min(point.low for point in inside),
                max(point.high for point in inside),
                3600,
            )
        assert day.mean == round(sum(point.mean for point in minutes) / len(minutes))
        assert (day.at, day.length) == (start - start % DAY, DAY)

    def test_a_late_record_corrects_its_hour_and_its_day(self, store: Store) -> None:
        start = store.now
        stage = store.stage
        stage.hours(1)
        before = store.points(Step.HOUR, start, start + 3600)
        stage.hours(3)
        late = [["chilled", probe, 900, 950, 990, 60, 0] for probe in range(2)]
        record = {**stage.last_reading, "n": 1000, "p0": start + 30, "z": late}
        stage.hand_up_reading(record)  # it lies between two that are there
        after = store.points(Step.HOUR, start, start + 3600)
        assert [point.high for point in before] != [point.high for point in after]
        assert {point.high for point in after} == {990}
        day = store.points(Step.DAY, start - start % DAY, store.now)
        assert {point.high for point in day} == {990}

    def test_a_minute_told_again_with_other_figures_stays_as_it_was(self, store: Store) -> None:
        stage = store.stage
        stage.clock.advance(minutes=5)
        stage.minute(stage.device, {"chilled": [230, 210]})
        at = store.now - PERIOD
        first = store.points(Step.MINUTE, at, store.now)
        again = dict(stage.last_reading, n=stage.last_reading["n"] + 1)
        stage.hand_up_reading({**again, "z": [["chilled", 0, 700, 710, 720, 60, 0]]})
        assert store.points(Step.MINUTE, at, store.now) == first
        hour = store.points(Step.HOUR, at - at % 3600, store.now)
        assert max(point.high for point in hour) == 260

    def test_the_latest_is_the_newest_period_of_all_probes(self, store: Store) -> None:
        store.stage.hours(0.5)
        store.catch_up()
        with store.stage.context.store.read() as session:
            found = store.view.latest(session, store.zone())
        assert [(point.at, point.probe) for point in found] == [
            (store.now - PERIOD, 0),
            (store.now - PERIOD, 1),
        ]

    def test_a_zone_without_readings_has_none(self, store: Store) -> None:
        store.catch_up()
        assert store.points(Step.DAY, store.now - 400 * DAY, store.now) == []
        with store.stage.context.store.read() as session:
            assert store.view.latest(session, store.zone()) == []

    def test_a_chart_and_its_gaps_are_the_same_from_both(self, store: Store) -> None:
        start = store.now
        store.stage.hours(1)
        store.stage.clock.advance(minutes=40)
        store.stage.hours(0.5)
        store.catch_up()
        with store.stage.context.store.read() as session:
            for since in (start - 3600, start - 10 * DAY, start - 300 * DAY):
                drawn = chartdata.window(session, store.view, store.zone(), since, store.now)
                assert drawn == chartdata.window(session, SqlView(), store.zone(), since, store.now)
                assert drawn[0]

    def test_when_all_is_in_it_it_says_so(self, store: Store) -> None:
        store.stage.hours(0.5)
        store.catch_up()
        with store.stage.context.store.read() as session:
            status = store.view.status(session)
        assert (status.state, status.lag, status.last_error) == (State.LEVEL, 0, "")

    def test_made_anew_it_is_the_same(self, store: Store) -> None:
        start = store.now
        store.stage.hours(2)
        before = [store.points(step, start - DAY, store.now) for step in Step]
        rebuilding.begin(store.stage.context)
        with store.stage.context.store.read() as session:
            assert store.view.points(session, store.zone(), Step.MINUTE, start, store.now) is not None
        rebuilding.run(store.stage.context, lambda _: None)
        assert [store.points(step, start - DAY, store.now) for step in Step] == before


@pytest.mark.influx
def test_cursors_stand_where_the_ledger_ends_and_what_was_written_is_written_once(fed: Fed) -> None:
    fed.stage.hours(1)
    assert fed.feed() == 24
    assert fed.feed() == 0
    with fed.context.store.read() as session:
        cursors = {row.controller_id: row.position for row in session.scalars(select(ViewCursor))}
        assert cursors == {"wall-1": 12, "hangar-1": 12}
        assert session.scalar(select(func.count()).select_from(LedgerRow)) == 24


@pytest.mark.influx
def test_one_process_feeds_at_a_time_and_one_that_died_is_replaced(fed: Fed) -> None:
    def tell() -> None:
        fed.stage.minute(fed.stage.device, {"chilled": [230, 210]})

    other_store = type(fed.context.store)(fed.context.settings.database_url)
    other = replace(fed, context=replace(fed.context, store=other_store))
    fed.stage.hours(0.5)
    assert fed.feed() == 12
    tell()
    assert other.feed() == 0  # the first one holds the lease
    assert fed.feed() == 1
    tell()
    fed.stage.clock.advance(seconds=61)  # in which the first one says nothing
    assert other.feed() == 1
    tell()
    assert fed.feed() == 0
    assert other.feed() == 1
    other.close()  # in order: the lease is free at once
    tell()
    assert fed.feed() == 1
    other_store.close()


@pytest.mark.influx
def test_the_command_writes_influx_anew_and_says_how_far_it_is(fed: Fed) -> None:
    fed.stage.hours(1)
    fed.feed()
    at = int(fed.stage.clock.now().timestamp()) - PERIOD
    settings = fed.context.settings
    wrong = line.minute(line.Probe("ferme", "wall-1", "chilled", 9), Point(at, PERIOD, 9, 1, 1, 1, 1, 0))
    Influx(settings, 5000).write(Step.MINUTE, [wrong])
    said: list[str] = []
    fed.feeder.hurry()
    anew.make_influx(fed.context, said.append)
    assert said[-1] == "influx: 24 of 24 records"
    with fed.context.store.read() as session:
        zone = session.scalars(
            select(Zone).where(Zone.controller_id == "wall-1", Zone.key == "chilled")
        ).one()
        found = fed.view.points(session, zone, Step.MINUTE, at, at + 1)
    assert [point.probe for point in found] == [0, 1]


@pytest.mark.influx
def test_the_command_says_what_is_wrong_and_leaves_the_rest_to_the_server(
    stage: Stage, own_influx: influxd.Influx, restart: Restart
) -> None:
    fed = follow(stage, own_influx)
    stage.hours(0.5)
    fed.feed()
    own_influx.stop()
    fed.feeder.hurry()
    with pytest.raises(ConfigurationError, match="InfluxDB is unreachable"):
        anew.make_influx(fed.context, lambda _: None)
    restart(own_influx)
    assert fed.feed() == 12
    with fed.context.store.read() as session:
        assert fed.view.status(session).state is State.LEVEL
    fed.close()


def test_the_command_goes_on_with_an_interrupted_rebuild(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "SLICE", 5)
    stage.hours(1)
    rebuilding.begin(stage.context)
    for _ in range(3):
        rebuilding.step(stage.context)
    said: list[str] = []
    anew.make_sql(stage.context, said.append)
    assert said == ["sql: goes on with the rebuild that was interrupted", "sql: 24 of 24 records"]


def test_without_influx_there_is_nothing_to_write_anew(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="telemetry_store is sql"):
        anew.make_influx(stage.context, lambda _: None)
