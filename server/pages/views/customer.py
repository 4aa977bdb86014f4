"""The customer's page: what, where, which doors, the code, the verdict on the cold, the offer of a refund."""

import io
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import segno
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract.codes import grouped
from server.catalogue.models import Producer, Product
from server.coldchain import service as coldchain
from server.foundation.context import Context
from server.grants import codes
from server.grants import service as grants
from server.locales import translate
from server.locales.formats import degrees, duration, local, money, period
from server.lockers import blocks as lockers_blocks
from server.lockers.models import Compartment, Controller, Site, Zone
from server.orders import states
from server.orders.models import Claim, Order, OrderLine
from server.pages import words
from server.pages.words import Look
from server.payments.models import Payment
from server.payments.provider import provider
from server.people.access import order_link
from server.telemetry import chartdata, series
from server.telemetry.sqlview import SqlView

CODE_SHOWN = (states.PAID, states.REGISTERED, states.READY)


@dataclass(frozen=True, slots=True)
class Line:
    """One product and its door; `door` 0 while none is chosen."""

    door: int
    name: str
    quantity: int
    producer: str
    climate: str
    state: str
    look: Look
    done: bool


@dataclass(frozen=True, slots=True)
class Cold:
    """What the probes say of the time the goods lay in their compartments. `verdict`: `good`, `bad` or
    `unknown`.
    """

    verdict: str
    look: Look
    texts: list[str]


@dataclass(frozen=True, slots=True)
class CustomerView:
    """Everything on the page."""

    state: str
    step: int
    """1 paid, 2 being prepared, 3 to collect; 0: no progress to show."""
    look: Look
    title: str
    texts: list[str]
    blocked: bool
    refund_offered: bool
    path: str
    """Of this page; the refund is asked for below it."""
    pay_url: str
    code: str
    long_code: str
    qr: Markup
    lines: list[Line]
    cold: Cold | None
    site: str
    bank: str
    window: str
    total: str
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Paris"))


def qr_svg(text: str) -> Markup:
    """A QR code as SVG without inline style."""
    buffer = io.BytesIO()
    segno.make(text, error="m").save(buffer, kind="svg", xmldecl=False, svgns=True, border=2, omitsize=True)
    return Markup(buffer.getvalue().decode())  # drawn by segno from our own link


@dataclass(frozen=True, slots=True)
class _Held:
    """A line with all that hangs on it."""

    claim: Claim
    line: OrderLine
    product: Product
    producer: Producer
    door: Compartment | None
    zone: Zone | None


def _held(session: Session, order: Order) -> list[_Held]:
    rows = session.execute(
        select(Claim, OrderLine, Product, Producer, Compartment, Zone)
        .join(OrderLine, OrderLine.id == Claim.line_id)
        .join(Product, Product.id == OrderLine.product_id)
        .join(Producer, Producer.id == Product.producer_id)
        .outerjoin(Compartment, Compartment.id == Claim.compartment_id)
        .outerjoin(Zone, Zone.id == Compartment.zone_id)
        .where(Claim.order_id == order.id)
    )
    held = [_Held(*row) for row in rows]
    return sorted(held, key=lambda one: (one.door.number if one.door is not None else 999, one.product.name))


def build(session: Session, context: Context, order: Order, language: str) -> CustomerView:
    """The page of an order in a language."""
    controller = session.get_one(Controller, order.controller_id)
    site = session.get_one(Site, controller.site_id)
    zone = ZoneInfo(site.timezone)
    held = _held(session, order)
    inside = [one for one in held if one.claim.state in (states.BOUND, states.LOADED)]
    blocks = [
        block
        for one in inside
        if one.zone is not None
        for block in lockers_blocks.covering(session, controller.id, one.zone.key)
    ]
    blocked = bool(blocks) and order.state in (states.PAID, states.REGISTERED, states.READY)
    link = order_link(context, order.id)
    look, title, texts, step = _headline(order, zone, language)
    if blocked:
        look = Look(words.BAD, "lock", "")
        reason = words.word(words.BLOCK_REASON, blocks[0].reason, language)
        title = translate(language, "Ne venez pas encore : casier bloqué")
        texts = [
            translate(language, "%(reason)s. Par sécurité le casier n'ouvre pas.", reason=reason),
            translate(language, "Attendez notre message, ou demandez le remboursement ci-dessous."),
        ]
    code, long_code = _codes(session, context, order)
    payment = session.scalars(select(Payment).where(Payment.order_id == order.id)).one_or_none()
    pay_url = ""
    if order.state == states.HELD and payment is not None:
        pay_url = provider(context).page(payment.session)
    return CustomerView(
        state=order.state,
        step=step,
        look=look,
        title=title,
        texts=texts,
        blocked=blocked,
        refund_offered=blocked,
        path=urlsplit(link).path,
        pay_url=pay_url,
        code=grouped(code) if code else "",
        long_code=grouped(long_code) if long_code else "",
        qr=qr_svg(link) if code else Markup(),
        lines=[_line(one, language) for one in held],
        cold=_cold(session, context, held, language),
        site=site.name,
        bank=controller.name,
        window=period(order.window_start, order.window_end, zone, language),
        total=money(order.total_cents, order.currency, language),
        zone=zone,
    )


def _line(one: _Held, language: str) -> Line:
    return Line(
        door=one.door.number if one.door is not None else 0,
        name=one.product.name_en if language == "en" and one.product.name_en else one.product.name,
        quantity=one.line.quantity,
        producer=one.producer.name,
        climate=words.word(words.CLIMATE, one.product.climate, language),
        state=one.claim.state,
        look=words.look(words.CLAIM_FOR_CUSTOMER, one.claim.state, language),
        done=one.claim.state in (states.COLLECTED, *states.ENDED),
    )


def _codes(session: Session, context: Context, order: Order) -> tuple[str, str]:
    if order.state not in CODE_SHOWN:
        return "", ""
    credential = grants.customer_credential(session, order.id)
    if credential is None:
        return "", ""
    return codes.shown(context, credential)


def _headline(order: Order, zone: ZoneInfo, language: str) -> tuple[Look, str, list[str], int]:
    def say(message: str, **values: object) -> str:
        return translate(language, message, **values)

    until = local(order.window_end, zone)
    preparing = say("Nous vous écrivons dès que tout est dans les casiers.")
    by_state: dict[str, tuple[Look, str, list[str], int]] = {
        states.HELD: (
            Look(words.INFO, "clock", ""),
            say("En attente du paiement"),
            [say("Vos casiers sont gardés jusqu'à %(at)s.", at=local(order.hold_expires_at, zone))],
            0,
        ),
        states.LAPSED: (
            Look(words.CALM, "dash", ""),
            say("Commande abandonnée"),
            [say("Le paiement n'est pas arrivé à temps. Vous n'avez rien payé.")],
            0,
        ),
        states.PAID: (Look(words.INFO, "clock", ""), say("Payée, en préparation"), [preparing], 2),
        states.REGISTERED: (
            Look(words.INFO, "clock", ""),
            say("Payée, en préparation"),
            [preparing, say("Votre code est déjà dans l'armoire ; il ouvrira quand tout sera déposé.")],
            2,
        ),
        states.READY: (
            Look(words.GOOD, "box", ""),
            say("Prête à retirer"),
            [say("À retirer avant le %(at)s.", at=until)],
            3,
        ),
        states.COLLECTED: (
            Look(words.GOOD, "check", ""),
            say("Retirée, bon appétit !"),
            [say("Le code ne vaut plus.")],
            4,
        ),
        states.EXPIRED: (
            Look(words.WARN, "warn", ""),
            say("La période de retrait est passée"),
            [say("Appelez-nous pour savoir ce qu'il advient de la commande.")],
            0,
        ),
        states.REFUNDING: (
            Look(words.INFO, "euro", ""),
            say("Remboursement en cours"),
            [say("Il part dès que l'armoire a confirmé que le code n'ouvre plus.")],
            0,
        ),
        states.REFUNDED: (
            Look(words.CALM, "euro", ""),
            say("Remboursée"),
            [say("Le montant revient sur le moyen de paiement utilisé. Le code ne vaut plus.")],
            0,
        ),
    }
    return by_state[order.state]


def _cold(session: Session, context: Context, held: list[_Held], language: str) -> Cold | None:
    now = context.clock.now()
    texts: list[str] = []
    verdicts: set[str] = set()
    told: set[int] = set()
    for one in held:
        if one.zone is None or not one.zone.probes or one.claim.loaded_at is None or one.zone.id in told:
            continue
        told.add(one.zone.id)
        found, text = _zone_cold(session, one.zone, one.claim.loaded_at, one.claim.ended_at or now, language)
        verdicts.add(found)
        texts.append(text)
    for verdict in words.COLD:
        if verdict in verdicts:
            return Cold(verdict, words.look(words.COLD, verdict, language), texts)
    return None


def _zone_cold(
    session: Session, zone: Zone, since: datetime, until: datetime, language: str
) -> tuple[str, str]:
    start, end = int(since.timestamp()), int(until.timestamp())
    rows, holes = chartdata.window(session, SqlView(), zone, start - 1, end)
    excursions = [
        one
        for one in coldchain.excursions(session, zone)
        if one.kind == "temperature"
        and one.began_at < until
        and (one.ended_at is None or one.ended_at > since)
    ]
    name = zone.name
    if not rows:
        return "unknown", translate(language, "%(zone)s : les relevés depuis le dépôt arrivent.", zone=name)
    found = series.summary(rows, holes, None, zone.high_centi)
    text = translate(
        language,
        "%(zone)s : de %(low)s à %(high)s depuis le dépôt, limite %(limit)s.",
        zone=name,
        low=degrees(found.low or 0, language),
        high=degrees(found.high or 0, language),
        limit=degrees(zone.high_centi, language),
    )
    if excursions or lockers_blocks.covering(session, zone.controller_id, zone.key):
        text += " " + translate(language, "La limite a été dépassée trop longtemps.")
        return "bad", text
    if found.out_s > 0:
        text += " " + translate(
            language, "Au-dessus de la limite pendant %(time)s.", time=duration(found.out_s, language)
        )
        return "warm", text
    if found.gap_s > zone.silence_s:
        text += " " + translate(
            language, "Sans relevé pendant %(time)s.", time=duration(found.gap_s, language)
        )
        return "unknown", text
    return "good", text
