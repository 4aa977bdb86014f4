"""Step 1: held, paid with one effect, bound to the right doors; paid too late: doors or money."""

from simulator.story.people import Bank, Shop
from simulator.story.runner import Story, require
from simulator.story.scene import SITE, WALL, doors_of

ZONES = {"chilled": range(1, 13), "frozen": range(13, 17), "ambient": range(17, 25)}
PRODUCTS = ["tomates", "yaourts", "glace"]
EMAIL = "jeanne@example.org"


async def play(story: Story) -> None:
    """The whole step."""
    stage = story.stage
    shop, bank = Shop(stage), Bank(stage)
    late = await shop.order(WALL, ["pommes"], "tard@example.org")
    hopeless = await shop.order(WALL, ["glace"], "trop-tard@example.org")

    request = shop.body(WALL, PRODUCTS, EMAIL)
    order = await shop.send(request, "order-1")
    require(order["state"] == "held", f"a new order is {order['state']}, not held")
    again = await shop.send(request, "order-1")
    require(again["id"] == order["id"], "the same request sent again made a second order")
    captured = bank.event(order)
    require(await bank.send(captured, secret="forged" * 8) in (400, 401, 403), "a forged payment was taken")
    require((await shop.see(order["id"]))["state"] == "held", "a forged payment changed the order")
    statuses = [await bank.send(captured), await bank.send(captured)]
    statuses.append(await bank.send(bank.event(order, "payment.created", created=1)))
    require(all(200 <= status < 300 for status in statuses), f"the provider was answered {statuses}")
    paid = await shop.until(order["id"], "registered")
    doors = doors_of(paid)
    require(len(doors) == 3, f"three lines got the doors {sorted(doors)}")
    for line in paid["lines"]:
        require(
            line["door"] in ZONES[line["climate"]],
            f"{line['product']} ({line['climate']}) got door {line['door']}",
        )
    require(paid["payment"]["state"] == "captured", f"the payment is {paid['payment']['state']}")
    require(paid["refund"] is None, "a paid order with doors was refunded")
    story.note(f"doors {sorted(doors)} of {SITE}/{WALL} for one paid order")

    await shop.until(late["id"], "lapsed", timeout=40.0)
    await shop.until(hopeless["id"], "lapsed", timeout=40.0)
    for _ in range(3):
        await shop.order(WALL, ["glace"], "encore@example.org")
    await bank.pay_by_page(hopeless)
    refunded = await shop.until(hopeless["id"], "refunded")
    require(not doors_of(refunded), "a refunded order kept a door")
    require(
        refunded["refund"]["amount_cents"] == refunded["total_cents"], "the refund is not the whole amount"
    )
    await bank.pay_by_page(late)
    kept = await shop.until(late["id"], "registered")
    require(
        len(doors_of(kept)) == 1 and kept["refund"] is None,
        "a late payment got doors and money, or neither",
    )
    story.note("paid after the hold lapsed: one got its door, one its money (no frozen door was left)")


async def paid(story: Story) -> None:
    """In brief: the order of the story, paid and registered."""
    shop = Shop(story.stage)
    order = await shop.order(WALL, PRODUCTS, EMAIL)
    await Bank(story.stage).pay_by_page(order)
    await shop.until(order["id"], "registered")
