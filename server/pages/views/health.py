"""Health of the platform: mails given up, controllers, gateways, chained registers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.foundation import audit, outbox
from server.gateways.models import DeadLetter, Gateway
from server.locales import translate
from server.locales.formats import age
from server.lockers.models import Controller, Site
from server.orders.models import Order
from server.pages import words
from server.pages.words import Look
from server.telemetry import chartdata
from server.telemetry.models import LedgerHead

QUIET = timedelta(minutes=2)
FACTS_SHOWN = 14


@dataclass(frozen=True, slots=True)
class ControllerRow:
    """A controller: seen, and whether it holds what it should."""

    id: str
    name: str
    site: str
    presence: Look
    presence_word: str
    presence_at: datetime | None
    config: Look
    grants: Look
    boot: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure of a gateway's health document."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """A gateway as it was last heard."""

    site: str
    name: str
    look: Look
    heard_at: datetime | None
    facts: list[Fact]
    dead_letters: int


@dataclass(frozen=True, slots=True)
class ChainRow:
    """A chained register and whether it is whole."""

    id: str
    name: str
    whole: str
    """`yes`, `no`, or `unknown` while nobody has recomputed it."""
    look: Look
    text: str


@dataclass(frozen=True, slots=True)
class MailRow:
    """A mail that was given up."""

    id: int
    recipient: str
    about: str
    why: str
    asked_at: datetime


def mails(session: Session) -> list[MailRow]:
    """Mails that nobody took, with what they were about: an order by its reference, else the audit's word."""
    rows = []
    for mail in outbox.given_up(session):
        line = session.get_one(audit.AuditEntry, mail.audit_id)
        kind, _, name = line.subject.partition(":")
        order = session.get(Order, name) if kind == "order" else None
        about = order.reference if order is not None else line.subject
        rows.append(MailRow(mail.audit_id, mail.recipient, about, mail.failure, line.at))
    return rows


def _versions(applied: int, wanted: int, language: str) -> Look:
    if wanted == 0:
        return Look(words.CALM, "dash", translate(language, "rien à envoyer"))
    if applied >= wanted:
        return Look(words.GOOD, "check", translate(language, "version %(number)s reçue", number=applied))
    return Look(
        words.INFO,
        "clock",
        translate(language, "version %(applied)s, attend la %(wanted)s", applied=applied, wanted=wanted),
    )


def controllers(session: Session, language: str) -> list[ControllerRow]:
    """Every controller."""
    found = session.scalars(select(Controller).order_by(Controller.site_id.desc(), Controller.id))
    return [
        ControllerRow(
            id=one.id,
            name=one.name,
            site=session.get_one(Site, one.site_id).name,
            presence=words.look(words.PRESENCE, one.presence, language),
            presence_word=one.presence,
            presence_at=one.presence_at,
            config=_versions(one.config_applied, one.config_version, language),
            grants=_versions(one.grants_applied, one.grants_version, language),
            boot=one.boot,
        )
        for one in found
    ]


def gateways(session: Session, now: datetime, language: str) -> list[GatewayRow]:
    """Every gateway."""
    rows = []
    for one in session.scalars(select(Gateway).order_by(Gateway.site_id.desc())):
        letters = session.scalar(
            select(func.count()).select_from(DeadLetter).where(DeadLetter.site_id == one.site_id)
        )
        if one.heard_at is None:
            look = Look(words.CALM, "question", translate(language, "jamais entendue"))
        else:
            seconds = int((now - one.heard_at).total_seconds())
            quiet = now - one.heard_at > QUIET
            look = Look(
                words.BAD if quiet else words.GOOD, "silent" if quiet else "check", age(seconds, language)
            )
        rows.append(
            GatewayRow(
                site=one.site_id,
                name=session.get_one(Site, one.site_id).name,
                look=look,
                heard_at=one.heard_at,
                facts=_facts(one.health or {}),
                dead_letters=letters or 0,
            )
        )
    return rows


def _facts(document: dict[str, object]) -> list[Fact]:
    flat: list[Fact] = []
    for key, value in document.items():
        if isinstance(value, dict):
            flat += [Fact(f"{key} {inner}", str(held)) for inner, held in value.items()]
        elif key not in ("v", "k"):
            flat.append(Fact(key, str(value)))
    return flat[:FACTS_SHOWN]


def chains(session: Session, language: str, *, verified: bool) -> list[ChainRow]:
    """The audit and each controller's ledger; recomputed from their first line if `verified`, else only their
    heads.
    """
    head = session.get(audit.AuditHead, 1)
    rows = [
        _chain(
            "audit",
            translate(language, "Audit"),
            audit.verify(session) if verified else None,
            (head.count, head.hash) if head is not None else (0, audit.GENESIS),
            language,
        )
    ]
    rows += [
        _chain(
            ledger.controller_id,
            translate(language, "Relevés de %(device)s", device=ledger.controller_id),
            chartdata.verify(session, ledger.controller_id) if verified else None,
            (ledger.position, ledger.link),
            language,
        )
        for ledger in session.scalars(select(LedgerHead).order_by(LedgerHead.controller_id))
    ]
    return rows


def _chain(name: str, title: str, problem: str | None, end: tuple[int, str], language: str) -> ChainRow:
    text = translate(language, "%(count)s lignes, empreinte %(link)s…", count=end[0], link=end[1][:12])
    if problem is None:
        look = Look(words.CALM, "dash", translate(language, "pas revérifié"))
        return ChainRow(name, title, "unknown", look, text)
    if problem:
        return ChainRow(name, title, "no", Look(words.BAD, "stop", translate(language, "rompu")), problem)
    return ChainRow(name, title, "yes", Look(words.GOOD, "check", translate(language, "intact")), text)
