"""Steps 2 and 3: the code before the goods; then the producers load, one door at a time."""

from firmware.contract.records import EARLY
from simulator.story import figures
from simulator.story.people import Customer, Manager, Producer, Shop, eventually
from simulator.story.runner import Story, require
from simulator.story.scene import (
    ITEM,
    WALL,
    coils,
    doors_of,
    fingers,
    load,
    next_open,
    order_id_of,
    peek,
    reads,
    serve,
    settled,
    type_code,
    wall_of,
)
from simulator.story.steps.ordering import EMAIL

TRIES = 10
"""Wrong codes that a keypad takes before it asks for the long one (protocol)."""


async def early(story: Story) -> None:
    """The customer has the code; typed now, it opens nothing, costs no try, and the display says why."""
    stage = story.stage
    customer = Customer(stage, EMAIL)
    await customer.read_mail()
    page = await customer.until("registered")
    code, long_code = page.only("code").text.replace(" ", ""), page.only("long-code").text.replace(" ", "")
    require(len(code) == 8 and len(long_code) == 12, "the page shows no code of 8 and long code of 12 digits")
    for text in (code, long_code, customer.link):
        plain = customer.mail.text.replace(" ", "").replace("\u00a0", "")
        require(text in plain, "the mail lacks the code, the long code or the link")
    require(sum(mail.to(EMAIL) for mail in stage.mailbox.mails) == 1, "the customer got more than one mail")
    wall, mark = wall_of(story), len(stage.world.log)
    await settled(story, wall)
    for _ in range(2):
        await fingers(story, wall, code)
        await reads(story, wall, "pas encore")
        await wall.press("#")
    story.note(
        "typed twice too early: " + " / ".join(line.strip() for line in wall.display() if line.strip())
    )
    require(not coils(story, wall.id, mark), "a coil started for an order that is not loaded")
    await _cost_no_try(story, 2)


async def _cost_no_try(story: Story, typed: int) -> None:
    """The records of the keypad say, after each early code, how many tries are left: all of them."""
    manager = Manager(story.stage)

    async def left() -> list[int]:
        rows = await manager.records(WALL)
        return [int(row["body"]["w"]) for row in rows if row["kind"] == "try" and row["body"]["r"] == EARLY]

    tries = await eventually(left, lambda seen: len(seen) >= typed, "the early codes are on record")
    require(set(tries) == {TRIES}, f"a code typed too early cost a try: {tries} of {TRIES} left")


async def play(story: Story) -> None:
    """Each producer opens, by personal code, only the doors of their lines; then the order is ready."""
    stage, wall = story.stage, wall_of(story)
    customer = Customer(stage, EMAIL)
    await customer.read_mail()
    mark = len(stage.world.log)
    opened: list[int] = []
    for number, entry in enumerate(stage.document["producers"]):
        producer = Producer(stage, entry["email"])
        mine = await producer.doors("bound")
        require(mine, f"{entry['name']} has nothing on the run-sheet")
        await settled(story, wall)
        await type_code(story, wall, await producer.code(), long=True)
        if number == 0:
            await _miss_one(story, mine)

        async def put(door: int) -> None:
            await reads(story, wall, f"porte {door}")
            wall.put(door, ITEM)

        opened += await serve(story, wall, mine, put)
        await eventually(
            lambda producer=producer: producer.doors("loaded"),  # type: ignore[misc]
            lambda done, mine=mine: mine <= done,  # type: ignore[misc]
            f"the run-sheet of {entry['name']} shows {sorted(mine)} as done",
        )
        story.note(f"{entry['name']} loaded {sorted(mine)}")
    await figures.door_to_server(story, wall.id, mark)
    require(len(opened) == len(set(opened)), f"doors were opened twice: {opened}")
    others = {event.door for event in coils(story, wall.id, mark)} - set(opened)
    require(not others, f"doors {others} were opened for nobody's line")
    await customer.until("ready")
    mail = await stage.mailbox.wait_for(lambda mail: mail.to(EMAIL) and "prête" in mail.subject, 15.0)
    require(mail is not None, "no mail says that the order is ready")
    order = await Shop(stage).until(await order_id_of(story, EMAIL), "ready")
    require(doors_of(order) <= set(opened), "the order's doors were not the ones loaded")


async def _miss_one(story: Story, mine: set[int]) -> None:
    """The first door is closed with nothing in it, and opened again with the same code."""
    wall = wall_of(story)
    missed = await next_open(story, wall, mine)
    await peek(story, wall, missed)
    for _ in range(len(mine) - 1):
        other = await next_open(story, wall, mine - {missed})
        await peek(story, wall, other)
    await settled(story, wall)
    producer = Producer(story.stage, story.stage.document["producers"][0]["email"])
    require(mine <= await producer.doors("bound"), "an empty door counts as loaded")
    await type_code(story, wall, await producer.code(), long=True)


async def not_yet(story: Story) -> None:
    """In brief: the customer has the mail."""
    await Customer(story.stage, EMAIL).read_mail()


async def loaded(story: Story) -> None:
    """In brief: each producer has loaded, the order is ready."""
    for entry in story.stage.document["producers"]:
        await load(story, Producer(story.stage, entry["email"]), wall_of(story))
    customer = Customer(story.stage, EMAIL)
    await customer.read_mail()
    await customer.until("ready")
