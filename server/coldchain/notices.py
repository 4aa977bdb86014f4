"""Whom a block concerns: customers with goods or a claim behind the doors, producers about to load them.

Managers hear through the alarm. Every mail is an outbox row in the transaction that stores the block.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract import records
from server.catalogue.models import Producer, Product
from server.foundation.audit import AuditEntry
from server.foundation.audit import record as audit
from server.foundation.context import Context
from server.foundation.outbox import send_mail
from server.gateways.dispatch import Item
from server.locales import translate
from server.lockers.models import Block, Compartment, Controller, Zone
from server.orders import states
from server.orders.models import Claim, Order, OrderLine
from server.people.access import order_link
from server.people.models import Platform


def _(message: str) -> str:
    """Marks a text for translation; it is translated when the reader's language is known."""
    return message


WHY = {
    records.WARM: _("La température a dépassé la limite."),
    records.COLD: _("La température est passée sous la limite."),
    records.NO_DATA: _("Plus aucune sonde ne répond : nous ne savons pas si le froid a tenu."),
}
"""What is told of a block's reason; one made by hand is told without."""

CONCERNED = (states.BOUND, states.LOADED)
LIVE_ORDERS = (states.PAID, states.REGISTERED, states.READY)


def _rows(session: Session, controller_id: str, zone_key: str) -> list[tuple[Order, Product, Compartment]]:
    query = (
        select(Order, Product, Compartment)
        .join(Claim, Claim.order_id == Order.id)
        .join(OrderLine, OrderLine.id == Claim.line_id)
        .join(Product, Product.id == OrderLine.product_id)
        .join(Compartment, Compartment.id == Claim.compartment_id)
        .join(Zone, Zone.id == Compartment.zone_id)
        .where(
            Claim.controller_id == controller_id,
            Claim.state.in_(CONCERNED),
            Order.state.in_(LIVE_ORDERS),
        )
        .order_by(Order.id, Compartment.number)
    )
    if zone_key:
        query = query.where(Zone.key == zone_key)
    return [(order, product, door) for order, product, door in session.execute(query)]


def _name(product: Product, language: str) -> str:
    return product.name_en if language == "en" and product.name_en else product.name


def on_block(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], _item: Item
) -> None:
    """Handler of `block` records, after the block is stored: tells customers and producers once."""
    if device is None:
        return
    subject = f"block:{device.id}/{record['id']}"
    if session.scalar(select(AuditEntry.id).where(AuditEntry.subject == subject).limit(1)) is not None:
        return
    rows = _rows(session, device.id, str(record["z"]))
    told: set[str] = set()
    for order, _, _ in rows:
        if order.id not in told:
            told.add(order.id)
            mine = [(product, door) for one, product, door in rows if one.id == order.id]
            _tell_customer(session, context, device, order, mine, WHY.get(str(record["r"]), ""))
    audit(session, context, f"device:{device.id}", "block.told", subject, {"orders": sorted(told)})
    producers = {product.producer_id for _, product, _ in rows}
    for producer_id in sorted(producers):
        theirs = [(product, door) for _, product, door in rows if product.producer_id == producer_id]
        _tell_producer(session, context, device, producer_id, theirs)


def _help(session: Session) -> str:
    platform = session.get(Platform, 1)
    return platform.help if platform is not None else ""


def _tell_customer(
    session: Session,
    context: Context,
    device: Controller,
    order: Order,
    lines: list[tuple[Product, Compartment]],
    why: str,
) -> None:
    language = order.locale

    def say(message: str, **values: object) -> str:
        return translate(language, message, **values)

    text = [
        say("Bonjour %(name)s,", name=order.customer_name),
        "",
        say("par sécurité nous avons bloqué des casiers de votre commande."),
        *([say(why)] if why else []),
        *[
            say("- porte %(number)s : %(product)s", number=door.number, product=_name(product, language))
            for product, door in lines
        ],
        "",
        say("Votre code n'ouvre pas ces portes. Attendez notre message, ou demandez le remboursement ici :"),
        order_link(context, order.id),
        "",
        say("Une question ? %(help)s", help=_help(session)),
    ]
    send_mail(
        session,
        context,
        to=order.customer_email,
        subject=say("Votre commande %(reference)s : casier bloqué", reference=order.reference),
        text="\n".join(text),
        about=f"order:{order.id}",
        actor=f"device:{device.id}",
    )


def _tell_producer(
    session: Session,
    context: Context,
    device: Controller,
    producer_id: str,
    lines: list[tuple[Product, Compartment]],
) -> None:
    producer = session.get_one(Producer, producer_id)
    language = "fr"
    text = [
        translate(language, "Bonjour,"),
        "",
        translate(language, "par sécurité ces portes de %(bank)s sont bloquées :", bank=device.name),
        *[
            translate(language, "- porte %(number)s : %(product)s", number=door.number, product=product.name)
            for product, door in lines
        ],
        "",
        translate(language, "N'y déposez rien avant leur libération."),
        f"{context.settings.base_url.rstrip('/')}/producer",
    ]
    send_mail(
        session,
        context,
        to=producer.email,
        subject=translate(language, "%(bank)s : portes bloquées", bank=device.name),
        text="\n".join(text),
        about=f"controller:{device.id}",
        actor=f"device:{device.id}",
    )


def on_release(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], _item: Item
) -> None:
    """Handler of `release` records, after the block has ended: customers whose order is ready hear that it
    opens again.
    """
    if device is None:
        return
    block = session.scalars(
        select(Block).where(Block.controller_id == device.id, Block.block_id == str(record["id"]))
    ).one_or_none()
    if block is None:
        return
    told: set[str] = set()
    for order, _, _ in _rows(session, device.id, block.zone_key):
        if order.id in told or order.state != states.READY:
            continue
        told.add(order.id)
        text = [
            translate(order.locale, "Bonjour %(name)s,", name=order.customer_name),
            "",
            translate(
                order.locale, "vos produits ont été contrôlés : votre code ouvre de nouveau les portes."
            ),
            order_link(context, order.id),
            "",
            translate(order.locale, "Une question ? %(help)s", help=_help(session)),
        ]
        send_mail(
            session,
            context,
            to=order.customer_email,
            subject=translate(
                order.locale, "Votre commande %(reference)s : vous pouvez venir", reference=order.reference
            ),
            text="\n".join(text),
            about=f"order:{order.id}",
            actor=f"device:{device.id}",
        )
