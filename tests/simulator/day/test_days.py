"""Simulated days as a whole: the same seed tells the same days, a broken one names itself and its replay."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import commands
from simulator.day import run as days
from simulator.day.judge import InvariantError
from simulator.day.run import Days, Plan, SiteError, tell
from simulator.day.verb import FARM

ROOT = Path(__file__).parents[3]

TOLD = (
    "import json, sys\n"
    "from simulator.day.run import Plan, tell\n"
    "from simulator.day.verb import FARM\n"
    "lines = []\n"
    "days = tell(Plan(int(sys.argv[1]), FARM, 5400, haste=20), lines.append)\n"
    "print(json.dumps([days.digest, days.counts, lines]))\n"
)


def told(seed: int, hash_seed: int) -> tuple[str, dict[str, int], list[str]]:
    """Two hours in a process of its own, whose sets and dicts of words have another order."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD, str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    digest, counts, lines = json.loads(done.stdout)
    return digest, counts, lines


def test_the_same_seed_tells_the_same_days_and_another_another() -> None:
    first, counts, lines = told(3, 1)
    again, _, lines_again = told(3, 99)
    other, _, _ = told(5, 1)
    assert lines == lines_again
    assert first == again != other
    for kind in ("coil starts", "try ok", "record after"):
        assert counts[kind] > 0, kind


def test_a_broken_seed_names_itself_its_last_events_and_its_replay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(plan: Plan, _also: object) -> Days:
        if plan.seed != 77:
            return Days("0" * 64, 3, 4, 0.1)
        error = InvariantError("4: 2 coils at work")
        error.add_note(" 1 04:00:01.000  wall-1    (coil 3 on)")
        raise error

    monkeypatch.setattr(days, "tell", broken)
    words = ["simulate", "--first", "76", "--seeds", "3", "--days", "30", "--haste", "2", "--jobs", "1"]
    assert commands.main(words) == 1
    said = capsys.readouterr()
    assert "seed 76: 3 events" in said.out
    assert "seed 78: 3 events" in said.out
    assert "seed 77 broke: InvariantError: 4: 2 coils at work" in said.err
    assert "wall-1    (coil 3 on)" in said.err
    assert "again: ./loquet simulate --seed 77 --days 30 --haste 2 --log" in said.err
    assert "1 of 3 seeds broke: 77" in said.err


def test_seeds_side_by_side_are_told_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "--first", "3", "--seeds", "2", "--days", "0.01", "--jobs", "2"]
    assert commands.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seed 3: ")
    assert lines[1].startswith("seed 4: ")
    assert lines[3].startswith("2 seeds, ")


@pytest.mark.parametrize(
    "words", [["--days", "0"], ["--days", "long"], ["--seeds", "0"], ["--seed", "-1"], ["--haste", "nan"]]
)
def test_words_that_make_no_sense_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.main(["simulate", *words])
    assert ended.value.code == 2
    assert "is no " in capsys.readouterr().err


def test_a_site_that_can_not_be_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["simulate", "--site", str(tmp_path / "none.toml")]) == 2
    assert "none.toml" in capsys.readouterr().err
    hangar = tmp_path / "hangar.toml"
    text = FARM.read_text()
    hangar.write_text(text.replace('kind = "bank"', 'kind = "room"'))
    with pytest.raises(SiteError):
        tell(Plan(1, hangar), lambda _line: None)
