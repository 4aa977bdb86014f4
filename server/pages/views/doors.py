"""Banks, doors, blocks and commands as the manager sees them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms import rules
from server.alarms.models import Alarm
from server.catalogue.models import Product
from server.locales import translate
from server.locales.formats import local
from server.lockers import blocks as lockers_blocks
from server.lockers.models import DOUBTFUL, STOCKED, Block, Command, Compartment, Controller, Site, Zone
from server.orders import states
from server.orders.models import Claim, Order, OrderLine
from server.pages import words
from server.pages.words import Look

COMMANDS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class DoorView:
    """A door: `state` for machines (words.DOOR), its look, what is known of its contents."""

    number: int
    state: str
    contents: str
    look: Look
    open: bool
    text: str
    href: str


@dataclass(frozen=True, slots=True)
class ZoneDoors:
    """The doors of one zone of a bank."""

    key: str
    name: str
    doors: list[DoorView]


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block in force."""

    id: str
    zone_key: str
    reason: str
    look: Look
    title: str
    text: str
    releasable: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How many doors look alike."""

    number: int
    word: str


@dataclass(frozen=True, slots=True)
class BankView:
    """A wall of doors with one controller."""

    id: str
    name: str
    site: str
    presence: Look
    presence_word: str
    zones: list[ZoneDoors]
    blocks: list[BlockView]
    counts: list[Count]


@dataclass(frozen=True, slots=True)
class CommandRow:
    """An act at a distance and what came of it."""

    id: str
    op: str
    state: str
    result: str
    outcome: str
    word: str
    by: str
    reason: str
    at: datetime
    look: Look


@dataclass(frozen=True, slots=True)
class _Facts:
    """What decides how the doors of one controller look."""

    claims: dict[int, tuple[Claim, Order, Product]]
    alarms: dict[int, str]
    blocked: list[Block]


def _facts(session: Session, controller_id: str) -> _Facts:
    claims = session.execute(
        select(Claim, Order, Product)
        .join(Order, Order.id == Claim.order_id)
        .join(OrderLine, OrderLine.id == Claim.line_id)
        .join(Product, Product.id == OrderLine.product_id)
        .where(Claim.controller_id == controller_id, Claim.state.in_(states.OCCUPYING))
    )
    troubles = session.scalars(
        select(Alarm).where(
            Alarm.controller_id == controller_id,
            Alarm.closed_at.is_(None),
            Alarm.kind.in_((rules.JAM, rules.FORCED)),
        )
    )
    return _Facts(
        {
            claim.compartment_id: (claim, order, product)
            for claim, order, product in claims
            if claim.compartment_id
        },
        {alarm.door: alarm.kind for alarm in troubles},
        list(lockers_blocks.live(session, controller_id)),
    )


def _door(door: Compartment, zone_key: str, facts: _Facts, language: str) -> DoorView:
    held = facts.claims.get(door.id)
    state = "free"
    if held is not None:
        state = held[0].state
    elif door.contents == DOUBTFUL:
        state = states.DOUBTFUL
    elif door.contents == STOCKED:
        state = "stocked"
    if not door.in_service:
        state = "out"
    if any(block.zone_key in ("", zone_key) for block in facts.blocked):
        state = "blocked"
    state = facts.alarms.get(door.number, state)
    return DoorView(
        number=door.number,
        state=state,
        contents=door.contents,
        look=words.look(words.DOOR, state, language),
        open=door.door_open,
        text=f"{held[2].name} · {held[1].reference}" if held is not None else "",
        href=f"/manager/doors/{door.controller_id}/{door.number}",
    )


def block_view(session: Session, block: Block, language: str) -> BlockView:
    """A block in words."""
    zone = session.scalars(
        select(Zone).where(Zone.controller_id == block.controller_id, Zone.key == block.zone_key)
    ).one_or_none()
    where = zone.name if zone is not None else translate(language, "toutes les portes")
    text = translate(language, "Depuis le %(at)s.", at=local(block.began_at))
    if block.by != "device":
        text += " " + translate(language, "Par %(name)s : %(note)s", name=block.by, note=block.note)
    if block.requested_at is not None:
        text += " " + translate(language, "Libération demandée : le contrôleur n'a pas encore répondu.")
    return BlockView(
        id=block.id,
        zone_key=block.zone_key,
        reason=block.reason,
        look=Look(words.BAD, "lock", ""),
        title=translate(
            language,
            "%(zone)s bloqué : %(reason)s",
            zone=where,
            reason=words.word(words.BLOCK_REASON, block.reason, language),
        ),
        text=text,
        releasable=True,
    )


def bank(session: Session, controller: Controller, language: str) -> BankView:
    """One wall, its doors by zone."""
    facts = _facts(session, controller.id)
    zones = session.scalars(select(Zone).where(Zone.controller_id == controller.id).order_by(Zone.id)).all()
    groups = []
    for zone in zones:
        doors = session.scalars(
            select(Compartment).where(Compartment.zone_id == zone.id).order_by(Compartment.number)
        )
        groups.append(
            ZoneDoors(zone.key, zone.name, [_door(door, zone.key, facts, language) for door in doors])
        )
    counts: dict[str, int] = {}
    for group in groups:
        for door in group.doors:
            counts[door.look.word] = counts.get(door.look.word, 0) + 1
    presence = controller.presence
    return BankView(
        id=controller.id,
        name=controller.name,
        site=session.get_one(Site, controller.site_id).name,
        presence=words.look(words.PRESENCE, presence, language),
        presence_word=presence,
        zones=groups,
        blocks=[block_view(session, block, language) for block in facts.blocked],
        counts=[Count(number, word) for word, number in counts.items()],
    )


def banks(session: Session, language: str) -> list[BankView]:
    """Every wall, in the order of sites and names."""
    found = session.scalars(
        select(Controller)
        .where(Controller.kind == "bank")
        .order_by(Controller.site_id.desc(), Controller.name)
    )
    return [bank(session, controller, language) for controller in found]


def one_door(session: Session, door: Compartment, zone: Zone, language: str) -> DoorView:
    """A single door."""
    return _door(door, zone.key, _facts(session, door.controller_id), language)


def commands(
    session: Session, language: str, controller_id: str | None = None, door: int | None = None
) -> list[CommandRow]:
    """The last acts at a distance, newest first, of all controllers or of one door."""
    query = select(Command).order_by(Command.created_at.desc()).limit(COMMANDS_SHOWN)
    if controller_id is not None:
        query = query.where(Command.controller_id == controller_id)
    if door is not None:
        query = query.where(Command.door == door)
    rows = []
    for command in session.scalars(query):
        what = words.word(words.COMMAND_WORD, command.op, language)
        where = (
            translate(language, "porte %(number)s", number=command.door) if command.door else command.zone_key
        )
        shown = command.outcome or (command.state if command.state in ("sent", "silent") else command.result)
        rows.append(
            CommandRow(
                id=command.id,
                op=command.op,
                state=command.state,
                result=command.result,
                outcome=command.outcome,
                word=f"{what} · {where}" if where else what,
                by=command.by,
                reason=command.reason,
                at=command.created_at,
                look=words.look(words.COMMAND_RESULT, shown, language),
            )
        )
    return rows
