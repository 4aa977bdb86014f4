"""Step 7: a zone that warms is sounded at once, a breach after the delay; probes; release by name; rooms."""

import time
from typing import Any

from simulator.orchestrator.stage import WORLD_SPEED
from simulator.story.markup import Element, Page
from simulator.story.people import Customer, Manager, eventually
from simulator.story.runner import Story, require
from simulator.story.scene import (
    SITE,
    WALL,
    coils,
    doors_of,
    fingers,
    reads,
    ready_order,
    serve,
    settled,
    type_code,
    wall_of,
)

ZONE = "chilled"
ROOM_DEVICE, ROOM, ROOM_NAME, COLD_ROOM_NAME = "hangar-1", "room-1", "Chambre 1", "Chambre 2"
FAST = 150.0
"""How much faster than people the zone and the room live here: five hours in two minutes."""


async def play(story: Story) -> None:
    """The whole step."""
    order, customer = await ready_order(story, ["yaourts", "tomates"], "frileux@example.org")
    chilled = next(int(line["door"]) for line in order["lines"] if line["climate"] == "chilled")
    ambient = next(iter(doors_of(order) - {chilled}))
    room = story.stage.world.hangars[ROOM_DEVICE].zone(ROOM)
    room.speed = story.stage.world.walls[WALL].zone(ZONE).speed = FAST
    room.compressor(False)
    await _warms(story, await customer.code(), chilled, ambient)
    await _told(story, customer)
    await _probes(story)
    await _released(story, customer, chilled)
    await _warm_room(story)
    room.compressor(True)
    await story.stage.until(lambda: room.celsius < 3.0, "the room is cold again", 120.0)
    room.speed = story.stage.world.walls[WALL].zone(ZONE).speed = WORLD_SPEED


async def _warms(story: Story, code: str, chilled: int, ambient: int) -> None:
    stage, wall = story.stage, wall_of(story)
    zone, high = wall.zone(ZONE), _plan(story, WALL, ZONE)
    stage.links[f"gateway:{SITE}"].cut()
    zone.compressor(False)
    await stage.until(lambda: wall.buzzer(), "the controller sounds", 90.0)
    sounded = time.monotonic()
    warmth = zone.celsius - high["alert_c"]
    require(-0.5 < warmth < 1.0, f"the controller sounds at {zone.celsius:.1f} °C")
    mark = len(stage.world.log)
    await settled_or_alarm(story)
    await stage.until(lambda: wall.alarm_light(), "the alarm light is on")
    await wall.press("#")

    await _wait_for_block(story, code, sounded, high["delay_s"], ambient)
    started = {event.door for event in coils(story, WALL, mark)}
    require(chilled not in started, "a door of the warm zone opened")
    story.note(
        f"sounded at once; breach {time.monotonic() - sounded:.1f} s later with the link to the server cut"
    )
    stage.links[f"gateway:{SITE}"].mend()


async def settled_or_alarm(story: Story) -> None:
    """The display may go on asking for a code or show the cold alarm."""
    wall = wall_of(story)
    await story.stage.until(
        lambda: any(word in " ".join(wall.display()).lower() for word in ("code", "froid")),
        "the display lives",
    )


async def _wait_for_block(story: Story, code: str, sounded: float, delay: float, ambient: int) -> None:
    """Type the code after the delay: the chilled door is refused with the reason, the ambient one opens."""
    stage, wall = story.stage, wall_of(story)
    await stage.until(lambda: time.monotonic() > sounded + delay + 3, "the delay has passed", delay + 60)
    help_number = stage.document["platform"]["help"]
    await fingers(story, wall, code)

    async def take(door: int) -> None:
        wall.take(door)

    require(await serve(story, wall, {ambient}, take) == [ambient], "the ambient door stayed shut")
    await reads(story, wall, "froid", help_number, timeout=20.0)
    await settled_or_alarm(story)
    await fingers(story, wall, code)
    await reads(story, wall, "froid", help_number, timeout=10.0)


async def _told(story: Story, customer: Customer) -> None:
    manager = Manager(story.stage)
    await manager.until_alarm("breach", WALL)
    await _delay_kept(story, manager, _plan(story, WALL, ZONE)["delay_s"])

    async def page() -> Page:
        return await customer.page()

    await eventually(
        page,
        lambda seen: (
            seen.only("order-state").data("blocked") == "yes" and seen.with_data("refund", "offered")
        ),
        "the customer's page says blocked and offers a refund",
        30.0,
    )
    doors = await manager.page("/manager/doors")
    blocked: set[int] = set()
    inside = False
    for element in doors.elements:
        if element.tag == "section" and "data-bank" in element.attributes:
            inside = element.data("bank") == WALL
        elif inside and element.data("door") and element.data("state") == "blocked":
            blocked.add(int(element.data("door")))
    require(
        blocked == set(range(1, 13)), f"blocked are the doors {sorted(blocked)}, not exactly the chilled ones"
    )
    story.note("exactly doors 1-12 are blocked on the manager's page; the customer is offered a refund")


async def _probes(story: Story) -> None:
    stage, wall = story.stage, wall_of(story)
    manager = Manager(stage)
    wall.zone(ZONE).compressor(True)
    await stage.until(lambda: wall.zone(ZONE).celsius < 3.0, "the zone is cold again", 120.0)
    wall.probe(ZONE, 0).unplug()
    await manager.until_alarm("probe", WALL)
    await _one_still_judges(story)
    await eventually(
        lambda: _healths(manager),
        lambda seen: seen.get("0") not in ("0", None) and seen.get("1") == "0",
        "the zone's page shows one faulty probe and one that still measures",
    )
    zone = await _zone(manager)
    require(zone.data("centi") != "", "with one probe unplugged the zone has no temperature any more")
    wall.probe(ZONE, 1).unplug()
    await manager.until_alarm("nodata", WALL)
    story.note("one probe unplugged: probe fault, the other still judges; both silent: no data")
    wall.probe(ZONE, 0).unplug(False)
    wall.probe(ZONE, 1).unplug(False)


async def _one_still_judges(story: Story) -> None:
    """With one probe gone, a zone that warms is still sounded."""
    wall = wall_of(story)
    zone = wall.zone(ZONE)
    await story.stage.until(lambda: not wall.buzzer(), "the controller is silent again", 60.0)
    zone.compressor(False)
    await story.stage.until(lambda: wall.buzzer(), "the controller still sounds, by the other probe", 90.0)
    zone.compressor(True)
    await story.stage.until(lambda: zone.celsius < 3.0, "the zone is cold again", 120.0)


async def _healths(manager: Manager) -> dict[str, str]:
    page = await manager.page(f"/manager/zones/{WALL}/{ZONE}")
    return {probe.data("probe"): probe.data("health") for probe in page.with_data("probe")}


async def _delay_kept(story: Story, manager: Manager, delay: float) -> None:
    """By the controller's own records: too warm, then, after the delay of the site file, blocked."""
    rows = await manager.records(WALL)
    warm = [
        r["body"]["u"]
        for r in rows
        if r["kind"] == "alarm" and r["body"]["a"] == "warm" and r["body"]["s"] == 1
    ]
    block = [r["body"]["u"] for r in rows if r["kind"] == "block" and r["body"]["z"] == ZONE]
    require(warm and block, "the records tell of no warm zone that was blocked")
    waited = (block[0] - warm[0]) / 1000
    require(
        delay - 1 <= waited <= delay + 10,
        f"blocked {waited:.1f} s after the warm alarm, the delay is {delay} s",
    )
    story.note(f"by its records the controller blocked {waited:.1f} s after its alarm (delay {delay} s)")


async def _zone(manager: Manager) -> Element:
    page = await manager.page("/manager")
    return page.only("zone", f"{WALL}/{ZONE}")


async def _released(story: Story, customer: Customer, chilled: int) -> None:
    """Every open block of the zone is released by name and reason; then the code opens."""
    stage, wall = story.stage, wall_of(story)
    manager = Manager(stage)

    async def blocks() -> list[str]:
        page = await manager.page(f"/manager/zones/{WALL}/{ZONE}")
        return [form.attributes["action"] for form in page.forms("/release")]

    await eventually(
        blocks, lambda forms: len(set(forms)) >= 2, "breach and no-data can both be released", 30.0
    )
    without = await manager.act((await blocks())[0], reason=" ")
    require(
        without.url.params.get("note") != "releasing",
        "a zone is released without a reason",
    )
    for action in dict.fromkeys(await blocks()):
        await manager.act(action, reason="Produits contrôlés à cœur, 3,1 °C")
    await eventually(
        lambda: manager.door(WALL, chilled),
        lambda door: door.data("state") == "loaded",
        "the door is released on the manager's page",
        30.0,
    )
    await settled(story, wall)

    async def take(door: int) -> None:
        wall.take(door)

    require(await type_code(story, wall, await customer.code()), "after the release the code opens nothing")
    require(await serve(story, wall, {chilled}, take) == [chilled], "another door opened")
    await customer.until("collected", timeout=20.0)
    story.note(f"released by {manager.name} with a reason: the code opened door {chilled}")


async def _warm_room(story: Story) -> None:
    manager = Manager(story.stage)
    await manager.until_alarm("breach", ROOM_DEVICE)
    page = await manager.page("/manager/hangar")
    product = next(p["id"] for p in story.stage.document["products"] if p["climate"] == "chilled")
    options = [
        e for e in page.elements if e.tag == "option" and e.attributes.get("value", "").endswith(product)
    ]
    await manager.act(
        "/manager/lots",
        product=options[0].attributes["value"],
        quantity="5",
        use_by=time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86400)),
    )
    page = await manager.page("/manager/hangar")
    lot = page.with_data("lot")[0]
    rooms = [element for element in page.elements if element.tag == "option"]
    place = f"/manager/lots/{lot.data('lot')}/place"
    await (await manager.browser()).post(place, data={"room": _room(rooms, ROOM_NAME)})
    await _lies_in(manager, lot.data("lot"), "")
    await manager.act(place, room=_room(rooms, COLD_ROOM_NAME))
    await _lies_in(manager, lot.data("lot"), "room-2")
    story.note("the hangar's warm room takes no lot, the cold one beside it does")


def _room(options: list[Element], name: str) -> str:
    found = [option for option in options if name in option.text]
    require(found, f"the hangar page offers no {name} for the lot")
    return found[0].attributes["value"]


async def _lies_in(manager: Manager, lot: str, room: str) -> None:
    row = (await manager.page("/manager/hangar")).only("lot", lot)
    require(row.data("room") == room, f"the lot lies in {row.data('room') or 'no room'}")


def _plan(story: Story, device: str, zone: str) -> dict[str, Any]:
    for site in story.stage.document["sites"]:
        for controller in site["controllers"]:
            for entry in controller.get("zones", []):
                if controller["id"] == device and entry["id"] == zone:
                    return dict(entry)
    raise LookupError(zone)
