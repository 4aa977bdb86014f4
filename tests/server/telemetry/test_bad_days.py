"""InfluxDB on its bad days, the real one: nothing is lost, intake and alarms do not notice, it is said in a
word, and it catches up by itself.
"""

import asyncio
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from sqlalchemy import func, select

from server.alarms.models import Alarm
from server.background import Background
from server.foundation.context import Context
from server.foundation.outbox import OutboxMail
from server.lockers.models import Zone
from server.telemetry import choice
from server.telemetry.influx import feeder, view
from server.telemetry.models import LedgerRow
from server.telemetry.series import Point
from server.telemetry.sqlview import SqlView
from server.telemetry.store import State, Step, ViewStatus
from simulator.parts import influxd
from simulator.proxy import Link
from tests.server.pages.stage import Stage
from tests.server.telemetry.conftest import Fed, Restart, follow, free_port

pytestmark = pytest.mark.influx

DAY = 86_400
SOON_MS = 300
"""Instead of the seconds that a farm's server waits."""


class Wire:
    """A link to InfluxDB that a test can cut, silence and slow, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self.link = Link("server to InfluxDB", target_port=port)
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()))
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        async with self.link:
            self._ready.set()
            await self._end.wait()

    def do(self, act: Callable[[], None]) -> None:
        """Something with the link, in its own thread."""

        async def now() -> None:
            act()

        asyncio.run_coroutine_threadsafe(now(), self._loop).result(10)

    def close(self) -> None:
        """Ends the link."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def wire(influx: influxd.Influx) -> Iterator[Wire]:
    found = Wire(influx.port)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeder, "WRITE_MS", SOON_MS * 10)
    monkeypatch.setattr(view, "READ_MS", SOON_MS * 10)


def status(fed: Fed) -> ViewStatus:
    with fed.context.store.read() as session:
        return choice.view_of(fed.context).status(session)


def drawn(fed: Fed, step: Step = Step.MINUTE) -> tuple[list[Point], list[Point]]:
    """A zone's chart as a page gets it, and as the SQL views have it."""
    with fed.context.store.read() as session:
        zone = session.scalars(
            select(Zone).where(Zone.controller_id == "wall-1", Zone.key == "chilled")
        ).one()
        until = int(fed.stage.clock.now().timestamp())
        page = choice.view_of(fed.context).points(session, zone, step, until - 2 * DAY, until)
        return page, SqlView().points(session, zone, step, until - 2 * DAY, until)


def is_whole(fed: Fed) -> bool:
    """InfluxDB itself has what the SQL views have."""
    with fed.context.store.read() as session:
        told = Zone.controller_id.in_(("wall-1", "hangar-1"))
        zones = [zone for zone in session.scalars(select(Zone).where(told)) if zone.probes]
        until = int(fed.stage.clock.now().timestamp())
        return all(
            fed.view.points(session, zone, step, until - 25 * DAY, until)
            == SqlView().points(session, zone, step, until - 25 * DAY, until)
            != []
            for zone in zones
            for step in Step
        )


def assert_only_behind(fed: Fed, state: State, lag: int) -> None:
    """It is said, intake went on, and the page shows everything."""
    found = status(fed)
    assert (found.state, found.lag) == (state, lag)
    assert found.last_error
    assert found.failing_since is not None
    assert fed.context.settings.influx_url not in found.last_error
    with fed.context.store.read() as session:
        assert (session.scalar(select(func.count()).select_from(LedgerRow)) or 0) >= lag
    page, sql = drawn(fed)
    assert page == sql != []


def assert_caught_up(fed: Fed) -> None:
    """Whole again, and it says so."""
    found = status(fed)
    assert (found.state, found.lag, found.last_error, found.failing_since) == (State.LEVEL, 0, "", None)
    assert found.caught_up_at == fed.context.clock.now()
    assert is_whole(fed)


@pytest.mark.fault("F63")
def test_down_then_up_again(stage: Stage, own_influx: influxd.Influx, restart: Restart) -> None:
    fed = follow(stage, own_influx)
    stage.hours(0.5)
    fed.feed()
    own_influx.stop()
    stage.hours(0.5)
    assert fed.feed() == 0
    assert_only_behind(fed, State.UNREACHABLE, 12)
    restart(own_influx)
    assert fed.feed() == 12
    assert_caught_up(fed)
    fed.close()


def test_killed_while_it_is_fed(
    stage: Stage, own_influx: influxd.Influx, restart: Restart, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.telemetry.influx import slices

    monkeypatch.setattr(slices, "RECORDS_AT_ONCE", 4)
    fed = follow(stage, own_influx)
    stage.hours(2)
    fed.feeder.hurry()
    assert choice.feed(fed.context) == 8
    own_influx.kill()
    assert fed.feed() == 0
    assert_only_behind(fed, State.UNREACHABLE, 40)
    restart(own_influx)
    assert fed.feed() == 40
    assert_caught_up(fed)
    fed.close()


def test_slow(stage: Stage, influx: influxd.Influx, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeder, "WRITE_MS", SOON_MS)
    monkeypatch.setattr(view, "READ_MS", SOON_MS)
    fed = follow(stage, influx, wire.link.port)
    stage.hours(0.5)
    fed.feed()
    wire.do(wire.link.silence)
    page, sql = drawn(fed)  # level, so it is asked, and not waited for
    assert page == sql != []
    asked = wire.link.connections
    assert drawn(fed)[0] == sql  # the next page does not even ask
    assert wire.link.connections == asked
    stage.hours(0.5)
    assert fed.feed() == 0
    assert_only_behind(fed, State.SLOW, 12)
    wire.do(wire.link.mend)
    assert fed.feed() == 12
    stage.clock.advance(seconds=31)
    fed.feed()
    assert drawn(fed)[0] == drawn(fed)[1]
    assert is_whole(fed)
    fed.close()


def test_full_disk(stage: Stage, own_influx: influxd.Influx, restart: Restart) -> None:
    """The kernel's limit on the size of its files stands for a disk without room: the write fails as there.

    With room again InfluxDB 2.7.12 goes on refusing (its log's buffer keeps the first error) until it is
    started anew.
    """
    fed = follow(stage, own_influx)
    stage.hours(0.5)
    fed.feed()
    before = resource.prlimit(own_influx.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(own_influx.pid, resource.RLIMIT_FSIZE, (64, before[1]))
    stage.hours(0.5)
    assert fed.feed() == 0
    assert_only_behind(fed, State.FULL, 12)
    assert fed.feed() == 0
    own_influx.stop()
    restart(own_influx)
    assert fed.feed() == 12
    assert_caught_up(fed)
    fed.close()


@pytest.mark.parametrize("harm", ["bucket deleted", "points deleted"])
def test_wiped(fed: Fed, influx: influxd.Influx, harm: str) -> None:
    fed.stage.hours(1)
    fed.feed()
    name = fed.context.settings.influx_bucket
    with InfluxDBClient(url=influx.url, token=influx.token, org=influx.org) as client:
        if harm == "bucket deleted":
            buckets = client.buckets_api()
            buckets.delete_bucket(buckets.find_bucket_by_name(name))
        else:
            client.delete_api().delete("1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "", name, influx.org)
    page, sql = drawn(fed)  # before anybody has looked: no hole is drawn that is none
    assert page == sql != []
    fed.stage.clock.advance(seconds=31)
    assert fed.feed() == 24
    assert_caught_up(fed)


def test_put_back_from_an_older_copy(
    stage: Stage, own_influx: influxd.Influx, restart: Restart, tmp_path: Path
) -> None:
    fed = follow(stage, own_influx)
    stage.hours(0.5)
    fed.feed()
    own_influx.stop()
    shutil.copytree(own_influx.folder, tmp_path / "copy")
    later = restart(own_influx)
    stage.hours(0.5)
    fed.feed()
    stage.clock.advance(seconds=31)
    fed.feed()
    later.stop()
    shutil.rmtree(own_influx.folder)
    shutil.copytree(tmp_path / "copy", own_influx.folder)
    restart(own_influx)
    stage.clock.advance(seconds=31)
    assert fed.feed() == 24
    assert_caught_up(fed)
    fed.close()


def test_wrong_token(stage: Stage, influx: influxd.Influx, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("not-the-token\n")
    token.chmod(0o600)
    fed = follow(stage, influx, token_file=token)
    stage.hours(0.5)
    assert fed.feed() == 0
    assert_only_behind(fed, State.REFUSED, 12)
    assert "not-the-token" not in str(status(fed))
    token.write_text(influx.token)
    assert fed.feed() == 12
    assert_caught_up(fed)
    token.unlink()
    stage.hours(0.5)
    fed.feeder.hurry()
    fed.close()
    again = follow(stage, influx, token_file=token)
    assert again.feed() == 0
    again.close()


def test_a_field_that_another_program_wrote_otherwise(fed: Fed, influx: influxd.Influx) -> None:
    fed.feed()
    at = int(fed.stage.clock.now().timestamp()) // DAY * DAY
    zone = "device=wall-1,probe=chilled/0,site=ferme"
    with InfluxDBClient(url=influx.url, token=influx.token, org=influx.org) as client:
        client.write_api(write_options=SYNCHRONOUS).write(
            fed.context.settings.influx_bucket, record=f"minute,{zone} mean=1.5 {at}", write_precision="s"
        )
    fed.stage.hours(0.5)
    assert fed.feed() == 0
    assert_only_behind(fed, State.FAULTY, 12)


def test_what_is_too_old_for_a_bucket_holds_nothing_up(fed: Fed) -> None:
    stage = fed.stage
    stage.hours(0.5)
    fed.feed()
    stage.minute(stage.device, {"chilled": [230, 210]})
    old = {**stage.last_reading, "n": 500, "p0": stage.last_reading["p0"] - 500 * DAY}
    stage.hand_up_reading(old)
    assert fed.feed() == 2
    assert status(fed).state is State.LEVEL


@pytest.mark.fault("F63")
def test_down_a_warm_room_is_found_and_told_all_the_same(stage: Stage, influx: influxd.Influx) -> None:
    fed = follow(stage, influx, free_port())
    stage.hours(3, warm_last=14)
    assert fed.feed() == 0
    assert status(fed).state is State.UNREACHABLE
    with fed.context.store.read() as session:
        told = session.scalars(select(Alarm.kind).where(Alarm.zone_key == "chilled")).all()
        mails = session.scalar(select(func.count()).select_from(OutboxMail))
    assert {"warm", "breach"} <= set(told)
    assert mails
    fed.close()


@pytest.mark.fault("F63")
def test_neither_intake_nor_timers_wait_for_it(
    stage: Stage, influx: influxd.Influx, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server import background

    ran = threading.Event()
    hangs = threading.Event()
    monkeypatch.setattr(feeder, "WRITE_MS", 20_000)
    monkeypatch.setattr(background, "_FEED_STOP_S", 0.1)

    def timer(_context: Context) -> int:
        if hangs.is_set():
            ran.set()
        return 1

    monkeypatch.setattr(background, "WORKS", (*background.WORKS, timer))
    fed = follow(stage, influx, wire.link.port)
    wire.do(wire.link.silence)
    both = Background(fed.context)
    both.start()
    try:
        while wire.link.connections == 0:
            assert not ran.wait(0.02)
        hangs.set()
        assert ran.wait(10)
        stage.hours(0.25)
        assert status(fed).lag == 6
    finally:
        wire.do(wire.link.cut)
        both.stop()
    fed.close()
