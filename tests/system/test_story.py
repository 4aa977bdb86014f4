"""The whole story holds; with each fault that is planted it fails, and names the step that must notice."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from simulator.orchestrator.runfolder import require_port
from simulator.story import campaign
from simulator.story.campaign import Played
from simulator.story.sabotage import SABOTAGES
from simulator.story.steps import STEPS
from tests.system.traces import processes_of

pytestmark = [pytest.mark.system, pytest.mark.broker, pytest.mark.interpreter]

WHOLE = "the whole story"
AT_A_TIME = 3
"""Demos at once: one of them keeps a third of a core busy, and waits for doors and fridges otherwise."""

QUICK = sorted(
    (sabotage for sabotage in SABOTAGES.values() if sabotage.quick), key=lambda sabotage: -sabotage.step
)
"""One for each step; `./loquet simulator sabotage --all` plants the others too. The longest first."""


class Plays:
    """Demos that run beside each other while the tests wait for one after the other.

    Under xdist each worker plays only what it is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(AT_A_TIME)
        self._begun: dict[str, Future[Played]] = {}

    def root(self, name: str) -> Path:
        """The folder of that demo."""
        return self._folder / name.replace(" ", "-")

    def begin(self, name: str) -> None:
        """Play it when there is room."""
        if name not in self._begun:
            if name == WHOLE:
                self._begun[name] = self._pool.submit(campaign.play, self.root(name))
            else:
                self._begun[name] = self._pool.submit(campaign.plant, self.root(name), SABOTAGES[name])

    def __getitem__(self, name: str) -> Played:
        self.begin(name)
        return self._begun[name].result()

    def close(self) -> None:
        """Wait for what runs; what has not begun is not played."""
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def plays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    """Every demo that this session's tests ask for."""
    plays = Plays(tmp_path_factory.mktemp("demos"))
    if "PYTEST_XDIST_WORKER" not in os.environ:
        for item in request.session.items:
            if isinstance(item, pytest.Function) and "plays" in item.fixturenames:
                plays.begin(str(item.callspec.params["name"]))
    yield plays
    plays.close()


@pytest.mark.parametrize("name", [WHOLE])
def test_every_step_holds_and_nothing_stays(plays: Plays, name: str) -> None:
    played = plays[name]
    assert played.status == 0, played.said
    held = [step.number for step in STEPS if f"\n[{step.number}] held, " in played.said]
    assert held == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert "The story held" in played.said
    assert "last digit → coil start" in played.said
    assert processes_of(plays.root(name)) == {}


@pytest.mark.parametrize("name", [sabotage.name for sabotage in QUICK])
def test_a_planted_fault_fails_its_step(plays: Plays, name: str) -> None:
    played = plays[name]
    assert campaign.caught(SABOTAGES[name], played), played.said
    assert played.complaint
    assert processes_of(plays.root(name)) == {}


def test_ports_are_free_in_pairs() -> None:
    port = campaign.free_pair()
    assert require_port(port, "pages") + 1 == require_port(port + 1, "wall")
