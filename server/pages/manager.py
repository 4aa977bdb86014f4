"""The manager's pages that only show; what a manager does is in `acts`."""

from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alarms import service as alarms
from server.alarms.models import Alarm
from server.coldchain import lots
from server.coldchain import service as coldchain
from server.foundation.errors import NotFound
from server.healthcheck import checks
from server.healthcheck.host import running_here
from server.locales import translate
from server.locales.formats import DEFAULT_ZONE, duration
from server.lockers import blocks as lockers_blocks
from server.lockers.commands import find_door
from server.lockers.models import DOUBTFUL, Compartment, Controller, Site, Zone
from server.orders import states
from server.pages import words
from server.pages.addresses import Device, DoorNumber, ZoneKey
from server.pages.live import note_mark
from server.pages.rendering import Place, language_of, platform, render
from server.pages.views import alarms as alarm_views
from server.pages.views import doors as door_views
from server.pages.views import hangar as hangar_views
from server.pages.views import health as health_views
from server.pages.views import orders as order_views
from server.pages.views import zones as zone_views
from server.pages.words import Look
from server.people.access import Ctx, Manager
from server.people.logins import Signed
from server.telemetry.choice import view_of

router = APIRouter(prefix="/manager", include_in_schema=False, dependencies=[Depends(note_mark)])

LIVE = "/live/manager"


def places(session: Session, language: str, here: str) -> list[Place]:
    """The head's navigation."""
    alarm_count = (
        session.scalar(select(func.count()).select_from(Alarm).where(Alarm.closed_at.is_(None))) or 0
    )
    names = (
        ("/manager", translate(language, "Vue d'ensemble")),
        ("/manager/doors", translate(language, "Portes")),
        ("/manager/alarms", translate(language, "Alarmes")),
        ("/manager/orders", translate(language, "Commandes")),
        ("/manager/hangar", translate(language, "Hangar")),
        ("/manager/health", translate(language, "Santé")),
    )
    return [
        Place(href, word, href == here, alarm_count if href == "/manager/alarms" else 0)
        for href, word in names
    ]


def _zone(session: Session) -> ZoneInfo:
    name = session.scalar(select(Site.timezone).limit(1))
    return ZoneInfo(name) if name else DEFAULT_ZONE


def _calm(language: str) -> Look:
    return Look(words.GOOD, "check", translate(language, "tout va bien"))


def show(
    request: Request,
    session: Session,
    person: Signed,
    template: str,
    here: str,
    *,
    live: str = LIVE,
    **values: Any,
) -> Response:
    """One of the manager's pages."""
    return render(
        request,
        template,
        platform=platform(session),
        person=person,
        places=places(session, language_of(request, person), here),
        timezone=_zone(session),
        live=live,
        **values,
    )


@router.get("")
def overview(request: Request, context: Ctx, person: Manager) -> Response:
    """Every zone, room, wall and open alarm at a glance."""
    language = language_of(request, person)
    now = context.clock.now()
    checked = checks(context, running_here(request.app.state.background))
    with context.store.read() as session:
        return show(
            request,
            session,
            person,
            "manager/overview.html",
            "/manager",
            zones=[
                zone_views.card(session, view_of(context), zone, now, language)
                for zone in zone_views.judged_zones(session)
            ],
            banks=door_views.banks(session, language),
            alarms=[alarm_views.card(session, alarm, language) for alarm in alarms.open_alarms(session)],
            calm=_calm(language),
            health=health_views.sum_up(checked, language),
        )


@router.get("/zones/{device}/{key}")
def zone_page(
    request: Request,
    context: Ctx,
    person: Manager,
    device: Device,
    key: ZoneKey,
    period: Annotated[str, Query(max_length=8)] = zone_views.DEFAULT_TAB,
) -> Response:
    """One zone or room: chart, table, probes, excursions, blocks."""
    language = language_of(request, person)
    now = context.clock.now()
    with context.store.read() as session:
        zone = session.scalars(
            select(Zone).where(Zone.controller_id == device, Zone.key == key)
        ).one_or_none()
        if zone is None:
            raise NotFound("there is no such zone")
        site, timezone = zone_views.site_zone(session, device)
        chart, sentence, table = zone_views.history(
            session, view_of(context), zone, now, period, timezone, language
        )
        labels = {
            "1h": translate(language, "1 heure"),
            "6h": translate(language, "6 heures"),
            "24h": translate(language, "24 heures"),
            "7d": translate(language, "7 jours"),
            "30d": translate(language, "30 jours"),
            "1y": translate(language, "1 an"),
        }
        return show(
            request,
            session,
            person,
            "manager/zone.html",
            "",
            zone=zone_views.card(session, view_of(context), zone, now, language, spark=False),
            site=site.name,
            delays=translate(
                language,
                "hors limite pendant %(delay)s ou muette %(silence)s : blocage",
                delay=duration(zone.delay_s, language),
                silence=duration(zone.silence_s, language),
            ),
            probes=zone_views.probes(session, view_of(context), zone, language),
            blocks=[
                door_views.block_view(session, block, language)
                for block in lockers_blocks.covering(session, device, key)
            ],
            has_doors=session.scalar(select(Compartment.id).where(Compartment.zone_id == zone.id).limit(1))
            is not None,
            chart=chart,
            sentence=sentence,
            table=table,
            tabs=[Place(f"?period={name}", labels[name], name == period) for name, _ in zone_views.TABS],
            excursions=zone_views.excursion_rows(
                coldchain.excursions(session, zone), coldchain.live_watch(session, zone), language
            ),
        )


@router.get("/doors")
def doors(request: Request, context: Ctx, person: Manager) -> Response:
    """Every door of every wall, blocks, and the last acts at a distance."""
    language = language_of(request, person)
    with context.store.read() as session:
        return show(
            request,
            session,
            person,
            "manager/doors.html",
            "/manager/doors",
            banks=door_views.banks(session, language),
            commands=door_views.commands(session, language),
        )


@router.get("/doors/{device}/{number}")
def door_page(
    request: Request, context: Ctx, person: Manager, device: Device, number: DoorNumber
) -> Response:
    """One door and what can be done with it."""
    language = language_of(request, person)
    with context.store.read() as session:
        door = find_door(session, device, number)
        zone = session.get_one(Zone, door.zone_id)
        controller = session.get_one(Controller, device)
        seen = door_views.one_door(session, door, zone, language)
        blocks = lockers_blocks.covering(session, device, zone.key)
        troubles = [
            alarm
            for alarm in alarms.open_alarms(session)
            if alarm.controller_id == device and alarm.door == number
        ]
        return show(
            request,
            session,
            person,
            "manager/door.html",
            "",
            door=seen,
            place=f"{controller.name} · {session.get_one(Site, controller.site_id).name}",
            open_look=Look(words.WARN, "door", translate(language, "ouverte")),
            zone_name=zone.name,
            zone_href=f"/manager/zones/{device}/{zone.key}" if zone.probes else "",
            size=door.size,
            sensor=translate(language, "oui") if door.item_sensor else translate(language, "non"),
            confirmable=door.contents == DOUBTFUL
            or seen.state in (states.DOUBTFUL, states.EXPIRED, states.WITHDRAWN, "stocked"),
            blocks=[door_views.block_view(session, block, language) for block in blocks],
            alarms=[alarm_views.card(session, alarm, language) for alarm in troubles],
            commands=door_views.commands(session, language, device, number),
        )


@router.get("/alarms")
def alarm_page(request: Request, context: Ctx, person: Manager) -> Response:
    """Open alarms, and those closed last."""
    language = language_of(request, person)
    with context.store.read() as session:
        return show(
            request,
            session,
            person,
            "manager/alarms.html",
            "/manager/alarms",
            alarms=[alarm_views.card(session, alarm, language) for alarm in alarms.open_alarms(session)],
            closed=[alarm_views.card(session, alarm, language) for alarm in alarms.closed_alarms(session)],
            calm=_calm(language),
        )


@router.get("/orders")
def order_page(
    request: Request,
    context: Ctx,
    person: Manager,
    before: Annotated[str, Query(pattern=r"^[0-9a-f]{0,40}$")] = "",
) -> Response:
    """Orders, newest first."""
    language = language_of(request, person)
    with context.store.read() as session:
        rows, more = order_views.rows(session, language, before)
        return show(
            request,
            session,
            person,
            "manager/orders.html",
            "/manager/orders",
            orders=rows,
            mismatches=order_views.mismatches(session, language),
            more=f"?before={more}" if more else "",
        )


@router.get("/hangar")
def hangar(request: Request, context: Ctx, person: Manager) -> Response:
    """Rooms and lots."""
    language = language_of(request, person)
    now = context.clock.now()
    with context.store.read() as session:
        return show(
            request,
            session,
            person,
            "manager/hangar.html",
            "/manager/hangar",
            rooms=[
                zone_views.card(session, view_of(context), room, now, language)
                for room in lots.rooms(session)
            ],
            lots=hangar_views.rows(session, language),
            products=hangar_views.products(session, language),
            tomorrow=(now.astimezone(_zone(session)) + timedelta(days=1)).date().isoformat(),
        )


@router.get("/health")
def health(
    request: Request, context: Ctx, person: Manager, verify: Annotated[str, Query(max_length=3)] = ""
) -> Response:
    """What is well and what somebody must see to; mails, controllers, gateways, chained registers. What takes
    seconds is looked at on demand only."""
    language = language_of(request, person)
    verified = verify == "yes"
    checked = checks(context, running_here(request.app.state.background), thorough=verified)
    with context.store.read() as session:
        return show(
            request,
            session,
            person,
            "manager/health.html",
            "/manager/health",
            live="" if verified else LIVE,
            checks=health_views.check_rows(checked, language),
            summary=health_views.sum_up(checked, language),
            mails=health_views.mails(session),
            controllers=health_views.controllers(session, language),
            gateways=health_views.gateways(session, context.clock.now(), language),
            chains=health_views.chains(session, language, verified=verified),
        )
