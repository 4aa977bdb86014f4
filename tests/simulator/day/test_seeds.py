"""A hundred seeds of twenty minutes each, dense with customers, faults and outages: every promise held after
each event. A seed that breaks names itself, its last events and the command that lives through it again.
"""

from collections import Counter

import pytest

from simulator.day.run import Plan
from simulator.day.verb import FARM, play

SEEDS = 100
TOGETHER = 10
HOURS, HASTE, HARM = 0.35, 14.0, 4.0


@pytest.mark.parametrize("first", range(1, SEEDS + 1, TOGETHER))
def test_every_invariant_holds(first: int) -> None:
    lived: Counter[str] = Counter()
    for seed in range(first, first + TOGETHER):
        outcome = play(Plan(seed, FARM, HOURS * 3600, haste=HASTE, harm=HARM))
        again = (
            f"./loquet simulate --seed {seed} --days {HOURS / 24:g} --haste {HASTE:g} --harm {HARM:g} --log"
        )
        assert not outcome.broke, f"{outcome.last}\n{outcome.broke}\nagain: {again}"
        lived += Counter(outcome.counts)
    # Twenty minutes of one seed may pass without a door; those of ten seeds do not.
    assert lived["coil starts"] > 0
    assert lived["order.paid"] > 0
