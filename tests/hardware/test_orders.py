"""What to order: every chip has a code, prices count only with place and day, totals say what is left
out.
"""

from datetime import date

import pytest
from pydantic import ValidationError

from hardware import wiring
from hardware.board import BOARD_NAMES, load_board
from hardware.orders import NO_PRICE, Order, Price, load_orders, price_words, total

SEEN = Price(cents=250, currency="EUR", pieces=2, source="a shop", seen=date(2026, 11, 1))
OLDER = Price(cents=900, currency="EUR", pieces=1, source="a shop", seen=date(2024, 1, 1))


def order(*prices: Price) -> Order:
    return Order(part="X", maker="m", code="c", instead="none", prices=prices)


def test_every_order_is_for_a_part_of_a_board_and_every_chip_has_one() -> None:
    boards = [load_board(name) for name in BOARD_NAMES]
    parts = {part for board in boards for _, part, _, _ in wiring.bill(board)}
    chips = {
        chip.part for board in boards for chip in board.chips if not chip.part.startswith("Active buzzer")
    }

    assert set(load_orders()) - parts == set()
    assert chips - set(load_orders()) == set()


def test_the_last_price_counts_and_pieces_are_priced_one_by_one() -> None:
    summed = total([(3, "X"), (1, "Y")], {"X": order(OLDER, SEEN)})

    assert summed.cents == {"EUR": 375}
    assert summed.words() == "Total of the 1 lines of 2 with a dated price, before tax: 3.75 EUR."
    assert price_words(order(OLDER, SEEN)) == "2.50 EUR for 2, a shop, 2026-11-01"


def test_without_prices_there_is_no_total() -> None:
    assert total([(3, "X")], {"X": order()}).words() == f"Total: {NO_PRICE} for any of the 1 lines."
    assert price_words(None) == NO_PRICE


@pytest.mark.parametrize("missing", ["source", "seen", "currency"])
def test_a_price_without_its_place_or_day_is_refused(missing: str) -> None:
    whole = SEEN.model_dump()
    del whole[missing]
    with pytest.raises(ValidationError, match=missing):
        Price.model_validate(whole)
