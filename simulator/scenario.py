"""Scenario files: a site file with acts, so that anybody can write down what is to happen and when.

A table `[[acts]]` is an act of the touchable page (`simulator.page.acts`, the one list of them) with `at`,
seconds after the acts begin. The server passes over them: no product code knows of a scenario.
"""

import asyncio
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from simulator.page import acts as page
from simulator.page.acts import Act, Hands, Refused
from simulator.world import plan
from simulator.world.plan import ControllerPlan, PlanError

_ACT: TypeAdapter[Act] = TypeAdapter(Act)


class ScenarioError(Exception):
    """An act that can't be done; the text says which and why."""


@dataclass(frozen=True)
class TimedAct:
    """One act, `at` seconds after the acts begin."""

    at: float
    act: Act

    def __str__(self) -> str:
        details = {
            key: value for key, value in self.act.model_dump().items() if key not in ("target", "action")
        }
        words = [self.act.target, self.act.action, *(f"{key}={value}" for key, value in details.items())]
        return f"{self.at:g} s: " + " ".join(words)


def read(path: Path) -> list[TimedAct]:
    """The acts of a scenario file in the order of their times; none is no fault. Raises ScenarioError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        plans = {controller.id: controller for controller in plan.read(path)}
    except PlanError as error:
        raise ScenarioError(str(error)) from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    raw = document.get("acts", [])
    if not isinstance(raw, list):
        raise ScenarioError(f"{path}: acts are written as [[acts]]")
    acts = [_act(path, number, each, plans) for number, each in enumerate(raw, 1)]
    return sorted(acts, key=lambda act: act.at)


def _act(path: Path, number: int, raw: Any, plans: dict[str, ControllerPlan]) -> TimedAct:
    where = f"{path}: act {number}"
    if not isinstance(raw, dict):
        raise ScenarioError(f"{where} is no table")
    at = raw.get("at")
    if not isinstance(at, int | float) or isinstance(at, bool) or not 0 <= at <= 7 * 86_400:
        raise ScenarioError(f"{where}: at is a number of seconds, not {at!r}")
    try:
        act = _ACT.validate_python({key: value for key, value in raw.items() if key != "at"})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ScenarioError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    missing = _missing(act, plans)
    if missing:
        raise ScenarioError(f"{where}: there is no {missing}")
    return TimedAct(float(at), act)


def _missing(act: Act, plans: dict[str, ControllerPlan]) -> str:
    """What the act names and the site does not have; "" if it has everything."""
    sites = sorted({each.site for each in plans.values()})
    gateways = {f"gateway:{site}" for site in sites}
    if isinstance(act, page.SwitchLink):
        return "" if act.target in plans.keys() | gateways else f"link {act.target}"
    if isinstance(act, page.RunProcess):
        programs = {"server"} | gateways | {f"broker:{site}" for site in sites}
        return "" if act.target in programs else f"program {act.target}"
    controller = plans.get(act.target)
    if controller is None:
        return f"controller {act.target}"
    if isinstance(act, page.HandleDoor | page.PutGoods | page.TroubleDoor):
        doors = [door.number for door in controller.doors]
        return "" if act.door in doors else f"door {act.door} at {act.target}"
    if isinstance(act, page.SwitchCompressor | page.PlugProbe | page.MoveRoomDoor):
        zones = {zone.id: zone for zone in controller.zones}
        if act.zone not in zones:
            return f"zone {act.zone} at {act.target}"
        if isinstance(act, page.PlugProbe) and act.probe not in zones[act.zone].probes:
            return f"probe {act.probe} in {act.zone} at {act.target}"
    return ""


async def play(acts: Sequence[TimedAct], hands: Hands, say: Callable[[str], None]) -> None:
    """Does the acts on the live world at their times. What the world does not allow is said, and the next
    one comes.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for timed in acts:
        await asyncio.sleep(max(0.0, begun + timed.at - loop.time()))
        try:
            await hands.do(timed.act)
        except Refused as refusal:
            say(f"  act at {timed}: not done, {refusal}")
        else:
            say(f"  act at {timed}")
