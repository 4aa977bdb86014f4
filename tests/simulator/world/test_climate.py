"""Rooms: held by their thermostat, warmed by a dead compressor, an open door, a defrost."""

import math

import pytest

from simulator.world.climate import AMBIENT, CHILLED, FROZEN, Build, Feeler, Space

HOUR = 3600.0


def highest(space: Space, hours: float) -> float:
    top = -math.inf
    for _ in range(round(hours * 60)):
        space.step(60)
        top = max(top, space.air_c)
    return top


@pytest.mark.parametrize(("build", "limit"), [(CHILLED, 4.0), (FROZEN, -18.0)])
def test_a_working_room_stays_within_its_legal_limit_for_a_day_with_defrosts(
    build: Build, limit: float
) -> None:
    space = Space(build)
    assert highest(space, 24) < limit - 0.2
    assert abs(space.air_c - build.setpoint_c) < 3


def test_defrosts_happen_and_are_seen_in_the_air() -> None:
    with_defrosts, without = Space(CHILLED), Space(CHILLED, defrosts=False)
    assert highest(with_defrosts, 24) > highest(without, 24) + 0.3


@pytest.mark.parametrize(("build", "limit"), [(CHILLED, 4.0), (FROZEN, -18.0)])
def test_without_compressor_it_warms_past_the_limit_within_hours(build: Build, limit: float) -> None:
    space = Space(build, compressor_works=False)
    assert highest(space, 3) > limit
    assert space.goods_c < space.air_c < space.ambient_c


def test_an_open_door_warms_faster_and_goods_lag_behind() -> None:
    shut, ajar = (
        Space(CHILLED, compressor_works=False),
        Space(CHILLED, compressor_works=False, open_share=1.0),
    )
    shut.step(600)
    ajar.step(600)
    assert ajar.air_c > shut.air_c + 2
    assert ajar.goods_c < ajar.air_c - 2


def test_it_comes_back_when_the_compressor_does() -> None:
    space = Space(CHILLED, compressor_works=False)
    space.step(4 * HOUR)
    assert space.air_c > 5
    space.compressor_works = True
    space.step(8 * HOUR)
    assert space.air_c < 4


def test_an_ambient_zone_follows_the_surroundings() -> None:
    space = Space(AMBIENT, ambient_c=18.0)
    space.step(HOUR)
    assert space.air_c == pytest.approx(18.0, abs=0.01)


def test_many_small_steps_are_one_large_one() -> None:
    one, many = Space(CHILLED), Space(CHILLED)
    one.step(600)
    for _ in range(300):
        many.step(2)
    assert one.air_c == pytest.approx(many.air_c)


def test_a_probe_follows_with_its_lag() -> None:
    feeler = Feeler(bias_c=0.0)
    feeler.step(2.0, 0)
    feeler.step(10.0, feeler.lag_s)
    assert feeler.celsius == pytest.approx(10 - 8 / math.e)


def test_one_open_compartment_of_twelve_is_held_by_the_compressor() -> None:
    space = Space(CHILLED, open_share=1 / 12, defrosts=False)
    assert highest(space, 0.5) < 3.5
