"""Loads the site file into the database, again and again: what is there is brought to what the file says,
nothing vanishes.

Things no longer in the file stay (they have history); doors no longer in it go out of service.
"""

from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.catalogue.models import AMBIENT, Producer, Product
from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.database import Base
from server.foundation.vault import token_hash
from server.gateways.models import Gateway
from server.grants import personal
from server.lockers import configuration
from server.lockers.models import Compartment, Controller, Site, Zone
from server.people.models import Person, Platform, Shop
from server.sitefile.document import ControllerPart, SiteFile, SitePart
from server.sitefile.secrets_file import Secrets

ACTOR = "system"


_Row = TypeVar("_Row", bound=Base)


def _put(session: Session, table: type[_Row], key: object, **values: Any) -> _Row:
    row = session.get(table, key)
    if row is None:
        row = table(id=key, **values)
        session.add(row)
    else:
        for name, value in values.items():
            setattr(row, name, value)
    return row


def load(session: Session, context: Context, site_file: SiteFile, secrets: Secrets) -> None:
    """Everything in the file, in one transaction; new configuration documents go out where something
    changed."""
    platform = site_file.platform
    _put(
        session,
        Platform,
        1,
        name=platform.name,
        help=platform.help,
        currency=platform.currency,
        hold_seconds=platform.hold_s,
    )
    for producer in site_file.producers:
        _put(session, Producer, producer.id, name=producer.name, email=producer.email)
    session.flush()
    for product in site_file.products:
        _put(
            session,
            Product,
            product.id,
            name=product.name,
            name_en=product.name_en,
            producer_id=product.producer,
            climate=product.climate,
            max_centi=None if product.max_c is None else round(product.max_c * 100),
            price_cents=product.price_cents,
            size=product.size,
            shelf_days=product.shelf_days,
        )
    for shop in site_file.shops:
        _put(session, Shop, shop.id, name=shop.name, token_hash=token_hash(secrets["shops"][shop.id]))
    _people(session, context, site_file)
    for site in site_file.sites:
        _site(session, context, site, secrets)
    session.flush()
    for bank in session.scalars(select(Controller).where(Controller.kind == "bank").order_by(Controller.id)):
        for producer in site_file.producers:
            personal.ensure(session, context, bank, producer.id)
    record(session, context, ACTOR, "site.loaded", "platform", {"sites": len(site_file.sites)})


def _people(session: Session, context: Context, site_file: SiteFile) -> None:
    listed = [(p.email, p.name, p.role, p.producer, p.locale) for p in site_file.people]
    known = {email.lower() for email, *_ in listed}
    # A producer's own address may log in without being listed again.
    listed += [
        (p.email, p.name, "producer", p.id, "fr") for p in site_file.producers if p.email.lower() not in known
    ]
    for email, name, role, producer, locale in listed:
        person = session.scalars(select(Person).where(Person.email == email.lower())).one_or_none()
        _put(
            session,
            Person,
            person.id if person else context.ids.new(),
            email=email.lower(),
            name=name,
            role=role,
            producer_id=producer,
            locale=locale,
        )


def _site(session: Session, context: Context, site: SitePart, secrets: Secrets) -> None:
    _put(session, Site, site.id, name=site.name, timezone=site.timezone)
    session.flush()
    hashed = token_hash(secrets["gateways"][site.id])
    gateway = session.get(Gateway, site.id)
    if gateway is None:
        session.add(Gateway(site_id=site.id, token_hash=hashed, feed_epoch=context.ids.token(8), feed_last=0))
    else:
        gateway.token_hash = hashed
    session.flush()
    for part in site.controllers:
        controller = _controller(session, context, site.id, part, secrets)
        configuration.publish(session, context, controller, ACTOR)


def _controller(
    session: Session, context: Context, site_id: str, part: ControllerPart, secrets: Secrets
) -> Controller:
    setup = part.model_dump(
        include={"boards", "sample_s", "period_s", "pulse_ms", "tries", "retry_s", "reopen_s", "use_s"}
    )
    controller = session.get(Controller, part.id)
    values: dict[str, Any] = {
        "site_id": site_id,
        "kind": part.kind,
        "board": part.board,
        "name": part.name,
        "setup": setup,
    }
    if controller is None:
        key = bytes.fromhex(secrets["controllers"][part.id]["key"])
        values["sealed_key"] = context.vault.seal(key, f"controller:{part.id}")
    controller = _put(session, Controller, part.id, **values)
    session.flush()
    zones = _zones(session, part)
    _doors(session, part, zones)
    session.flush()
    return controller


def _zones(session: Session, part: ControllerPart) -> dict[str, Zone]:
    zones = {zone.key: zone for zone in session.scalars(select(Zone).where(Zone.controller_id == part.id))}
    for zone in part.zones:
        values: dict[str, Any] = {
            "name": zone.name,
            "climate": zone.climate,
            "bus": zone.bus,
            "probes": list(zone.probes),
            "low_centi": round(zone.low_c * 100),
            "high_centi": round(zone.high_c * 100),
            "alert_centi": round(zone.alert_c * 100),
            "delay_s": zone.delay_s,
            "silence_s": zone.silence_s,
            "ajar_s": zone.ajar_s,
        }
        _zone(session, zones, part.id, zone.id, values)
    if any(doors.zone in ("", AMBIENT) for doors in part.doors) and AMBIENT not in zones:
        _zone(session, zones, part.id, AMBIENT, dict(_AMBIENT))
    session.flush()
    return zones


_AMBIENT: dict[str, Any] = {
    "name": "Ambiant",
    "climate": AMBIENT,
    "bus": 0,
    "probes": [],
    "low_centi": -30000,
    "high_centi": 12500,
    "alert_centi": 12500,
    "delay_s": 1800,
    "silence_s": 600,
    "ajar_s": 120,
}


def _zone(
    session: Session, zones: dict[str, Zone], controller_id: str, key: str, values: dict[str, Any]
) -> None:
    zone = zones.get(key)
    if zone is None:
        zone = Zone(controller_id=controller_id, key=key, **values)
        session.add(zone)
        zones[key] = zone
    else:
        for name, value in values.items():
            setattr(zone, name, value)


def _doors(session: Session, part: ControllerPart, zones: dict[str, Zone]) -> None:
    known = {
        door.number: door
        for door in session.scalars(select(Compartment).where(Compartment.controller_id == part.id))
    }
    listed: set[int] = set()
    for doors in part.doors:
        zone = zones[doors.zone or AMBIENT]
        for number, channel in doors.run():
            listed.add(number)
            values: dict[str, Any] = {
                "zone_id": zone.id,
                "board": doors.board,
                "channel": channel,
                "size": doors.size,
                "item_sensor": doors.item_sensor,
            }
            door = known.get(number)
            if door is None:
                session.add(Compartment(controller_id=part.id, number=number, **values))
            else:
                for name, value in values.items():
                    setattr(door, name, value)
    for number, door in known.items():
        if number not in listed:
            door.in_service = False
