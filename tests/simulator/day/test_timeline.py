"""Virtual time: nobody waits, nobody oversleeps, and MicroPython's names are there only while needed."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from firmware.drivers.ds18b20 import CONVERT_MS
from simulator.day.timeline import (
    BEGIN,
    CALM_MS,
    QUIET_MS,
    RESTLESS_S,
    WHOSE,
    Calm,
    StalledError,
    Timeline,
    look_again,
)


@pytest.fixture
def timeline() -> Iterator[Timeline]:
    made = Timeline(3)
    yield made
    made.loop.close()


def test_a_day_passes_at_once_and_in_order(timeline: Timeline) -> None:
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, round(timeline.seconds, 3)))

    async def all_of_them() -> None:
        await asyncio.gather(sleeper("late", 86_400), sleeper("early", 0.25), sleeper("noon", 43_200))

    timeline.loop.run_until_complete(all_of_them())
    assert seen == [("early", 0.25), ("noon", 43_200.0), ("late", 86_400.0)]
    assert timeline.now() == BEGIN + timedelta(days=1)


def test_many_sleeps_add_up(timeline: Timeline) -> None:
    async def steps() -> None:
        for _ in range(10_000):
            await asyncio.sleep(0.008)

    timeline.loop.run_until_complete(steps())
    assert timeline.seconds == pytest.approx(80, abs=0.01)


def test_a_look_again_is_long_in_calm_and_ends_when_something_moves(timeline: Timeline) -> None:
    busy = [True]
    calm = Calm(timeline, lambda: busy[0])
    look = timeline.loop.run_until_complete

    async def pass_by(ms: int = 40) -> float:
        begun = timeline.seconds
        await calm.look_again(ms)
        return timeline.seconds - begun

    assert look(pass_by()) == pytest.approx(CALM_MS / 1000, abs=0.001)
    timeline.loop.call_later(0.5, calm.moved)
    assert look(pass_by()) == pytest.approx(0.5, abs=0.001)
    assert look(pass_by()) == pytest.approx(0.04, abs=0.001), "something has just moved"
    look(asyncio.sleep(RESTLESS_S))
    assert look(pass_by()) == pytest.approx(CALM_MS / 1000, abs=0.001), "a door stands open"
    busy[0] = False
    assert look(pass_by()) == pytest.approx(QUIET_MS / 1000, abs=0.001)


def test_a_conversion_and_a_turn_are_no_looks(timeline: Timeline) -> None:
    async def waits() -> tuple[float, float]:
        WHOSE.set(Calm(timeline, lambda: False))
        begun = timeline.seconds
        await look_again(CONVERT_MS)
        converted = timeline.seconds
        await look_again(0)
        return converted - begun, timeline.seconds - converted

    conversion, turn = timeline.loop.run_until_complete(waits())
    assert conversion == pytest.approx(CONVERT_MS / 1000, abs=0.001)
    assert turn == pytest.approx(0, abs=0.001)


def test_when_everybody_waits_for_somebody_else_that_is_said(timeline: Timeline) -> None:
    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    waiting = timeline.loop.create_task(wait_for_ever())
    with pytest.raises(StalledError):
        timeline.loop.run_until_complete(waiting)
    waiting.cancel()
    timeline.loop.call_later(0, lambda: None)
    timeline.loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))


def test_micropython_names_are_lent(timeline: Timeline) -> None:
    with timeline.micropython():
        assert hasattr(asyncio, "sleep_ms")
        assert vars(time)["ticks_ms"]() == 0
    assert not hasattr(asyncio, "sleep_ms")
    assert not hasattr(time, "ticks_ms")


def test_each_part_has_luck_of_its_own() -> None:
    one, other = Timeline(1), Timeline(2)
    assert one.chance("wall").random() == one.chance("wall").random()
    assert one.chance("wall").random() != one.chance("gateway").random()
    assert one.chance("wall").random() != other.chance("wall").random()
    one.loop.close()
    other.loop.close()
