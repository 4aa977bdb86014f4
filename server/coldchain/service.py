"""The judge at work: live on the newest minutes, over the history on the contiguous prefix; excursions,
silence.

The live run tells people at once. The history run sees every record once and in order, so that what an
outage hid is written where it happened, marked as found later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alarms import rules
from server.alarms import service as alarms
from server.alarms.models import Alarm
from server.alarms.rules import Change, Subject
from server.coldchain.desk import Desk, Judged
from server.coldchain.judge import Finding, Limits, Watch, judge, set_back, silence
from server.coldchain.models import HISTORY, LIVE, Excursion, ZoneWatch
from server.coldchain.prefix import Place, prefix
from server.foundation.audit import record as audit
from server.foundation.clock import from_unix
from server.foundation.context import Context
from server.gateways.dispatch import Item, Taken
from server.lockers.models import REVOKED, Controller, Zone
from server.telemetry.series import points_of

_REMEMBERED = tuple(each.name for each in fields(Watch))
LATER = "later"
TRANSPORT_S = 20
"""A minute may lie this long between its end and the server before silence is counted."""


def limits_of(zone: Zone) -> Limits:
    """The zone's limits in force now."""
    return Limits(
        zone.low_centi, zone.high_centi, zone.alert_centi, zone.delay_s, zone.silence_s, zone.ajar_s
    )


def watch_of(row: ZoneWatch | None) -> Watch:
    """The judge's memory as stored."""
    if row is None or not row.watch:
        return Watch()
    stored = dict(row.watch)
    stored["faulty"] = tuple(stored["faulty"])
    stored["rises"] = tuple(stored["rises"])
    return Watch(**stored)


def live_watch(session: Session, zone: Zone) -> Watch:
    """What the live run knows of a zone."""
    return watch_of(session.get(ZoneWatch, (zone.id, LIVE)))


def stored(watch: Watch) -> dict[str, Any]:
    """The judge's memory as it is stored."""
    return {name: getattr(watch, name) for name in _REMEMBERED}


def on_readings(session: Session, context: Context, taken: Sequence[Taken]) -> None:
    """Handler of runs of `r` records, after the ledger has them."""
    told: dict[str, dict[Place, dict[str, Any]]] = {}
    for one in taken:
        place = one.record["e"], one.record["n"]
        told.setdefault(one.device.id, {}).setdefault(place, one.record)
    desk = Desk.open(session, told)
    now = int(context.clock.now().timestamp())
    for controller, records in told.items():
        for zone in desk.zones[controller]:
            _judge_live(session, context, desk, zone, records, now)
    session.flush()
    with session.no_autoflush:  # else each of the look-ups below has the whole session searched for changes
        for controller in told:
            _judge_history(session, context, desk, controller, told[controller])


def _judge_live(
    session: Session,
    context: Context,
    desk: Desk,
    zone: Zone,
    records: Mapping[Place, dict[str, Any]],
    now: int,
) -> None:
    limits = limits_of(zone)
    row: ZoneWatch | None = None
    watch = Watch()
    for place, record in records.items():
        points = points_of(record, zone.key)
        if not points:
            continue
        if row is None:
            row = desk.row(zone, LIVE)
            watch = watch_of(row)
        if watch.seen > now + points[0].length:
            watch = set_back(watch, min(now, points[0].at))
        before = watch
        watch, found = judge(before, points, limits)
        desk.judged[zone.id, place] = Judged(points, before, watch, found)
        if found:
            row.watch = stored(watch)  # what acts on a finding reads it there
            for finding in _without_passed_holes(found):
                _act(session, context, zone, finding, watch, before)
    if row is not None:
        row.watch = stored(watch)


def _without_passed_holes(found: tuple[Finding, ...]) -> list[Finding]:
    """A hole that the newest minute has already ended is no news: the history run writes it if it is true."""
    whats = [finding.what for finding in found]
    return [finding for finding in found if finding.what != "nodata" or whats.count("nodata") == 1]


def on_gap(
    session: Session, context: Context, device: Controller | None, _record: dict[str, Any], _item: Item
) -> None:
    """Handler of `gap` records: the prefix may go on."""
    if device is not None:
        _judge_history(session, context, Desk.open(session, [device.id]), device.id, {})


def _judge_history(
    session: Session,
    context: Context,
    desk: Desk,
    controller: str,
    known: Mapping[Place, dict[str, Any]],
) -> None:
    """Judges the ledger records that have become contiguous since the last time."""
    zones = [zone for zone in desk.zones[controller] if zone.probes]
    if not zones:
        return
    cursors = [desk.row(zone, HISTORY) for zone in zones]
    watches = [watch_of(cursor) for cursor in cursors]
    limits = [limits_of(zone) for zone in zones]
    epoch, upto = cursors[0].epoch, cursors[0].upto
    for place, record in prefix(session, controller, epoch, upto, desk.ends.get(controller, 0), known):
        epoch, upto = place
        if record["k"] != "r":
            continue
        for at, zone in enumerate(zones):
            live = desk.judged.get((zone.id, place))
            points = live.points if live is not None else points_of(record, zone.key)
            if not points:
                continue
            before = watches[at]
            if before.seen > points[0].at + 2 * points[0].length:
                # In the order of their numbers a period lies before one that is judged: a clock was set back.
                before = set_back(before, points[0].at)
            if live is not None and live.before == before:  # as a rule both runs know the same
                watches[at], found = live.after, live.found
            else:
                watches[at], found = judge(before, points, limits[at])
            for finding in found:
                age = context.clock.now().timestamp() - points[0].at - points[0].length
                found_when = LIVE if age < TRANSPORT_S + 2 * points[0].length else LATER
                _write_excursion(session, context, zone, finding, watches[at], before, found_when)
    if (epoch, upto) == (cursors[0].epoch, cursors[0].upto):
        return
    for cursor, watch in zip(cursors, watches, strict=True):
        cursor.epoch, cursor.upto, cursor.watch = epoch, upto, stored(watch)


def _act(
    session: Session, context: Context, zone: Zone, finding: Finding, watch: Watch, before: Watch
) -> None:
    at = from_unix(finding.at)
    if finding.begins and finding.what == "breach":
        at = from_unix(
            watch.seen
        )  # the excursion began earlier; the alarm begins when it has lasted too long
    if finding.begins and finding.what == "nodata":
        at = from_unix(finding.at + zone.silence_s)
    subject = Subject(zone.controller_id, zone=zone.key)
    if finding.what == "probe":
        subject = Subject(zone.controller_id, zone=zone.key, probe=finding.probe)
        alarms.apply(session, context, Change(rules.PROBE, finding.begins, subject), at, derived=True)
    elif finding.what == "nodata":
        quiet = alarms.find_open(session, rules.LOST, Subject(zone.controller_id)) is not None
        alarms.apply(
            session,
            context,
            Change(rules.NODATA, finding.begins, subject),
            at,
            mailed=not quiet,
            derived=True,
        )
    elif finding.what == "warm":
        alarms.apply(
            session, context, Change(rules.WARM, finding.begins, subject, finding.value), at, derived=True
        )
    elif finding.what == "breach":
        _write_excursion(session, context, zone, finding, watch, before, LIVE)
        if finding.begins:
            alarms.apply(
                session, context, Change(rules.BREACH, True, subject, finding.value), at, derived=True
            )
        else:
            _end_unblocked(session, context, subject, zone)


def _end_unblocked(session: Session, context: Context, subject: Subject, zone: Zone) -> None:
    """A breach that no controller made a block of (a room without doors) ends with the excursion."""
    alarm = alarms.find_open(session, rules.BREACH, subject)
    if alarm is not None and not alarm.block_id:
        back = from_unix(live_watch(session, zone).seen)
        alarms.apply(session, context, Change(rules.BREACH, False, subject), back)


def _write_excursion(
    session: Session,
    context: Context,
    zone: Zone,
    finding: Finding,
    watch: Watch,
    before: Watch,
    found: str,
) -> None:
    kind = {"breach": "temperature", "nodata": "nodata"}.get(finding.what)
    if kind is None:
        return
    session.flush()  # whoever judges a history has autoflush off
    at = from_unix(finding.at)
    known = session.scalars(
        select(Excursion)
        .where(
            Excursion.zone_id == zone.id,
            Excursion.kind == kind,
            Excursion.began_at <= _latest(at, zone, finding),
        )
        .order_by(Excursion.began_at.desc())
        .limit(1)
    ).first()
    if finding.begins:
        if known is not None and (known.ended_at is None or known.ended_at >= at):
            if at < known.began_at:
                known.began_at = at
            return
        excursion = Excursion(
            id=context.ids.new(),
            zone_id=zone.id,
            kind=kind,
            began_at=at,
            peak=finding.value,
            degree_seconds=watch.degree_seconds,
            limits=asdict(limits_of(zone)),
            found=found,
            noted_at=context.clock.now(),
        )
        session.add(excursion)
        audit(
            session,
            context,
            f"device:{zone.controller_id}",
            "excursion.found",
            f"zone:{zone.controller_id}/{zone.key}",
            {"kind": kind, "began": at.isoformat(), "found": found, "peak": finding.value},
        )
        session.flush()
    elif known is not None and known.ended_at != at:
        known.ended_at = at
        known.peak = finding.value or known.peak
        known.degree_seconds = max(known.degree_seconds, before.degree_seconds)


def _latest(at: datetime, zone: Zone, finding: Finding) -> datetime:
    """The same run may have been noticed later by the live judge, at most one delay after its true start."""
    return at + timedelta(seconds=zone.delay_s) if finding.begins else at


def check_silence(session: Session, context: Context, _subject: str = "") -> None:
    """Timer: zones whose controller has said nothing for longer than the zone's silence have no data. A zone
    that never had a temperature is watched from the first look at which its controller has been there.
    """
    now = int(context.clock.now().timestamp())
    for zone in session.scalars(select(Zone)).all():
        if not zone.probes:
            continue
        controller = session.get_one(Controller, zone.controller_id)
        row = session.get(ZoneWatch, (zone.id, LIVE))
        if not watch_of(row).seen and controller.presence not in ("unknown", REVOKED):
            row = expect(session, zone, now)
        if row is None:
            continue
        period = int(controller.setup.get("period_s", 60))
        before = watch_of(row)
        ahead = max(before.seen, before.expected) > now + period
        if ahead:
            before = set_back(before, now)
        watch, found = silence(before, now - period - TRANSPORT_S, limits_of(zone))
        if found and (spoken := _spoken_again(session, zone)) > max(before.seen, before.expected):
            # A clock was set back in between: silent since then, not since the time it was set to.
            watch, found = silence(
                replace(before, seen=spoken, expected=0), now - period - TRANSPORT_S, limits_of(zone)
            )
            ahead = True
        if found or ahead:
            row.watch = stored(watch)
            for finding in found:
                _act(session, context, zone, finding, watch, before)


def expect(session: Session, zone: Zone, now: int) -> ZoneWatch:
    """The live watch of a zone, which waits for a temperature since `now` (Unix s) if it knows of none."""
    row = session.get(ZoneWatch, (zone.id, LIVE))
    if row is None:
        row = ZoneWatch(zone_id=zone.id, run=LIVE, watch={}, epoch="", upto=0)
        session.add(row)
    watch = watch_of(row)
    if not watch.seen and not watch.expected:
        row.watch = stored(replace(watch, expected=now))
    return row


def expect_all(session: Session, controller_id: str, now: int) -> None:
    """After a restore nobody knows what came into service in the lost days: each zone with probes has to be
    heard, from `now` (Unix s) on.
    """
    for zone in session.scalars(select(Zone).where(Zone.controller_id == controller_id).order_by(Zone.id)):
        if zone.probes:
            expect(session, zone, now)


def _spoken_again(session: Session, zone: Zone) -> int:
    """When the zone's last silence was over, Unix seconds; 0 if it never was."""
    over = session.scalar(
        select(func.max(Alarm.over_at)).where(
            Alarm.controller_id == zone.controller_id,
            Alarm.zone_key == zone.key,
            Alarm.kind == rules.NODATA,
        )
    )
    return int(over.timestamp()) if over is not None else 0


def is_breached(session: Session, zone: Zone) -> bool:
    """True while a zone may take no goods: an excursion goes on, or a breach or no-data alarm is open."""
    going_on = session.scalar(
        select(Excursion.id).where(Excursion.zone_id == zone.id, Excursion.ended_at.is_(None)).limit(1)
    )
    if going_on is not None:
        return True
    alarm = session.scalar(
        select(Alarm.id)
        .where(
            Alarm.controller_id == zone.controller_id,
            Alarm.zone_key == zone.key,
            Alarm.kind.in_((rules.BREACH, rules.NODATA)),
            Alarm.closed_at.is_(None),
        )
        .limit(1)
    )
    return alarm is not None


def excursions(session: Session, zone: Zone, limit: int = 50) -> list[Excursion]:
    """A zone's excursions, newest first."""
    found = session.scalars(
        select(Excursion).where(Excursion.zone_id == zone.id).order_by(Excursion.began_at.desc()).limit(limit)
    )
    return list(found)
