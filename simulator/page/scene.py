"""What moves: the state of every wall, room, link and program as plain values, in sections that change one by
one.
"""

import math
from collections.abc import Mapping
from typing import TypeAlias

from simulator.mailbox import Mailbox
from simulator.page.seams import Controls, Link
from simulator.world.board import Board
from simulator.world.hangar import Hangar
from simulator.world.log import WorldEvent
from simulator.world.wall import Wall
from simulator.world.world import World
from simulator.world.zone import Zone

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

RECENT = 14
"""Happenings shown."""

_UNSHOWN = frozenset({"key", "flash"})
"""Kinds that the list of happenings leaves out: a typed code is nobody's business, flash writes are too many.
"""


def zone_state(zone: Zone) -> Json:
    """A zone: temperatures in tenths of a degree Celsius as numbers, what its compressor does, its probes by
    ROM.
    """
    space = zone.space
    if not space.compressor_works:
        compressor = "dead"
    elif space.defrosting_for_s > 0:
        compressor = "defrost"
    else:
        compressor = "running" if space.cooling else "idle"
    return {
        "air": _tenths(space.air_c),
        "goods": _tenths(space.goods_c),
        "compressor": compressor,
        "door_open": space.door_open,
        "probes": {probe.rom: probe.unplugged for probe in zone.probes},
    }


def _tenths(celsius: float) -> float | None:
    # Adding zero turns -0.0 into 0.0.
    return round(celsius, 1) + 0.0 if math.isfinite(celsius) else None


def _signals(board: Board) -> dict[str, Json]:
    return {
        "power": board.powered,
        "zones": {name: zone_state(zone) for name, zone in board.zones.items()},
    }


def wall_state(wall: Wall) -> Json:
    """A wall: display, lights, doors, zones."""
    board = wall.board
    lit = wall.leds()
    coils = board.energised(board.clock())
    doors: dict[str, Json] = {
        str(number): {
            "stand": door.stand.value,
            "items": list(door.items),
            "led": number in lit,
            "coil": number in coils,
            "jammed": door.jammed,
            "blocked": door.blocked,
            "blind": number in board.blind,
            "dirty": number in board.dirty,
        }
        for number, door in board.doors.items()
    }
    return {
        **_signals(board),
        "lines": list(wall.display()),
        "lit": board.powered and board.display.lit,
        "buzzer": wall.buzzer(),
        "alarm": wall.alarm_light(),
        "doors": doors,
    }


def hangar_state(hangar: Hangar) -> Json:
    """A hangar: alarm and rooms."""
    return {**_signals(hangar.board), "buzzer": hangar.buzzer(), "alarm": hangar.alarm_light()}


def happening(event: WorldEvent) -> Json:
    """One line of what has happened; the time is that of the reader's wall, as Unix milliseconds."""
    return {
        "at": round(event.at_wall.timestamp() * 1000),
        "controller": event.controller,
        "kind": event.kind,
        "door": event.door,
        "detail": event.detail,
    }


def recent(world: World) -> list[Json]:
    """The last happenings, newest first."""
    lines: list[Json] = []
    # A busy world's log is long: only its end is looked at.
    for event in reversed(world.log.since(max(0, len(world.log) - 400))):
        if event.kind not in _UNSHOWN:
            lines.append(happening(event))
            if len(lines) == RECENT:
                break
    return lines


def scene(world: World, mailbox: Mailbox, links: Mapping[str, Link], controls: Controls) -> dict[str, Json]:
    """All sections. A section that is equal to what was sent before need not be sent again."""
    sections: dict[str, Json] = {f"at/{name}": wall_state(wall) for name, wall in world.walls.items()}
    sections |= {f"at/{name}": hangar_state(hangar) for name, hangar in world.hangars.items()}
    sections["links"] = {name: not link.is_cut for name, link in links.items()}
    sections["processes"] = {name: child.is_running for name, child in controls.children.items()}
    sections["mails"] = mailbox.count
    sections["log"] = recent(world)
    return sections


def changed(before: Mapping[str, Json], now: dict[str, Json]) -> dict[str, Json]:
    """The sections that differ from what was sent before."""
    return {name: section for name, section in now.items() if name not in before or before[name] != section}
