"""Every fault changes something that is there, every step has its faults, and the campaign tells caught from
missed.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from simulator.commands import main
from simulator.parts.places import ROOT
from simulator.story import campaign
from simulator.story.broken import altered_firmware
from simulator.story.campaign import Played
from simulator.story.plants import PATCHES, SabotageError, put
from simulator.story.runner import selection
from simulator.story.sabotage import SABOTAGES
from simulator.story.steps import STEPS

FIRMWARE = {name: each.breakage.firmware for name, each in SABOTAGES.items() if each.breakage.firmware}
PROGRAMS = {name for name, each in SABOTAGES.items() if each.breakage.programs}


@pytest.mark.parametrize("name", sorted(FIRMWARE))
def test_a_fault_of_the_firmware_changes_one_place_and_still_compiles(name: str, tmp_path: Path) -> None:
    file, text, replacement = FIRMWARE[name]
    altered = altered_firmware(ROOT / "firmware", tmp_path / "firmware", file, text, replacement)
    source = (altered / file).read_text(encoding="utf-8")
    assert source != (ROOT / "firmware" / file).read_text(encoding="utf-8")
    compile(source, file, "exec")


def test_a_text_that_is_not_there_once_is_no_fault(tmp_path: Path) -> None:
    for number, text in enumerate(["no such line", "self._"]):
        with pytest.raises(SabotageError, match="holds the text to break"):
            altered_firmware(ROOT / "firmware", tmp_path / str(number), "services/keypad.py", text, "")


def test_every_fault_of_a_program_can_be_planted() -> None:
    planted = subprocess.run(
        [
            sys.executable,
            "-c",
            "from simulator.story.plants import PATCHES\nfor plant in PATCHES.values():\n    plant()",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert planted.returncode == 0, planted.stderr
    assert set(PATCHES) == PROGRAMS


@pytest.mark.parametrize(
    ("place", "name", "says"),
    [
        ("server.orders.paying", "nobody_calls_this", "has no function"),
        ("server.orders.paying:Nobody", "on_captured", "has no function"),
        ("server.nowhere", "on_captured", "there is no module"),
    ],
)
def test_a_function_that_is_gone_can_not_be_broken(place: str, name: str, says: str) -> None:
    with pytest.raises(SabotageError, match=says):
        put(place, name, print)


def test_every_step_has_a_fault_and_one_that_every_run_plants() -> None:
    numbers = {step.number for step in STEPS}
    assert {sabotage.step for sabotage in SABOTAGES.values()} == numbers
    assert sorted(sabotage.step for sabotage in SABOTAGES.values() if sabotage.quick) == sorted(numbers)
    assert {sabotage.breakage.name for sabotage in SABOTAGES.values()} == set(SABOTAGES)


@pytest.mark.parametrize(
    ("status", "said", "holds"),
    [
        (1, "[4] FAILED after 2.00 s: no door\nThe story failed at step 4.\n", True),
        (1, "The story failed at step 3.\n", False),
        (1, "", False),
        (0, "The story held, 9.9 s.\n", False),
        (2, "The story failed at step 4.\n", False),
    ],
)
def test_caught_means_failed_at_its_own_step(status: int, said: str, holds: bool) -> None:
    assert campaign.caught(SABOTAGES["slip-costs-a-try"], Played(status, said, 1.0)) is holds


def test_a_demo_that_could_not_start_has_caught_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(campaign, "plant", lambda _root, _sabotage: Played(2, "loquet: no broker", 0.1))
    assert campaign.campaign([SABOTAGES["forged-payments"]], tmp_path, 1, said.append) == 1
    assert said[0].startswith("MISSED  step 1  forged-payments")
    assert said[-1] == "0 of 1 sabotages were caught by their step."


def test_a_sabotage_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sabotage", "no-such-fault"]) == 2
    assert "there is no sabotage no-such-fault" in capsys.readouterr().err
    assert main(["sabotage"]) == 2
    assert "--all" in capsys.readouterr().err


def test_every_fault_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["steps"]) == 0
    listed = capsys.readouterr().out
    for name, sabotage in SABOTAGES.items():
        assert f"--sabotage {name} " in listed
        assert f"fails step {sabotage.step}: {sabotage.description}" in listed


def test_steps_that_are_only_needed_are_played_in_brief() -> None:
    chosen = selection(STEPS, [4])
    assert [step.number for step in chosen] == [1, 2, 3, 4]
    whole = {step.number: step for step in STEPS}
    assert [step.play == whole[step.number].play for step in chosen] == [False, False, False, True]
    assert selection(STEPS, []) == list(STEPS)
