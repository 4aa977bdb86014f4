"""Zones and rooms: the card of the overview, and the page with its chart, table, probes and excursions."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.coldchain import service as coldchain
from server.coldchain.judge import Watch, state_of
from server.coldchain.models import Excursion
from server.locales import translate
from server.locales.formats import NO_LOWER_LIMIT, age, degrees, duration, limits
from server.lockers import blocks as lockers_blocks
from server.lockers.models import Compartment, Controller, Site, Zone
from server.pages import chart, words
from server.pages.words import Look
from server.telemetry import chartdata, series
from server.telemetry.store import TelemetryView

SPARK_S = 3 * 3600
TABS = (
    ("1h", 3600),
    ("6h", 6 * 3600),
    ("24h", 86400),
    ("7d", 7 * 86400),
    ("30d", 30 * 86400),
    ("1y", 365 * 86400),
)
DEFAULT_TAB = "6h"
TABLE_ROWS = 120


@dataclass(frozen=True, slots=True)
class ZoneCard:
    """A zone at a glance."""

    id: int
    device: str
    key: str
    name: str
    place: str
    state: str
    look: Look
    blocked: Look | None
    celsius: str
    celsius_centi: int | None
    old: bool
    age: str
    limits: str
    spark: Markup
    href: str


@dataclass(frozen=True, slots=True)
class ProbeLine:
    """One probe's newest word."""

    number: int
    name: str
    celsius: str
    health: int
    look: Look


@dataclass(frozen=True, slots=True)
class TableRow:
    """A period in the chart's table, or a gap."""

    time: str
    low: str
    mean: str
    high: str
    remark: str
    gap: str = ""


@dataclass(frozen=True, slots=True)
class ExcursionRow:
    """An excursion with the limits then in force."""

    kind: str
    word: str
    began_at: datetime
    ended_at: datetime | None
    peak: str
    limits: str
    found: str


def _door_open_since(session: Session, zone: Zone) -> int:
    opened = session.scalars(
        select(Compartment.door_at).where(Compartment.zone_id == zone.id, Compartment.door_open.is_(True))
    ).all()
    moments = [int(at.timestamp()) for at in opened if at is not None]
    return min(moments, default=0)


def judged_zones(session: Session, controller_id: str | None = None) -> list[Zone]:
    """Zones with probes: walls, then rooms, each in the order of the site file."""
    query = (
        select(Zone)
        .join(Controller, Controller.id == Zone.controller_id)
        .order_by(Controller.kind, Controller.site_id.desc(), Zone.controller_id, Zone.id)
    )
    if controller_id is not None:
        query = query.where(Zone.controller_id == controller_id)
    return [zone for zone in session.scalars(query) if zone.probes]


def card(
    session: Session, view: TelemetryView, zone: Zone, now: datetime, language: str, *, spark: bool = True
) -> ZoneCard:
    """A zone's card at `now`."""
    controller = session.get_one(Controller, zone.controller_id)
    stamp = int(now.timestamp())
    watch = coldchain.live_watch(session, zone)
    in_force = coldchain.limits_of(zone)
    transport = int(controller.setup.get("period_s", 60)) + coldchain.TRANSPORT_S
    state = state_of(watch, in_force, stamp - transport, _door_open_since(session, zone))
    blocked = bool(lockers_blocks.covering(session, zone.controller_id, zone.key))
    # The next record is late by a whole period: said before the zone's silence makes it a state.
    old = state == "nodata" or stamp - watch.seen > transport + int(controller.setup.get("period_s", 60))
    heard = age(stamp - watch.seen, language)
    if old:
        heard = translate(
            language, "pas de relevé depuis %(time)s", time=duration(stamp - watch.seen, language)
        )
    drawn = Markup()
    if spark:
        rows, _ = chartdata.window(session, view, zone, stamp - SPARK_S, stamp)
        drawn = chart.spark(rows, (stamp - SPARK_S, stamp), zone.high_centi)
    return ZoneCard(
        id=zone.id,
        device=zone.controller_id,
        key=zone.key,
        name=zone.name,
        place=controller.name,
        state=state,
        look=words.look(words.ZONE, state, language),
        blocked=words.look(words.BLOCKED, controller.kind, language) if blocked else None,
        celsius=degrees(watch.latest, language) if watch.seen else "–",
        celsius_centi=watch.latest if watch.seen else None,
        old=old,
        age=heard if watch.seen else translate(language, "jamais reçu"),
        limits=limits(zone.low_centi, zone.high_centi, language),
        spark=drawn,
        href=f"/manager/zones/{zone.controller_id}/{zone.key}",
    )


def probes(session: Session, view: TelemetryView, zone: Zone, language: str) -> list[ProbeLine]:
    """The newest period of each probe of a zone."""
    newest = {point.probe: point for point in view.latest(session, zone)}
    lines = []
    for number in range(len(zone.probes)):
        point = newest.get(number)
        good = point is not None and point.samples > 0 and point.health == 0
        look = (
            Look(words.GOOD, "check", translate(language, "répond"))
            if good
            else Look(words.WARN, "probe", translate(language, "en défaut"))
        )
        if point is None:
            look = Look(words.CALM, "question", translate(language, "jamais reçu"))
        lines.append(
            ProbeLine(
                number=number,
                name=translate(language, "Sonde %(number)s", number=number + 1),
                celsius=degrees(point.mean, language, 2) if point is not None and point.samples > 0 else "–",
                health=point.health if point is not None else -1,
                look=look,
            )
        )
    return lines


def sentence(found: series.Summary, length: int, language: str) -> str:
    """The chart in a sentence: extremes, time out of range, time without data."""
    if found.low is None or found.high is None:
        return translate(
            language, "Aucune température reçue sur %(length)s.", length=duration(length, language)
        )
    text = translate(
        language,
        "Sur %(length)s : minimum %(low)s, maximum %(high)s, %(out)s hors limites.",
        length=duration(length, language),
        low=degrees(found.low, language),
        high=degrees(found.high, language),
        out=duration(found.out_s, language),
    )
    if found.gap_s:
        text += " " + translate(language, "Sans données : %(time)s.", time=duration(found.gap_s, language))
    return text


def history(
    session: Session,
    view: TelemetryView,
    zone: Zone,
    now: datetime,
    tab: str,
    timezone: ZoneInfo,
    language: str,
) -> tuple[Markup, str, list[TableRow]]:
    """Chart, sentence and table of a zone over the chosen period."""
    length = dict(TABS).get(tab, dict(TABS)[DEFAULT_TAB])
    until = int(now.timestamp())
    since = until - length
    rows, holes = chartdata.window(session, view, zone, since, until)
    low = zone.low_centi if zone.low_centi > NO_LOWER_LIMIT else None
    text = sentence(series.summary(rows, holes, low, zone.high_centi), length, language)
    say = {
        "title": translate(language, "Température de %(zone)s", zone=zone.name),
        "summary": text,
        "low": translate(language, "limite basse"),
        "high": translate(language, "limite haute"),
        "gap": translate(language, "sans données"),
        "none": translate(language, "Aucune température sur cette période"),
    }
    bounds = (low, zone.high_centi)
    drawn = Markup().join(
        chart.draw(size, rows, holes, (since, until), bounds, say, timezone, language) for size in chart.SIZES
    )
    return drawn, text, _table(rows, holes, low, zone.high_centi, timezone, language)


def _table(
    rows: list[series.Span],
    holes: list[series.Gap],
    low: int | None,
    high: int,
    timezone: ZoneInfo,
    language: str,
) -> list[TableRow]:
    lines: list[tuple[int, TableRow]] = []
    for row in series.thin(rows, TABLE_ROWS):
        out = row.mean > high or (low is not None and row.mean < low)
        lines.append(
            (
                row.at,
                TableRow(
                    _clock(row.at, timezone),
                    degrees(row.low, language),
                    degrees(row.mean, language),
                    degrees(row.high, language),
                    translate(language, "hors limites") if out else "",
                ),
            )
        )
    for hole in holes:
        cause = words.word(words.GAP_CAUSE, hole.cause, language)
        remark = translate(
            language,
            "sans données pendant %(time)s : %(cause)s",
            time=duration(hole.end - hole.start, language),
            cause=cause,
        )
        lines.append((hole.start, TableRow(_clock(hole.start, timezone), "–", "–", "–", remark, hole.cause)))
    return [line for _, line in sorted(lines, key=lambda pair: pair[0], reverse=True)]


def _clock(at: int, timezone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at, timezone):%d/%m %H:%M:%S}"


def excursion_rows(found: list[Excursion], watch: Watch, language: str) -> list[ExcursionRow]:
    """Excursions in words. An open one is still growing: its extreme is that of the live watch, not the one
    it was found by.
    """
    rows = []
    for one in found:
        kept = one.limits
        nodata = one.kind == "nodata"
        is_growing = one.ended_at is None and watch.breach_since
        peak = watch.peak if is_growing else one.peak
        rows.append(
            ExcursionRow(
                kind=one.kind,
                word=translate(language, "pas de données") if nodata else translate(language, "température"),
                began_at=one.began_at,
                ended_at=one.ended_at,
                peak="–" if nodata else degrees(peak, language),
                limits=limits(kept["low"], kept["high"], language)
                + ", "
                + duration(kept["silence_s"] if nodata else kept["delay_s"], language),
                found=one.found,
            )
        )
    return rows


def site_zone(session: Session, controller_id: str) -> tuple[Site, ZoneInfo]:
    """The site of a controller and its timezone."""
    controller = session.get_one(Controller, controller_id)
    site = session.get_one(Site, controller.site_id)
    return site, ZoneInfo(site.timezone)
