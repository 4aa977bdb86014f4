"""Step 8: a remote opening, and everything an eavesdropper with the gateway's rights can do with it."""

import asyncio
import time
from typing import Any

from firmware.contract import topics
from simulator.orchestrator.eavesdropper import Heard
from simulator.story.people import Manager, eventually
from simulator.story.runner import Story, require
from simulator.story.scene import SITE, WALL, coils, peek, wall_of

DOORS = (21, 22)
TOPIC = topics.topic(SITE, WALL, "cmd")


async def play(story: Story) -> None:
    """The whole step."""
    stage, wall = story.stage, wall_of(story)
    manager, tap = Manager(stage), stage.taps[SITE]
    door = next(number for number in DOORS if not wall.door_is_open(number))
    mark, heard = len(stage.world.log), len(tap.heard)
    clicked = await manager.open(WALL, door, "Client au téléphone, code perdu")
    await stage.until(lambda: bool(coils(story, WALL, mark)), "the door opens remotely", 10.0)
    story.figure("click → coil, ms", (coils(story, WALL, mark)[0].at_monotonic - clicked) * 1000)
    message = await tap.wait_for(TOPIC, heard)
    made = time.monotonic()
    await _shut(story, door)
    await eventually(
        lambda: manager.records(WALL), lambda rows: _results(rows)[-1:] == ["done"], "the command is done"
    )

    mark = len(stage.world.log)
    await _again(story, manager, message.payload, "duplicate", "published again before its expiry")
    await _again(story, manager, _altered(message), "badseal", "one bit altered")
    stage.fleet[WALL].reset()
    await _is_back(manager)
    await _again(story, manager, message.payload, "otherboot duplicate", "published again after a reboot")
    await _held(story, manager, door)
    await asyncio.sleep(max(0.0, made + _ttl_s(story) + 1 - time.monotonic()))
    await _again(
        story, manager, message.payload, "late otherboot duplicate", "published again after its expiry"
    )
    require(not coils(story, WALL, mark), f"a coil started again: {coils(story, WALL, mark)}")


def _ttl_s(story: Story) -> float:
    return float(story.stage.command_ttl_s)


def _altered(message: Heard) -> bytes:
    payload = bytearray(message.payload)
    payload[len(payload) // 2] ^= 0x01
    return bytes(payload)


def _results(rows: list[dict[str, Any]]) -> list[str]:
    return [str(row["body"]["st"]) for row in rows if row["kind"] == "cmd"]


async def _again(story: Story, manager: Manager, payload: bytes, reasons: str, what: str) -> None:
    before = len(_results(await manager.records(WALL)))
    await story.stage.taps[SITE].publish(TOPIC, payload)
    rows = await eventually(
        lambda: manager.records(WALL),
        lambda rows: len(_results(rows)) > before,
        f"{what}: the controller says why not",
    )
    answer = _results(rows)[before]
    require(answer in reasons.split(), f"{what}: the controller answered {answer}")
    story.note(f"{what}: {answer}, no coil")


async def _held(story: Story, manager: Manager, door: int) -> None:
    """A fresh command that the network holds until it has expired."""
    stage = story.stage
    before = len(_results(await manager.records(WALL)))
    stage.links[WALL].hold("down")
    await manager.open(WALL, door, "Essai retenu par le réseau")
    heard = len(stage.taps[SITE].heard)
    await asyncio.sleep(_ttl_s(story) + 1)
    require(heard is not None, "nothing was heard")
    stage.links[WALL].release()
    rows = await eventually(
        lambda: manager.records(WALL),
        lambda rows: len(_results(rows)) > before,
        "the command held by the network is answered",
        30.0,
    )
    answer = _results(rows)[before]
    require(answer in ("late", "otherboot"), f"held until it had expired: the controller answered {answer}")
    story.note(f"held by the network until it had expired: {answer}, no coil")


async def _shut(story: Story, door: int) -> None:
    wall = wall_of(story)
    await story.stage.until(lambda: wall.door_is_open(door), f"door {door} stands open")
    await peek(story, wall, door)


async def _is_back(manager: Manager) -> None:
    """Wait until the server has heard of the new boot."""
    boots = {row["boot"] for row in await manager.records(WALL)}

    async def look() -> set[int]:
        return {row["boot"] for row in await manager.records(WALL)}

    await eventually(
        look, lambda seen: len(seen) > len(boots), "the controller is back after its reboot", 30.0
    )
