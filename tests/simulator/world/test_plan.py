"""The world is built from the site file, and refuses what can't be built."""

from pathlib import Path

import pytest

from simulator.parts.places import ROOT
from simulator.world import plan

DEMO = ROOT / "simulator" / "scenarios" / "demo.toml"


def test_the_demo_has_two_walls_and_a_hangar() -> None:
    plans = {made.id: made for made in plan.read(DEMO)}
    assert {name: (made.site, made.kind, len(made.doors)) for name, made in plans.items()} == {
        "wall-1": ("ferme", "bank", 24),
        "hangar-1": ("ferme", "room", 0),
        "wall-2": ("bourg", "bank", 8),
    }
    door = next(door for door in plans["wall-1"].doors if door.number == 20)
    assert (door.zone, door.board, door.channel) == ("ambient", 1, 4)


SITE = """
[[sites]]
id = "s"
[[sites.controllers]]
id = "{id}"
kind = "bank"
boards = [{{kind = "8a80", address = 1, locks = 8}}]
[[sites.controllers.doors]]
numbers = "1-9"
zone = ""
board = 0
first_channel = 1
item_sensor = true
"""


def test_a_door_without_a_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE.format(id="w"))
    with pytest.raises(plan.PlanError, match="door 9 hangs on no lock"):
        plan.read(tmp_path / "site.toml")


def test_a_missing_key_and_a_double_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("[[sites]]\nid = 's'\n")
    with pytest.raises(plan.PlanError, match="controllers"):
        plan.read(path)
    one = SITE.format(id="w").replace("1-9", "1-8")
    path.write_text(one + one.replace('id = "s"', 'id = "t"'))
    with pytest.raises(plan.PlanError, match="twice"):
        plan.read(path)
