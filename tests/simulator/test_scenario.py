"""Scenario files: read whole, refused with the act at fault, played in order on the real world."""

import asyncio
from pathlib import Path

import pytest

from server.sitefile import document
from simulator import scenario
from simulator.commands import main
from simulator.page.acts import Hands
from simulator.page.seams import Program
from simulator.scenario import ScenarioError
from simulator.world.world import World

SCENARIOS = Path(__file__).parents[2] / "simulator" / "scenarios"


def written(folder: Path, acts: str) -> Path:
    file = folder / "site.toml"
    file.write_text((SCENARIOS / "demo.toml").read_text(encoding="utf-8") + acts, encoding="utf-8")
    return file


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_scenario_that_ships_is_a_site_file_with_sound_acts(file: Path) -> None:
    acts = scenario.read(file)
    assert [act.at for act in acts] == sorted(act.at for act in acts)
    assert document.read(file).sites


def test_the_heatwave_has_acts() -> None:
    assert len(scenario.read(SCENARIOS / "heatwave.toml")) == 10


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        ('at = 1\ntarget = "wall-1"\naction = "jam"\ndoor = 99\non = true', "no door 99 at wall-1"),
        ('at = 1\ntarget = "wall-9"\naction = "reset"', "no controller wall-9"),
        ('at = 1\ntarget = "gateway:mars"\naction = "cut"', "no link gateway:mars"),
        ('at = 1\ntarget = "postman"\naction = "kill"', "no program postman"),
        ('at = 1\ntarget = "wall-1"\naction = "compressor"\nzone = "attic"\non = true', "no zone attic"),
        ('at = 1\ntarget = "wall-1"\naction = "dance"', "dance"),
        ('at = -1\ntarget = "wall-1"\naction = "reset"', "seconds"),
        ('target = "wall-1"\naction = "reset"', "seconds"),
        ('at = 1\ntarget = "wall-1"\naction = "jam"\ndoor = 3', "on"),
    ],
)
def test_a_bad_act_is_refused_with_its_number(tmp_path: Path, act: str, complaint: str) -> None:
    with pytest.raises(ScenarioError, match=f"act 1.*{complaint}"):
        scenario.read(written(tmp_path, f"\n[[acts]]\n{act}\n"))


def test_a_bad_act_stops_the_demo_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, '\n[[acts]]\nat = 1\ntarget = "wall-9"\naction = "reset"\n')
    assert main(["demo", "--scenario", str(file)]) == 2
    assert "act 1: there is no controller wall-9" in capsys.readouterr().err


async def _played(file: Path, said: list[str]) -> World:
    async with World(file, seed=1) as world:
        await scenario.play(scenario.read(file), Hands(world, {}, _Programs(), {}), said.append)
        return world


class _Programs:
    """No programs run here."""

    def __init__(self) -> None:
        self.children: dict[str, Program] = {}

    async def kill(self, name: str) -> None:
        raise KeyError(name)

    async def start(self, name: str) -> None:
        raise KeyError(name)


def test_acts_are_done_on_the_world_and_refusals_are_said(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '\n[[acts]]\nat = 0.02\ntarget = "wall-1"\naction = "put"\ndoor = 3\nitem = "x"\n'
        '\n[[acts]]\nat = 0\ntarget = "wall-1"\naction = "force"\ndoor = 3\n'
        '\n[[acts]]\nat = 0.03\ntarget = "wall-1"\naction = "take"\ndoor = 4\n',
    )
    said: list[str] = []
    world = asyncio.run(_played(file, said))
    assert world.walls["wall-1"].door_is_open(3)
    assert [event.kind for event in world.log if event.kind in ("door_open", "item_in")] == [
        "door_open",
        "item_in",
    ]
    assert "not done, door 4 is shut" in said[-1]
