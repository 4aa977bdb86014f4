"""Step 9: power cut in a flash write; the gateway killed twenty times at 200 records a second."""

import asyncio
import random
import re
from typing import Any

from simulator.orchestrator.processes import Child
from simulator.story.people import Manager, eventually
from simulator.story.runner import Story, require
from simulator.story.scene import SITE, WALL, once_through, wall_of

DEVICE = "hangar-1"
"""Whose place the load device takes: a real controller makes no 200 records a second."""
LOAD_BOOT = 1000
KILLS = 20
RATE = 200
"""Records a second."""
SECONDS_BETWEEN = (0.25, 0.9)
MADE = re.compile(r"^made (\d+) (\d+) (\d+)$", re.MULTILINE)


async def play(story: Story) -> None:
    """The whole step."""
    await _controller(story)
    await _gateway(story)


async def _gateway(story: Story) -> None:
    stage = story.stage
    chance = random.Random(9)
    name = f"gateway:{SITE}"
    count = KILLS * RATE
    stage.fleet[DEVICE].power(False)
    load, ledger = stage.load_device(DEVICE, RATE, count, seed=9)
    await load.start()
    before = len(stage.taps[SITE].heard)
    # Half of the kills without the server: then only the gateway's disk knows what it has acknowledged.
    stage.links[name].cut()
    for kill in range(KILLS):
        if kill == KILLS // 2:
            stage.links[name].mend()
        await asyncio.sleep(chance.uniform(*SECONDS_BETWEEN))
        await stage.kill(name)
        await stage.start(name)
    await _ends(load)
    made = [(int(b), int(n)) for lane, b, n in MADE.findall(ledger.read_text()) if lane == "0"]
    require(len(made) == count, f"the load device made {len(made)} records, not {count}")
    heard = {h.payload for h in stage.taps[SITE].heard[before:] if h.topic.endswith(f"/{DEVICE}/up")}
    require(
        len(heard) >= count,
        f"the separate listener heard {len(heard)} different messages, fewer than {count}",
    )
    manager = Manager(stage)

    async def held() -> list[tuple[int, int]]:
        records = [row for row in await manager.records(DEVICE) if row["boot"] == LOAD_BOOT]
        lost = [row["body"] for row in records if row["kind"] == "gap"]
        require(not lost, f"records are lost: {[(gap['f'], gap['n']) for gap in lost]}")
        return [(row["boot"], row["seq"]) for row in records]

    rows = await eventually(held, lambda seen: len(seen) >= count, f"the server holds {count} records", 60.0)
    require(len(rows) == len(set(rows)), f"{len(rows) - len(set(rows))} records are there twice")
    require(rows == made, "the server's records are not those that were made, in their order")
    await load.stop()
    stage.fleet[DEVICE].power(True)
    story.note(f"{KILLS} kills at {RATE} records/s: {count} made, {len(rows)} at the server, 0 lost, 0 twice")


async def _ends(load: Child) -> None:
    if load.process is None:
        raise LookupError("the load device was not started")
    status = await asyncio.wait_for(load.process.wait(), 120)
    require(status == 0, f"the load device ended with {status}:\n{load.tail()}")


async def _controller(story: Story) -> None:
    """Doors are forced with the broker dead; the power fails at a flash write; nothing of it is lost."""
    stage, wall = story.stage, wall_of(story)
    door = next(
        number for number in (24, 23, 22) if not wall.door_is_open(number) and not wall.contents(number)
    )
    await stage.kill(f"broker:{SITE}")
    mark = len(stage.world.log)
    for _ in range(3):
        wall.force(door)
        await asyncio.sleep(0.6)
        wall.push(door)
        await stage.until(lambda: not wall.door_is_open(door), "the door shuts")
        await asyncio.sleep(0.6)
    controller = stage.fleet[WALL]
    controller.cut_at_flash_write(random.Random(9).randint(1, 4))
    await stage.until(lambda: not controller.board.powered, "the power fails at a flash write", 60.0)
    controller.power(True)
    await stage.start(f"broker:{SITE}")
    await once_through(story, WALL, mark)
    manager = Manager(stage)

    async def boots() -> list[dict[str, Any]]:
        return [row for row in await manager.records(WALL) if row["kind"] == "boot"]

    rows = await eventually(boots, lambda seen: len(seen) >= 2, "the boot record has arrived", 30.0)
    last = rows[-1]["body"]
    require(last["m1"] >= last["m0"] > 0, f"the boot record names no interval of missing readings: {last}")
    zone = await manager.page(f"/manager/zones/{WALL}/chilled")
    require(zone.with_data("gap"), "the zone's table shows no gap for the power cut")
    story.note(
        f"power cut at a flash write: every door event once, {last['m1'] - last['m0']} s of readings a gap"
    )
