"""What a figure comes to, whether its bar is met, and what percentiles are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.bench.figure import Bar, Figure, Measured, percentile

RATE = Figure("ours", "1/s", Bar("at least", 0.5, "peer"))


def measured(**values: tuple[float, ...]) -> dict[str, Measured]:
    return {name: Measured(each) for name, each in values.items()}


@pytest.mark.parametrize(
    ("ours", "peer", "verdict"),
    [((50.0,), (100.0,), "met"), ((49.9,), (100.0,), "falls short"), ((10.0, 60.0, 60.0), (100.0,), "met")],
    ids=["at the bar", "below it", "the median counts"],
)
def test_a_bar_beside_a_peer_of_the_same_run(
    ours: tuple[float, ...], peer: tuple[float, ...], verdict: str
) -> None:
    assert RATE.verdict(measured(ours=ours, peer=peer)) == verdict


def test_without_the_peer_or_the_value_nothing_is_claimed() -> None:
    assert RATE.verdict(measured(ours=(50.0,))) == "not measured"
    assert RATE.verdict(measured(peer=(50.0,))) == "not measured"
    assert RATE.verdict(measured(ours=(), peer=(50.0,))) == "not measured"


def test_a_loss_is_judged_by_its_worst_run() -> None:
    lost = Figure("lost", "", Bar("at most", 0), worst=True)
    assert lost.verdict(measured(lost=(0.0, 0.0, 0.0))) == "met"
    assert lost.verdict(measured(lost=(0.0, 0.0, 1.0))) == "falls short"
    least = Figure("least", "", Bar("at least", 10), worst=True)
    assert least.verdict(measured(least=(9.0, 11.0, 12.0))) == "falls short"


def test_without_a_bar_there_is_no_verdict() -> None:
    assert Figure("only said", "ms").verdict(measured()) == ""


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= math.floor(len(values) * share)
    below = [value for value in values if value < found]
    assert len(below) < len(values) * share


def test_percentiles_of_a_hundred_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50, 99, 100)
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
