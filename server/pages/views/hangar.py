"""Hangar: rooms, lots, and which lot may go where."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.catalogue.models import Producer, Product
from server.coldchain import lots
from server.coldchain.models import Lot
from server.lockers.models import Zone
from server.pages import words


@dataclass(frozen=True, slots=True)
class Choice:
    """A room in a lot's list."""

    id: int
    name: str
    here: bool
    refusal: str


@dataclass(frozen=True, slots=True)
class LotRow:
    """A lot in one line."""

    id: str
    product: str
    producer: str
    climate: str
    quantity: int
    use_by: str
    room: str
    room_key: str
    choices: list[Choice]


def rows(session: Session, language: str) -> list[LotRow]:
    """Lots, earliest use-by date first, each with the rooms of its climate."""
    rooms = lots.rooms(session)
    return [_row(session, lot, rooms, language) for lot in lots.all_lots(session)]


def _row(session: Session, lot: Lot, rooms: list[Zone], language: str) -> LotRow:
    product = session.get_one(Product, lot.product_id)
    room = next((one for one in rooms if one.id == lot.zone_id), None)
    choices = []
    for one in rooms:
        refusal = lots.refusal(session, lot, one)
        choices.append(
            Choice(
                one.id,
                one.name,
                one.id == lot.zone_id,
                words.word(words.ROOM_REFUSAL, refusal, language) if refusal else "",
            )
        )
    return LotRow(
        id=lot.id,
        product=product.name_en if language == "en" and product.name_en else product.name,
        producer=session.get_one(Producer, product.producer_id).name,
        climate=words.word(words.CLIMATE, product.climate, language),
        quantity=lot.quantity,
        use_by=f"{lot.use_by:%d/%m/%Y}",
        room=room.name if room is not None else "",
        room_key=room.key if room is not None else "",
        choices=choices,
    )


@dataclass(frozen=True, slots=True)
class ProductChoice:
    """A product in the form of a new lot."""

    id: str
    name: str


def products(session: Session, language: str) -> list[ProductChoice]:
    """Products, by name."""
    found = session.scalars(select(Product).order_by(Product.name))
    return [
        ProductChoice(one.id, one.name_en if language == "en" and one.name_en else one.name) for one in found
    ]
