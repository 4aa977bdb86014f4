"""A simulated site that can be meddled with before and while it lives."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from simulator.day.run import Plan, Running
from simulator.day.timeline import Timeline
from simulator.day.verb import FARM

HOUR = 3600.0

Make = Callable[..., Running]


@pytest.fixture
def site() -> Iterator[Make]:
    """Makes a site: `site(seed=…, hours=…, haste=…)`; then `live(it)`."""
    with ExitStack() as stack:

        def make(seed: int = 2, hours: float = 0.25, haste: float = 8.0) -> Running:
            timeline = Timeline(seed)
            stack.callback(timeline.loop.close)
            stack.enter_context(timeline.micropython())
            plan = Plan(seed, FARM, hours * HOUR, haste=haste)
            running = Running(timeline, plan, lambda _line: None, is_troubled=False)
            stack.callback(running.close)
            return running

        yield make
