"""What to order: maker, code and alternatives of the parts that the boards name, with prices where one was
seen at a named place on a named day.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache

from pydantic import BaseModel, ConfigDict, Field

from hardware.board import HERE, read_toml

NO_PRICE = "no dated price found"


class Price(BaseModel):
    """What `pieces` cost together, in cents, before tax; who asked it, and on which day it was seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cents: int = Field(gt=0)
    currency: str = Field(pattern="^[A-Z]{3}$")
    pieces: int = Field(gt=0)
    source: str = Field(min_length=3)
    seen: date


class Order(BaseModel):
    """One part: whose, by which code, and what else will do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: str
    maker: str
    code: str
    instead: str
    prices: tuple[Price, ...] = ()


@dataclass(frozen=True)
class Total:
    """What the priced lines of a bill come to, by currency, and how many lines that is."""

    cents: dict[str, int]
    priced: int
    lines: int

    def words(self) -> str:
        """A line for the page; never a total that hides what has no price."""
        if not self.priced:
            return f"Total: {NO_PRICE} for any of the {self.lines} lines."
        sums = ", ".join(f"{cents / 100:.2f} {currency}" for currency, cents in sorted(self.cents.items()))
        return f"Total of the {self.priced} lines of {self.lines} with a dated price, before tax: {sums}."


@cache
def load_orders() -> dict[str, Order]:
    """By the part's name on the boards."""
    return {
        order.part: order for order in map(Order.model_validate, read_toml(HERE / "orders.toml")["orders"])
    }


def latest(order: Order | None) -> Price | None:
    """The price seen last."""
    return max(order.prices, key=lambda price: price.seen) if order is not None and order.prices else None


def total(bill: list[tuple[int, str]], orders: dict[str, Order]) -> Total:
    """What a bill (pieces, part) comes to, as far as it has prices; pieces are priced one by one."""
    sums: dict[str, int] = {}
    priced = 0
    for qty, part in bill:
        price = latest(orders.get(part))
        if price is not None:
            priced += 1
            cost = -(-qty * price.cents // price.pieces)
            sums[price.currency] = sums.get(price.currency, 0) + cost
    return Total(sums, priced, len(bill))


def price_words(order: Order | None) -> str:
    """The cell of a bill."""
    price = latest(order)
    if price is None:
        return NO_PRICE
    return (
        f"{price.cents / 100:.2f} {price.currency} for {price.pieces}, {price.source}, {price.seen:%Y-%m-%d}"
    )
