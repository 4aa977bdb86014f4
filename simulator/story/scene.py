"""What several steps do: an order paid and loaded, doors served one after the other, displays read."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from simulator.story import figures
from simulator.story.people import Bank, Customer, Manager, Producer, Shop, eventually
from simulator.story.runner import Story, require
from simulator.world.log import WorldEvent
from simulator.world.wall import Wall

WALL = "wall-1"
SITE = "ferme"
ITEM = "panier"
PRESSES = 3
"""How often a person presses a key that does not react."""
HAND_S = 0.5
"""How long hands are at work in an open compartment."""


def wall_of(story: Story) -> Wall:
    """The farm's wall."""
    return story.stage.world.walls[WALL]


def shown(wall: Wall) -> str:
    """The display as one text, in lower case."""
    return " ".join(" ".join(line.split()) for line in wall.display()).lower()


async def reads(story: Story, wall: Wall, *words: str, timeout: float = 8.0) -> None:  # noqa: ASYNC109
    """Wait until the display says all these words."""
    try:
        await story.stage.world.until(lambda: all(word.lower() in shown(wall) for word in words), timeout)
    except TimeoutError as error:
        raise TimeoutError(f"the display should say {words}, it says: {shown(wall)!r}") from error


def coils(story: Story, bank: str, since: int) -> list[WorldEvent]:
    """Coil starts of a bank since a mark of the log."""
    return story.stage.world.log.of(bank, "coil_on", since=since)


async def next_open(story: Story, wall: Wall, allowed: set[int], timeout: float = 15.0) -> int:  # noqa: ASYNC109
    """Wait until one of these doors stands open; returns its number."""
    await story.stage.until(
        lambda: any(wall.door_is_open(door) for door in allowed),
        f"one of the doors {sorted(allowed)} opens (display: {shown(wall)!r})",
        timeout,
    )
    return next(door for door in sorted(allowed) if wall.door_is_open(door))


async def peek(story: Story, wall: Wall, door: int) -> None:
    """Open a door that stands ajar, look, touch nothing, shut it."""
    wall.pull(door)
    await asyncio.sleep(3 * HAND_S)
    wall.push(door)
    await story.stage.until(lambda: not wall.door_is_open(door), f"door {door} shuts", 5.0)


async def serve(
    story: Story,
    wall: Wall,
    doors: set[int],
    at_door: Callable[[int], Awaitable[None]],
    count: int | None = None,
) -> list[int]:
    """Serve doors as they open, one at a time: act at the open door, push it shut. In order of opening."""
    served: list[int] = []
    left = set(doors)
    while left and (count is None or len(served) < count):
        door = await next_open(story, wall, left)
        others = [other for other in wall.board.doors if other != door and wall.door_is_open(other)]
        require(not others, f"door {door} opened while {others} stood open")
        await story.stage.until(lambda door=door: door in wall.leds(), f"the light of door {door} is on", 5.0)  # type: ignore[misc]
        wall.pull(door)
        await reads(story, wall, f"porte {door} ouverte", timeout=5.0)
        await asyncio.sleep(HAND_S)
        await at_door(door)
        others = [other for other in wall.board.doors if other != door and wall.door_is_open(other)]
        require(not others, f"doors {others} opened while door {door} stood open")
        wall.push(door)
        left.discard(door)
        served.append(door)
        await story.stage.until(lambda door=door: not wall.door_is_open(door), f"door {door} shuts", 5.0)  # type: ignore[misc]
    return served


async def press(story: Story, wall: Wall, key: str) -> None:
    """Press a key, look at the display, and press again if nothing was taken: as a person does."""
    for _ in range(PRESSES):
        before = wall.display()
        await wall.press(key)
        try:
            await story.stage.world.until(lambda before=before: wall.display() != before, 1.5)  # type: ignore[misc]
        except TimeoutError:
            continue
        return
    raise TimeoutError(f"the keypad does not react (display: {shown(wall)!r})")


async def fingers(story: Story, wall: Wall, keys: str) -> None:
    """Type keys one after the other, watching the display."""
    for key in keys:
        await press(story, wall, key)


async def type_code(story: Story, wall: Wall, code: str, long: bool = False) -> WorldEvent | None:
    """Type a code; returns the coil start that followed within a second, and keeps the time."""
    mark = len(story.stage.world.log)
    await fingers(story, wall, ("*" if long else "") + code[:-1])
    started = len(story.stage.world.log)
    await wall.press(code[-1])
    try:
        await story.stage.world.until(lambda: bool(coils(story, wall.id, mark)), 1.0)
    except TimeoutError:
        return None
    coil = coils(story, wall.id, mark)[0]
    key = next(e for e in story.stage.world.log.of(wall.id, "key", since=started))
    figures.digit_to_coil(story, key, coil)
    return coil


def doors_of(order: dict[str, Any]) -> set[int]:
    """The doors of an order, as its shop sees them."""
    return {int(line["door"]) for line in order["lines"] if line.get("door")}


async def load(story: Story, producer: Producer, wall: Wall) -> list[int]:
    """A producer loads every door that waits for their goods."""
    waiting = await producer.doors("bound")
    if not waiting:
        return []

    async def put(door: int) -> None:
        wall.put(door, ITEM)

    await reads(story, wall, "votre code")
    await type_code(story, wall, await producer.code(), long=True)
    served = await serve(story, wall, waiting, put)
    await reads(story, wall, f"porte {served[-1]} chargee")
    await wall.press("#")
    return served


async def ready_order(
    story: Story, products: list[str], email: str, bank: str = WALL
) -> tuple[dict[str, Any], Customer]:
    """An order paid, registered at its controller, loaded by its producers, ready to collect."""
    stage = story.stage
    shop = Shop(stage)
    order = await shop.order(bank, products, email)
    paid = time.monotonic()
    await Bank(stage).pay_by_page(order)
    await shop.until(order["id"], "registered")
    story.figure("paid → code registered, ms", (time.monotonic() - paid) * 1000)
    customer = Customer(stage, email)
    await customer.read_mail()
    wall = stage.world.walls[bank]
    for producer in stage.document["producers"]:
        await load(story, Producer(stage, producer["email"]), wall)
    await customer.until("ready")
    return await shop.see(order["id"]), customer


async def settled(story: Story, wall: Wall) -> None:
    """Wait until the keypad is free again."""
    await reads(story, wall, "votre code", timeout=20.0)


async def once_through(story: Story, device: str, since: int) -> None:
    """Each opening and closing that the world saw at a bank is at the server once, in that order."""
    manager = Manager(story.stage)
    seen = [
        (event.door, 1 if event.kind == "door_open" else 0)
        for event in story.stage.world.log.of(device, "door_open", "door_close", since=since)
    ]

    async def told() -> list[tuple[int, int]]:
        return [
            (int(record["body"]["d"]), int(record["body"]["s"]))
            for record in await manager.records(device)
            if record["kind"] == "door"
        ][-len(seen) :]

    await eventually(told, lambda doors: doors == seen, f"the server knows the door events {seen}", 30.0)


async def accounts_agree(story: Story, device: str) -> None:
    """A controller's event records are at the server, numbered without hole or repeat, and for every coil
    that the world saw start there is a try of a lock, written after a use that names its right.
    """
    rows = await Manager(story.stage).records(device)
    numbers = [row["seq"] for row in rows]
    require(numbers == list(range(1, len(numbers) + 1)), f"the events of {device} are numbered {numbers}")
    uses = [row["body"]["g"] for row in rows if row["kind"] == "use"]
    locks = [row["body"] for row in rows if row["kind"] == "lock"]
    require(uses == [lock["g"] for lock in locks], f"uses {uses} and outcomes of locks do not match")
    tries = sum(int(lock["x"]) for lock in locks)
    started = len(coils(story, device, 0))
    require(tries == started, f"the records tell of {tries} coil starts, the pins of {started}")


async def order_id_of(story: Story, email: str) -> str:
    """The order's id, from the link in the customer's mail."""
    customer = Customer(story.stage, email)
    await customer.read_mail()
    return customer.link.split("/o/")[1].split("/")[0].split("?")[0]


async def everybody_is_there(story: Story) -> None:
    """Every controller is online and has its configuration: that is what a manager sees."""
    manager = Manager(story.stage)

    async def look() -> dict[str, str]:
        page = await manager.page("/manager/health")
        return {
            row.data("device"): row.data("presence") for row in page.with_data("device") if row.tag == "tr"
        }

    await eventually(
        look,
        lambda seen: seen and all(word == "online" for word in seen.values()),
        "every controller is online on the health page",
        40.0,
    )

    async def obeying() -> list[str]:
        return [
            device
            for device in story.stage.world.plans
            if any(
                row["kind"] == "applied" and row["body"]["d"] == "cfg" and row["body"]["ok"] == 1
                for row in await manager.records(device)
            )
        ]

    await eventually(
        obeying,
        lambda seen: seen == list(story.stage.world.plans),
        "every controller has said that it obeys its configuration",
        40.0,
    )
