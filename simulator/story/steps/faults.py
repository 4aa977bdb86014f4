"""Step 6: a door that jams and a door that is forced are two different alarms, on the page and by mail."""

import itertools

from simulator.story.people import Manager
from simulator.story.runner import Story, require
from simulator.story.scene import WALL, coils, doors_of, reads, ready_order, settled, type_code, wall_of

RETRY_S = 2
"""Seconds between tries in the demo's site file."""


async def play(story: Story) -> None:
    """The whole step."""
    stage, wall = story.stage, wall_of(story)
    order, customer = await ready_order(story, ["pommes"], "coincee@example.org")
    (door,) = doors_of(order)
    await settled(story, wall)
    mark = len(stage.world.log)
    wall.jam(door)
    await type_code(story, wall, await customer.code())
    await reads(story, wall, "bloquee", stage.document["platform"]["help"], timeout=30.0)
    tries = coils(story, WALL, mark)
    require([event.door for event in tries] == [door] * 3, f"a jammed door was tried {len(tries)} times")
    gaps = [later.at_monotonic - earlier.at_monotonic for earlier, later in itertools.pairwise(tries)]
    require(all(gap >= stage_retry(story) for gap in gaps), f"tries came after {gaps} s: not spaced")
    manager = Manager(stage)
    jam = await manager.until_alarm("jam", WALL, door)
    forced_door = next(number for number in (23, 24) if number != door and not wall.contents(number))
    await settled(story, wall)
    wall.force(forced_door)
    forced = await manager.until_alarm("forced", WALL, forced_door)
    require(jam.data("alarm-id") != forced.data("alarm-id"), "jam and forced opening are one alarm")
    for alarm in (jam, forced):
        await stage.mailbox.wait_for(
            lambda mail, alarm=alarm: (
                mail.to(manager.email) and f"porte {alarm.data('door')}" in (mail.subject + mail.text).lower()
            ),  # type: ignore[misc]
            15.0,
        )
    story.note(
        f"door {door} jammed (three tries, help number), door {forced_door} forced: two alarms, two mails"
    )
    await manager.act(
        f"/manager/alarms/{forced.data('alarm-id')}/acknowledge", comment="Porte refermée, rien de pris"
    )
    wall.push(forced_door)
    wall.jam(door, False)
    await settled(story, wall)
    await type_code(story, wall, await customer.code())

    async def nothing(_door: int) -> None:
        wall.take(_door)

    from simulator.story.scene import serve

    await serve(story, wall, {door}, nothing)
    await customer.until("collected", timeout=20.0)


def stage_retry(story: Story) -> float:
    """Seconds between tries at a jammed lock, from the site file."""
    for site in story.stage.document["sites"]:
        for controller in site["controllers"]:
            if controller["id"] == WALL:
                return float(controller["retry_s"])
    raise LookupError(WALL)
