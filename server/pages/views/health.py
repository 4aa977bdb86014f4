"""Health of the platform: the list of checks, mails given up, controllers, gateways, chained registers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.foundation import audit, outbox
from server.gateways.models import DeadLetter, Gateway
from server.healthcheck import BAD, OK, WARN, Check
from server.locales import translate
from server.locales.formats import age
from server.lockers.models import REVOKED, Controller, Site
from server.orders.models import Order
from server.pages import words
from server.pages.words import Look
from server.telemetry import chartdata
from server.telemetry.models import LedgerHead

QUIET = timedelta(minutes=2)
FACTS_SHOWN = 14


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A line of the list: what was looked at, how it is, what to do."""

    name: str
    state: str
    look: Look
    title: str
    said: str
    advice: str


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
    revocable: bool


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


def check_rows(found: Sequence[Check], language: str) -> list[CheckRow]:
    """The list in a language, the worst first."""
    order = list(words.CHECK)
    return [
        CheckRow(
            name=each.name,
            state=each.state,
            look=words.look(words.CHECK, each.state, language),
            title=each.title_in(language),
            said=each.said_in(language),
            advice=each.advice_in(language),
        )
        for each in sorted(found, key=lambda each: order.index(each.state))
    ]


def sum_up(found: Sequence[Check], language: str) -> Look:
    """The whole list as one state: its worst line's, and how many ask for somebody."""
    asking = [each.state for each in found if each.state != OK]
    if not asking:
        return Look(words.GOOD, "check", translate(language, "tout va bien"))
    worst = words.CHECK[BAD if BAD in asking else WARN]
    return Look(worst.tone, worst.icon, translate(language, "%(count)s à voir", count=len(asking)))


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
            revocable=one.presence != REVOKED,
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
                facts=_facts(one.health or {}, language),
                dead_letters=letters or 0,
            )
        )
    return rows


def _facts(document: Mapping[str, object], language: str) -> list[Fact]:
    """A gateway's figures (R-04) in words; one of another shape than agreed is shown as it came."""
    facts: list[Fact] = []
    for key, value in document.items():
        if key == "lanes" and isinstance(value, Mapping):
            facts += [
                Fact(_lane(str(lane), language), _queue(held, language)) for lane, held in value.items()
            ]
        elif key == "aside" and isinstance(value, Mapping):
            for reason, count in value.items():
                facts.append(Fact(translate(language, "Écartés : %(reason)s", reason=reason), str(count)))
        elif key == "clock" and isinstance(value, Mapping):
            sure = translate(language, "sûre") if value.get("q") else translate(language, "pas sûre")
            facts.append(Fact(translate(language, "Horloge"), sure))
        elif key in words.GATEWAY_FACT:
            facts.append(Fact(words.word(words.GATEWAY_FACT, key, language), _figure(key, value, language)))
        elif key not in ("v", "k", "t"):
            facts.append(Fact(key, str(value)))
    return facts[:FACTS_SHOWN]


def _lane(lane: str, language: str) -> str:
    return translate(language, "File %(lane)s", lane=words.word(words.LANE, lane, language))


def _queue(held: object, language: str) -> str:
    if not isinstance(held, Mapping):
        return str(held)
    count, oldest = held.get("n"), held.get("age")
    if not count:
        return translate(language, "vide")
    seconds = oldest if isinstance(oldest, int) else 0
    return translate(language, "%(count)s, le plus vieux %(age)s", count=count, age=age(seconds, language))


def _figure(key: str, value: object, language: str) -> str:
    if key in ("server", "feed"):
        return translate(language, "oui") if value else translate(language, "non")
    if key.endswith("_kb") and isinstance(value, int):
        return translate(language, "%(count)s Mo", count=value // 1024)
    return translate(language, "%(count)s Mo", count=value) if key.endswith("_mb") else str(value)


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
