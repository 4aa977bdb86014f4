"""What the world is built from: the part of a site file (`docs/interfaces.md` §1) that is made of wood, wire
and cold.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.contract import config
from simulator.world.climate import BUILDS


class PlanError(Exception):
    """The site file describes something that can't be built; the text says what."""


@dataclass(frozen=True)
class BoardPlan:
    """A lock board: `8a80` on RS-485 or `mcp` on I2C."""

    kind: str
    address: int
    locks: int


@dataclass(frozen=True)
class DoorPlan:
    """One compartment."""

    number: int
    zone: str
    board: int
    channel: int
    item_sensor: bool


@dataclass(frozen=True)
class ZonePlan:
    """One cooled space with its probes."""

    id: str
    climate: str
    bus: int
    probes: tuple[str, ...]


@dataclass(frozen=True)
class ControllerPlan:
    """One controller with what hangs on it. `kind` is `bank` or `room`."""

    id: str
    site: str
    kind: str
    boards: tuple[BoardPlan, ...]
    doors: tuple[DoorPlan, ...]
    zones: tuple[ZonePlan, ...]

    def configured_boards(self) -> list[config.Board]:
        """The lock boards as its configuration names them."""
        return [config.Board(board.kind, board.address, board.locks) for board in self.boards]

    def configured_doors(self) -> list[config.Door]:
        """The doors as its configuration names them."""
        return [
            config.Door(door.number, door.zone, door.board, door.channel, door.item_sensor)
            for door in self.doors
        ]


def read(path: Path) -> list[ControllerPlan]:
    """All controllers of all sites of a site file. PlanError if something is missing; OSError,
    TOMLDecodeError.
    """
    with path.open("rb") as file:
        document = tomllib.load(file)
    plans: list[ControllerPlan] = []
    try:
        for site in document["sites"]:
            plans.extend(_controller(site["id"], raw) for raw in site["controllers"])
    except KeyError as missing:
        raise PlanError(f"{path}: {missing} is missing") from missing
    except (TypeError, ValueError) as error:
        raise PlanError(f"{path}: {error}") from error
    names = [plan.id for plan in plans]
    if len(set(names)) != len(names):
        raise PlanError(f"{path}: a controller's id is used twice")
    return plans


def _controller(site: str, raw: dict[str, Any]) -> ControllerPlan:
    boards = tuple(BoardPlan(b["kind"], b["address"], b["locks"]) for b in raw.get("boards", []))
    doors: list[DoorPlan] = []
    for group in raw.get("doors", []):
        for step, number in enumerate(_numbers(str(group["numbers"]))):
            channel = group["first_channel"] + step
            doors.append(DoorPlan(number, group["zone"], group["board"], channel, group["item_sensor"]))
    for door in doors:
        if door.board >= len(boards) or not 1 <= door.channel <= boards[door.board].locks:
            raise PlanError(f"{raw['id']}: door {door.number} hangs on no lock")
    for zone in raw.get("zones", []):
        if zone["climate"] not in BUILDS:
            raise PlanError(f"{raw['id']}: nobody can build a zone that is {zone['climate']!r}")
    zones = tuple(ZonePlan(z["id"], z["climate"], z["bus"], tuple(z["probes"])) for z in raw.get("zones", []))
    return ControllerPlan(raw["id"], site, raw["kind"], boards, tuple(doors), zones)


def _numbers(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)
