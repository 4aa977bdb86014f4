"""The simulated day: the same seed tells the same day, and a broken promise ends it with its name."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from firmware.contract import records
from simulator import commands
from simulator.day import run as day
from simulator.day import verb
from simulator.day.board import Pen
from simulator.day.diary import LeakError
from simulator.day.judge import InvariantError
from simulator.day.people import HOUR
from simulator.day.run import Day, Running, SiteError, tell
from simulator.day.timeline import Timeline

ROOT = Path(__file__).parents[3]
BRIEF_S = 4.5 * HOUR
"""Long enough for goods to be ordered, loaded and collected."""

TOLD = (
    "import json, sys\n"
    "from pathlib import Path\n"
    "from simulator.day.run import tell\n"
    "lines = []\n"
    "day = tell(int(sys.argv[1]), Path(sys.argv[2]), 'wall-2', lines.append, float(sys.argv[3]))\n"
    "print(json.dumps([day.digest, day.counts, lines]))\n"
)


def told(seed: int, hash_seed: int) -> tuple[str, dict[str, int], list[str]]:
    """A day in a process of its own, whose sets and dicts of words have another order."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD, str(seed), str(verb.FARM), str(BRIEF_S)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    digest, counts, lines = json.loads(done.stdout)
    return digest, counts, lines


def test_the_same_seed_tells_the_same_day_and_another_another() -> None:
    first, counts, lines = told(2, 1)
    again, _, lines_again = told(2, 99)
    other, _, _ = told(5, 1)
    assert lines == lines_again
    assert first == again != other
    for kind in ("order.collected", "coil starts", "try ok", "record after"):
        assert counts[kind] > 0, kind


@contextmanager
def running(seed: int = 2) -> Iterator[Running]:
    """A day that can be meddled with."""
    timeline = Timeline(seed)
    site_file, controller = day.read(verb.FARM, "wall-2")
    with timeline.micropython():
        made = Running(timeline, site_file, controller, lambda _line: None)
        yield made
        made.close()
        timeline.loop.close()


def live(made: Running, seconds: float = BRIEF_S) -> None:
    made.timeline.loop.run_until_complete(made.live(seconds))


def test_a_coil_that_starts_by_itself_is_seen() -> None:
    with running() as made:
        made.timeline.loop.call_later(120, made.wall.coil, 3, True)
        with pytest.raises(InvariantError, match="3: the coil of door 3"):
            live(made, 300)


def test_a_use_that_is_not_in_flash_before_the_coil_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Pen.event

    def forgetful(pen: Pen, kind: str, fields: dict[str, object]) -> int:
        return 0 if kind == "use" else honest(pen, kind, fields)

    monkeypatch.setattr(Pen, "event", forgetful)
    with running() as made, pytest.raises(InvariantError, match="3: the coil of door"):
        live(made)


def test_a_second_coil_at_the_same_time_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as made:
        honest = made.wall.coil

        def crossed(number: int, on: bool) -> None:
            honest(number, on)
            if on and len(made.wall.coils) == 1:
                honest(number % 8 + 1, True)

        monkeypatch.setattr(made.wall, "coil", crossed)
        with pytest.raises(InvariantError, match="4: 2 coils"):
            live(made)


def test_a_door_of_a_blocked_zone_that_opens_is_seen() -> None:
    with running() as made:
        # The controller's record says that the zone is blocked; its doors go on opening.
        made.judge.told("block", {"id": "0" * 16, "z": "chilled", "r": records.WARM})
        with pytest.raises(InvariantError, match="although its zone is blocked"):
            live(made)


def test_a_record_that_never_arrives_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as made:
        honest = made.gateway.heard
        lost: list[int] = []

        def careless(leaf: str, payload: bytes) -> None:
            """Two records become a gap that nothing had torn."""
            message: dict[str, Any] = json.loads(payload)
            if message.get("k") == "try" and not lost:
                lost.append(message["n"])
                envelope = {key: message[key] for key in ("v", "e", "l", "b", "n", "u", "t", "q")}
                gap = {"k": "gap", "f": message["n"], "n": message["n"] + 1, "r": "full"}
                payload = records.encode(envelope | gap)
            honest(leaf, payload)

        monkeypatch.setattr(made.gateway, "heard", careless)
        with pytest.raises(InvariantError, match="11: lane 0"):
            live(made)
        assert lost


def test_a_code_in_a_line_is_seen() -> None:
    with running() as made:
        made.diary.secrets.add("12345674")
        made.diary.say("wall", "try r=ok c=12 w=1234567")
        with pytest.raises(LeakError):
            made.diary.say("wall", "try 1234 5674")


def test_a_service_that_ends_breaks_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware.services.clock import Time

    async def tired(_time: Time) -> None:
        return

    monkeypatch.setattr(Time, "run", tired)
    with running() as made, pytest.raises(RuntimeError, match="a service of the firmware ended"):
        live(made, 60)


def test_a_broken_day_names_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> Day:
        raise InvariantError("4: 2 coils at work")

    monkeypatch.setattr(day, "tell", broken)
    assert commands.main(["day", "--seed", "77"]) == 1
    assert "the day of seed 77 broke: InvariantError: 4: 2 coils at work" in capsys.readouterr().err


def test_a_day_at_a_wall_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["day", "--wall", "hangar-1"]) == 2
    assert "no wall hangar-1" in capsys.readouterr().err
    with pytest.raises(SiteError):
        tell(1, tmp_path / "none.toml", "wall-2", lambda _line: None)
