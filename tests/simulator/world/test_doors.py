"""Doors: latch, spring, bounce, jam, force, goods."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.world.doors import BOUNCE_S, RELEASE_S, SPRING_S, Door, Happening, Stand


def door(seed: int = 1) -> Door:
    return Door(3, random.Random(seed))


def opened(seed: int = 1) -> Door:
    made = door(seed)
    made.coil(True, 10.0)
    made.advance(11.0)
    made.coil(False, 11.0)
    return made


@given(st.integers(0, 10_000))
def test_the_spring_opens_within_its_time_after_the_coil_starts(seed: int) -> None:
    made = door(seed)
    made.coil(True, 10.0)
    happened = made.advance(10.0 + SPRING_S[1])
    assert [h.kind for h in happened] == ["latch", "door_open"]
    assert SPRING_S[0] <= happened[1].at - 10.0 <= SPRING_S[1]
    assert made.stand is Stand.AJAR


def test_a_pulse_too_short_for_the_latch_opens_nothing() -> None:
    made = door()
    made.coil(True, 10.0)
    made.coil(False, 10.0 + RELEASE_S / 2)
    assert made.advance(20.0) == []
    assert not made.is_open


def test_a_jammed_door_lets_the_latch_go_and_stays() -> None:
    made = door()
    made.jammed = True
    made.coil(True, 10.0)
    assert made.advance(11.0) == [Happening("latch", 10.0 + RELEASE_S, "jammed")]
    assert not made.is_open


def test_nothing_moves_without_a_coil() -> None:
    made = door()
    assert made.advance(1000.0) == []
    assert made.next_change(1000.0) is None
    assert made.pull(1000.0) == (False, [])


def test_force_opens_without_a_coil() -> None:
    made = door()
    assert made.force(5.0) == [Happening("door_open", 5.0, "forced")]
    assert made.stand is Stand.WIDE


def test_pushed_shut_it_latches_and_the_contact_bounces() -> None:
    made = opened()
    assert made.pull(12.0)[0]
    made.push(13.0)
    due = made.next_change(13.0)
    assert due is not None
    (closed,) = made.advance(14.0)
    assert closed == Happening("door_close", due)
    readings = {made.contact(due + i * 1e-5) for i in range(200)}
    assert readings == {True, False}
    assert made.contact(due + BOUNCE_S[1]) is False


def test_a_door_that_something_keeps_from_closing_stays_open() -> None:
    made = opened()
    made.blocked = True
    made.push(13.0)
    assert made.advance(20.0) == []
    assert made.is_open


def test_goods_go_through_an_open_door_only() -> None:
    made = door()
    with pytest.raises(ValueError, match="shut"):
        made.put("tomatoes", 5.0)
    made = opened()
    made.put("tomatoes", 12.0)
    assert made.take(13.0) == [Happening("item_out", 13.0, "tomatoes")]
    assert made.items == []


def test_the_same_seed_gives_the_same_door() -> None:
    first, second = door(7), door(7)
    for made in (first, second):
        made.coil(True, 1.0)
    assert first.advance(2.0) == second.advance(2.0)
