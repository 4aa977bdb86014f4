"""The producer's run-sheet: what goes where, what is done, what is missing, and their own code."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract.codes import grouped
from server.catalogue.models import Producer, Product
from server.foundation.context import Context
from server.grants import codes, personal
from server.locales import translate
from server.locales.formats import local
from server.lockers.models import Compartment, Controller, Site
from server.orders import states
from server.orders.models import Claim, Order, OrderLine
from server.pages import words
from server.pages.words import Look

SHOWN = (states.PAID, states.BOUND, states.LOADED, states.DOUBTFUL, states.EXPIRED, states.WITHDRAWN)
TO_LOAD = (states.PAID, states.BOUND)


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One product for one compartment."""

    door: int
    name: str
    quantity: int
    climate: str
    size: str
    reference: str
    before: str
    state: str
    look: Look
    done: bool


@dataclass(frozen=True, slots=True)
class SheetBank:
    """One wall on the run."""

    id: str
    name: str
    site: str
    code: str
    lines: list[SheetLine]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The whole run."""

    producer: str
    missing: int
    done: int
    look: Look
    title: str
    text: str
    banks: list[SheetBank]


def build(session: Session, context: Context, producer: Producer, language: str) -> Sheet:
    """The run-sheet of a producer."""
    walls = session.scalars(
        select(Controller)
        .where(Controller.kind == "bank")
        .order_by(Controller.site_id.desc(), Controller.name)
    )
    banks = [_bank(session, context, controller, producer, language) for controller in walls]
    lines = [line for bank in banks for line in bank.lines]
    missing = sum(line.state in TO_LOAD for line in lines)
    done = sum(line.done for line in lines)
    if missing:
        look = Look(words.WARN, "box", "")
        title = translate(language, "À déposer : %(missing)s", missing=missing)
        text = translate(language, "Déjà fait : %(done)s", done=done) if done else ""
    elif done:
        look = Look(words.GOOD, "check", "")
        title, text = translate(language, "Tout est déposé, merci !"), ""
    else:
        look = Look(words.CALM, "dash", "")
        title, text = translate(language, "Rien à déposer pour l'instant"), ""
    return Sheet(
        producer.name, missing, done, look, title, text, [bank for bank in banks if bank.lines or bank.code]
    )


def _bank(
    session: Session, context: Context, controller: Controller, producer: Producer, language: str
) -> SheetBank:
    site = session.get_one(Site, controller.site_id)
    zone = ZoneInfo(site.timezone)
    rows = session.execute(
        select(Claim, Order, OrderLine, Product, Compartment)
        .join(Order, Order.id == Claim.order_id)
        .join(OrderLine, OrderLine.id == Claim.line_id)
        .join(Product, Product.id == OrderLine.product_id)
        .outerjoin(Compartment, Compartment.id == Claim.compartment_id)
        .where(
            Claim.controller_id == controller.id,
            Product.producer_id == producer.id,
            Claim.state.in_(SHOWN),
        )
    )
    lines = [
        SheetLine(
            door=_number(door),
            name=product.name_en if language == "en" and product.name_en else product.name,
            quantity=line.quantity,
            climate=words.word(words.CLIMATE, product.climate, language),
            size=translate(language, "casier %(size)s", size=_size(door, claim)),
            reference=order.reference,
            before=local(order.window_start, zone),
            state=claim.state,
            look=words.look(words.CLAIM_FOR_PRODUCER, claim.state, language),
            done=claim.state in (states.LOADED, states.DOUBTFUL),
        )
        for claim, order, line, product, door in rows
    ]
    lines.sort(key=lambda line: (line.state not in TO_LOAD, line.door or 999))
    code = ""
    credential = personal.find(session, controller.id, producer.id)
    if credential is not None:
        code = grouped(codes.shown(context, credential)[1])
    return SheetBank(controller.id, controller.name, site.name, code, lines)


def _number(door: Compartment | None) -> int:
    return door.number if door is not None else 0


def _size(door: Compartment | None, claim: Claim) -> str:
    return door.size if door is not None else claim.size
