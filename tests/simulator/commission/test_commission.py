"""The commissioning checklist on the simulated world: a sound wall passes, each planted mistake is found by
its name, and nothing else is.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.commission import verb
from simulator.commission.checks import in_order
from simulator.commission.finding import Finding, Report
from simulator.commission.line import Line
from simulator.commission.person import Asked, NobodyError, numbers
from simulator.commission.plants import PLANTS
from simulator.commission.verb import commission, simulated
from simulator.controllers import Fleet, identity
from simulator.orchestrator.runfolder import free_port
from simulator.world import plan as plans
from simulator.world.world import World

SITE = Path(__file__).resolve().parents[2] / "firmware" / "wall" / "site.toml"
DEMO = Path(__file__).resolve().parents[3] / "simulator" / "scenarios" / "demo.toml"


def checked(
    folder: Path, device: str, doors: set[int] | None, only: str = "", faults: str = "", site: Path = SITE
) -> Report:
    plan = in_order(next(plan for plan in plans.read(site) if plan.id == device), doors)

    async def go() -> Report:
        async with simulated(site, plan, folder, 1, faults.split(), asks=False) as (line, person):
            names = frozenset(only.split())
            return await commission(line, person, plan, print, by="a test", is_simulated=True, only=names)

    return asyncio.run(go())


WALLS: list[tuple[str, set[int], str]] = [
    ("swapped-doors silent-probe", {1, 2}, "doors keypad probes network"),
    ("swapped-contacts lid-switch", {1, 2}, "doors alarm network"),
    ("address-clash flat-battery", {1, 17}, "doors clock"),
    ("contact-polarity dead-light", {1}, "doors alarm"),
    ("silent-board stuck-door dark-display", {1, 17}, "doors display network"),
    ("long-pulse blind-sensor swapped-probes", {1}, "doors probes"),
    ("dark-sensor dead-key", {1}, "doors keypad"),
    ("dead-sounder loose-network", {1}, "alarm network"),
]
"""Mistakes planted together, the doors that are wired, the checks that are done: each run costs a start.

Where every door is built wrongly `network` is among them: a code must show that the controller goes on alone,
and the cable is not to be blamed twice.
"""


@pytest.mark.interpreter
@pytest.mark.broker
@pytest.mark.system
@pytest.mark.parametrize(("faults", "doors", "only"), WALLS, ids=[row[0] for row in WALLS])
def test_each_mistake_is_found_by_its_name_and_nothing_else_is(
    faults: str, doors: set[int], only: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "loose-network" in faults:
        monkeypatch.setattr("simulator.commission.checks.HELLO_S", 5.0)
    report = checked(tmp_path, "wall", doors, only, faults)

    found = {finding.fault for finding in report.faults}
    expected = {PLANTS[name].fault for name in faults.split()}
    if "address-clash" in faults:
        expected |= {"lock board silent"}  # nobody answers to the address that nobody has
    assert found == expected
    assert all(finding.advice for finding in report.faults)


@pytest.mark.interpreter
@pytest.mark.broker
@pytest.mark.system
def test_rooms_whose_contacts_are_exchanged(tmp_path: Path) -> None:
    report = checked(tmp_path, "hangar-1", None, "contacts alarm", "swapped-rooms", DEMO)

    assert [finding.fault for finding in report.faults] == ["contacts swapped"] * 2
    assert "sounder" in [finding.subject for finding in report.findings if finding.good]


@pytest.mark.interpreter
@pytest.mark.broker
@pytest.mark.system
def test_a_sound_wall_is_fit_for_service(tmp_path: Path) -> None:
    report = checked(tmp_path, "small", {1})

    assert report.faults == []
    page = report.markdown()
    assert "fit for service" in page
    assert "small (bench)" in page
    looked_at = {finding.check for finding in report.findings}
    assert {"door", "coil's on-time", "item sensor", "display", "keypad", "probe", "lid"} <= looked_at
    assert {"hello", "alarm", "network", "clock"} <= looked_at


def test_every_mistake_is_planted_here() -> None:
    planted = {name for row in WALLS for name in row[0].split()} | {"swapped-rooms"}

    assert planted == set(PLANTS)


def test_the_report_says_what_to_do() -> None:
    when = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
    good = Finding("door", "door 1", "its order opens it")
    bad = Finding("door", "door 2", "no door opened", "door stuck", "the latch")
    page = Report("ferme", "wall-1", "C. Roy", when, when, {}, (good, bad), simulated=False).markdown()

    assert "1 of 2 as they should be: **not fit for service yet**" in page
    assert "| door | door 2 | door stuck: no door opened | the latch |" in page
    assert "simulated" not in page


def test_what_was_looked_at_in_part_is_never_fit_for_service() -> None:
    when = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
    good = Finding("door", "door 1", "its order opens it")
    whole = Report("ferme", "wall-1", "C. Roy", when, when, {}, (good,), simulated=False)

    assert "**fit for service**" in whole.markdown()
    assert "fit for service" not in replace(whole, partial=True).markdown()


def test_a_check_alone_says_so_and_a_report_that_has_no_place_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half an hour at a wall is not lost to a mistyped path."""
    from simulator import commands

    (tmp_path / "file").touch()
    words = ["commission", "--site", str(SITE), "--device", "small", "--auto", "--only", "display"]
    assert commands.main([*words, "--report", str(tmp_path / "file" / "report.md")]) == 2
    said = capsys.readouterr()
    assert "**good so far, and not all was looked at**" in said.out
    assert "report.md can't be written" in said.err


@contextmanager
def typing(text: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal at which that is typed, then closed."""
    ours, theirs = os.pipe()
    os.write(theirs, text.encode())
    os.close(theirs)
    with os.fdopen(ours) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        yield


def test_a_human_answers_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def go() -> None:
        asked = Asked()
        assert await asked.open_doors(3) == {3, 19}
        assert await asked.hears() is False
        assert await asked.hold_ms(3) == 480
        assert await asked.hold_ms(3) is None
        await asked.shut({3, 19})
        with pytest.raises(NobodyError, match="closed"):
            await asked.first_line()

    with typing("three\n3, 19\nperhaps\nn\n480\n\n\n", monkeypatch):
        asyncio.run(go())
    said = capsys.readouterr().out
    assert "door numbers, or none" in said
    assert "y or n, please" in said
    assert "Shut door 3, 19" in said


@pytest.mark.interpreter
@pytest.mark.broker
@pytest.mark.system
def test_a_board_with_a_person_as_on_silicon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys from a file, an address of its own, a human's answers: nothing of the simulated world is asked."""
    plan = in_order(next(plan for plan in plans.read(SITE) if plan.id == "small"), {1})
    secrets_file = tmp_path / "secrets.json"
    secrets_file.touch(mode=0o600)
    own = {"psk": "1f" * 32, "key": "2e" * 32}
    secrets_file.write_text(json.dumps({"controllers": {"small": own}}))
    listen = ("127.0.0.1", free_port())

    async def go() -> Report:
        keys = verb._keys(secrets_file, "small")
        async with (
            Line(tmp_path, "bench", "small", keys, listen) as line,
            World(SITE, seed=1) as world,
            Fleet(world, tmp_path / "controllers") as fleet,
        ):
            who = identity("bench", "small", "locker-bank", listen[1], own["psk"], own["key"])
            (await fleet.add("small", who)).power(True)
            names = frozenset({"display"})
            return await commission(line, Asked(), plan, print, by="", is_simulated=False, only=names)

    with typing("Bonjour ! Votre code\n", monkeypatch):
        report = asyncio.run(go())
    assert report.faults == []
    assert [finding.check for finding in report.findings] == ["hello", "display"]


def test_what_people_type_for_doors() -> None:
    assert numbers("1, 17 2") == {1, 2, 17}
    assert numbers("none") == numbers("") == set()
    with pytest.raises(ValueError, match="two"):
        numbers("two")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--device wall-99", "no controller 'wall-99'"),
        ("--secrets /nowhere", "go together"),
        ("--secrets /nowhere --listen 127.0.0.1:8884", "no keys"),
        ("--secrets /nowhere --listen 127.0.0.1:8884 --auto", "a board of silicon needs a person"),
        ("--site /nowhere", "nowhere"),
        ("--auto --doors 1,99 --only doors", "wall-1 has no door 99"),
        ("--auto --device hangar-1 --fault dark-display --site " + str(DEMO), "only a wall"),
    ],
)
def test_what_can_t_be_done_is_said_in_a_line(
    words: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from simulator import commands

    monkeypatch.setattr(verb, "REPORTS", tmp_path)
    assert commands.main(["commission", *words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
