"""When the environment is built, brought up to date or left alone."""

import json
import sys
from pathlib import Path

import pytest

from simulator.parts import environment
from simulator.parts.environment import RUN, TEST, lacking, read_stamp, wanted_stamp
from simulator.parts.progress import SetupError


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    (tmp_path / "run.txt").write_text("fastapi==1\n")
    (tmp_path / "test.txt").write_text("fastapi==1\npytest==1\n")
    return tmp_path


@pytest.fixture
def built(tmp_path: Path, requirements: Path) -> Path:
    """A finished environment that holds the run set."""
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    (environment / "loquet-stamp.json").write_text(json.dumps(wanted_stamp([RUN], requirements)))
    return environment


def test_a_finished_environment_is_left_alone(built: Path, requirements: Path) -> None:
    assert lacking(read_stamp(built), wanted_stamp([RUN], requirements)) == []


def test_the_suite_adds_its_own_set(built: Path, requirements: Path) -> None:
    assert lacking(read_stamp(built), wanted_stamp([RUN, TEST], requirements)) == [TEST]


def test_changed_pins_are_installed(built: Path, requirements: Path) -> None:
    (requirements / "run.txt").write_text("fastapi==2\n")
    assert lacking(read_stamp(built), wanted_stamp([RUN], requirements)) == [RUN]


def test_another_python_or_a_moved_checkout_means_a_new_one(built: Path, requirements: Path) -> None:
    for key in ("python", "checkout"):
        want = wanted_stamp([RUN], requirements)
        want[key] = "another"
        assert lacking(read_stamp(built), want) is None


def test_an_interrupted_one_is_built_anew(built: Path) -> None:
    (built / "loquet-stamp.json").unlink()
    assert read_stamp(built) is None


@pytest.mark.parametrize("rubbish", ["", '{"python": "3', "[]", "null"])
def test_a_torn_stamp_is_none(built: Path, rubbish: str) -> None:
    (built / "loquet-stamp.json").write_text(rubbish)
    assert read_stamp(built) is None


def test_an_environment_whose_python_was_removed_is_none(built: Path) -> None:
    (built / "bin" / "python").unlink()
    (built / "bin" / "python").symlink_to("/nowhere/python3")
    assert read_stamp(built) is None


def test_without_an_index_the_program_of_before_still_starts(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "VENV", built)
    monkeypatch.setattr(environment, "WHEELS", tmp_path / "wheels")
    for name, value in (("INDEX_URL", "http://127.0.0.1:9"), ("RETRIES", "0"), ("NO_CACHE_DIR", "1")):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    before = wanted_stamp([RUN])
    (built / "loquet-stamp.json").write_text(json.dumps(before))
    with pytest.raises(SetupError):
        environment.prepare([RUN, TEST])
    assert read_stamp(built) == before
