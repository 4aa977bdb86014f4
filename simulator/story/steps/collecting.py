"""Steps 4 and 5: collection with everything upstream dead, and what is known when it returns."""

import time

from firmware.contract import codes
from simulator.story.people import Customer, Manager, Shop, eventually
from simulator.story.runner import Story, require
from simulator.story.scene import (
    SITE,
    WALL,
    accounts_agree,
    coils,
    doors_of,
    fingers,
    once_through,
    order_id_of,
    reads,
    serve,
    settled,
    type_code,
    wall_of,
)
from simulator.story.steps.ordering import EMAIL


async def play(story: Story) -> None:
    """A slip, a wrong code, the right one; one door left with its goods, one with a blind sensor."""
    stage, wall = story.stage, wall_of(story)
    order_id = await order_id_of(story, EMAIL)
    order = await Shop(stage).see(order_id)
    doors = sorted(doors_of(order))
    customer = Customer(stage, EMAIL)
    await customer.read_mail()
    code = await customer.code()
    left, blind = doors[0], doors[1]
    await settled(story, wall)
    stage.links[f"gateway:{SITE}"].cut()
    await stage.kill(f"gateway:{SITE}")
    await stage.kill(f"broker:{SITE}")
    story.marks["outage"] = mark = len(stage.world.log)
    story.note("server link cut, gateway and broker dead")
    wall.blind(blind)

    slip = code[0] + code[2] + code[1] + code[3:] if code[1] != code[2] else str(9 - int(code[0])) + code[1:]
    await fingers(story, wall, slip)
    await reads(story, wall, "faute de frappe")
    wrong = _wrong(code)
    await fingers(story, wall, wrong)
    await reads(story, wall, "inconnu", "9")
    require(not coils(story, WALL, mark), "a wrong code started a coil")
    await wall.press("#")

    async def collect(door: int) -> None:
        if door != left:
            wall.take(door)

    require(await type_code(story, wall, code), "the right code started no coil")
    order_of_doors = await serve(story, wall, set(doors), collect)
    story.note(f"doors {order_of_doors} opened one after the other; goods left in door {left}")
    await reads(story, wall, "rest", str(left), timeout=10.0)
    await settled(story, wall)
    require(await type_code(story, wall, code), "the same code did not open the door whose goods were left")

    async def take(door: int) -> None:
        wall.take(door)

    require(await serve(story, wall, {left}, take) == [left], "another door than the one left opened")
    await settled(story, wall)
    opened = [event.door or 0 for event in coils(story, WALL, mark)]
    require(sorted(opened) == sorted([*doors, left]), f"coils started at {opened}")
    require(
        not stage.world.log.of(WALL, "broken", since=mark), "two coils were on at once, or one for too long"
    )


def _wrong(code: str) -> str:
    """A well-formed code that nobody has."""
    digits = f"{(int(code[:7]) + 4321) % 10_000_000:07d}"
    return digits + codes.check_digit(digits)


async def after(story: Story) -> None:
    """Records arrive once and in order; doors are offered again only where contact and sensor agree."""
    stage, wall = story.stage, wall_of(story)
    order_id = await order_id_of(story, EMAIL)
    order = await Shop(stage).see(order_id)
    doors = sorted(doors_of(order))
    blind, mark = doors[1], story.marks["outage"]
    await stage.start(f"broker:{SITE}")
    await stage.start(f"gateway:{SITE}")
    stage.links[f"gateway:{SITE}"].mend()
    returned = time.monotonic()
    customer = Customer(stage, EMAIL)
    await customer.read_mail()
    await customer.until("collected", timeout=40.0)
    story.note(
        f"collected on the customer's page {time.monotonic() - returned:.1f} s after everything returned"
    )
    await once_through(story, WALL, mark)
    await accounts_agree(story, WALL)
    manager = Manager(stage)
    for door in doors:
        state = "doubtful" if door == blind else "free"
        await manager.until_door(WALL, door, state)
    href = (await manager.door(WALL, blind)).attributes["href"]
    wall.blind(blind, False)
    await manager.act(href + "/confirm", reason="Regardé dans le casier", found="empty")
    await manager.until_door(WALL, blind, "free")
    story.note(f"door {blind} (blind sensor) was doubtful until {manager.name} confirmed it empty")
    seen = len(stage.world.log)
    await _dead(story, await _code_of(customer), seen)


async def _code_of(customer: Customer) -> str:
    text = customer.mail.text.replace("\u00a0", " ")
    for line in text.splitlines():
        digits = line.replace(" ", "")
        for start in range(len(digits) - 7):
            candidate = digits[start : start + 8]
            before, behind = digits[:start][-1:], digits[start + 8 : start + 9]
            if codes.is_well_formed(candidate) and not before.isdigit() and not behind.isdigit():
                return candidate
    raise LookupError("the mail has no code")


async def _dead(story: Story, code: str, mark: int) -> None:
    wall = wall_of(story)

    async def refused() -> str:
        await fingers(story, wall, code)
        await story.stage.world.until(
            lambda: "porte" in " ".join(wall.display()).lower() or "code" in " ".join(wall.display()).lower(),
            5.0,
        )
        return " ".join(wall.display()).lower()

    await settled(story, wall)
    await eventually(
        refused, lambda text: "utilise" in text or "inconnu" in text, "the dead code is refused", 20.0
    )
    require(not coils(story, WALL, mark), "the used code started a coil")
