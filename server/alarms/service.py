"""Opens, closes and acknowledges alarms. Each change has its audit line; an opened one mails the managers
once.

Services never commit; the caller's transaction holds the alarm, its audit line and its mails together.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, literal, select
from sqlalchemy.orm import Session

from server.alarms import rules
from server.alarms.models import Alarm
from server.alarms.rules import Change, Subject
from server.alarms.texts import Where, mail_text, title
from server.foundation.audit import AuditEntry
from server.foundation.audit import record as audit
from server.foundation.context import Context
from server.foundation.errors import Conflict, NotFound, Unprocessable
from server.foundation.outbox import send_mail
from server.gateways.dispatch import Item
from server.lockers.models import Controller, Site, Zone
from server.people.logins import Signed
from server.people.models import MANAGER, Person

LATE = timedelta(minutes=10)
"""An alarm that the server learns of this much after it happened says so in its mail."""

LOST_GRACE = timedelta(seconds=60)
"""A controller may be out of reach this long before anybody is mailed; its page says so at once."""


def find_open(session: Session, kind: str, subject: Subject) -> Alarm | None:
    """The open alarm of a kind about a subject."""
    return session.scalars(
        select(Alarm).where(Alarm.kind == kind, *_about(subject), Alarm.closed_at.is_(None))
    ).one_or_none()


def _about(subject: Subject) -> tuple[ColumnElement[bool], ...]:
    if subject.site:
        return (Alarm.site_id == subject.site,)
    return (
        Alarm.controller_id == subject.device,
        Alarm.zone_key == subject.zone,
        Alarm.door == subject.door,
        Alarm.probe == subject.probe,
    )


def apply(
    session: Session,
    context: Context,
    change: Change,
    at: datetime,
    *,
    mailed: bool = True,
    derived: bool = False,
) -> Alarm | None:
    """Opens the alarm, or notes that its cause is over and closes it if its rule says so. Repeats: nothing.

    `derived`: concluded from readings, which arrive after the controller's own word; it opens no alarm for
    a time of which that word has already said that it is over.
    """
    alarm = find_open(session, change.kind, change.subject)
    if change.begins:
        if alarm is not None:
            alarm.over_at = None
            alarm.block_id = alarm.block_id or change.block
            return alarm
        if derived and _was_over(session, change, at):
            return None
        return _open(session, context, change, at, mailed=mailed)
    if alarm is not None and alarm.over_at is None:
        alarm.over_at = at
        _close_if_due(session, context, alarm)
    return alarm


def _was_over(session: Session, change: Change, at: datetime) -> bool:
    found = session.scalar(
        select(Alarm.id)
        .where(Alarm.kind == change.kind, *_about(change.subject), Alarm.over_at >= at)
        .limit(1)
    )
    return found is not None


def _open(session: Session, context: Context, change: Change, at: datetime, *, mailed: bool) -> Alarm:
    subject = change.subject
    alarm = Alarm(
        id=context.ids.new(),
        controller_id=None if subject.site else subject.device,
        site_id=subject.site or None,
        kind=change.kind,
        zone_key=subject.zone,
        door=subject.door,
        probe=subject.probe,
        value=change.value,
        block_id=change.block,
        opened_at=at,
        noted_at=context.clock.now(),
        acknowledged_by="",
        comment="",
    )
    session.add(alarm)
    session.flush()
    audit(
        session,
        context,
        "system" if subject.site else f"device:{subject.device}",
        "alarm.opened",
        f"alarm:{alarm.id}",
        {
            "kind": change.kind,
            "zone": subject.zone,
            "door": subject.door,
            "probe": subject.probe,
            "value": change.value,
            "at": at.isoformat(),
        },
    )
    if mailed and rules.RULES[change.kind].mailed:
        tell_managers(session, context, alarm)
    return alarm


def _close_if_due(session: Session, context: Context, alarm: Alarm) -> None:
    over = alarm.over_at is not None
    if not rules.closes_now(alarm.kind, over=over, acknowledged=alarm.acknowledged_at is not None):
        return
    alarm.closed_at = max(moment for moment in (alarm.over_at, alarm.acknowledged_at) if moment is not None)
    audit(session, context, "system", "alarm.closed", f"alarm:{alarm.id}", {"kind": alarm.kind})


def acknowledge(session: Session, context: Context, alarm_id: str, person: Signed, comment: str) -> Alarm:
    """A named person takes note, with what they saw or did. NotFound, Conflict (already), Unprocessable (no
    comment).
    """
    alarm = session.get(Alarm, alarm_id)
    if alarm is None:
        raise NotFound("There is no such alarm")
    if alarm.acknowledged_at is not None:
        raise Conflict(
            f"{alarm.acknowledged_by} has already acknowledged this alarm", code="acknowledged-already"
        )
    if not comment.strip():
        raise Unprocessable("Say what you saw or did", code="comment-missing")
    alarm.acknowledged_at = context.clock.now()
    alarm.acknowledged_by = person.name
    alarm.comment = comment.strip()
    audit(
        session,
        context,
        person.actor,
        "alarm.acknowledged",
        f"alarm:{alarm.id}",
        {"kind": alarm.kind, "comment": alarm.comment},
    )
    _close_if_due(session, context, alarm)
    return alarm


def where(session: Session, alarm: Alarm) -> Where:
    """The site, controller and zone that an alarm names."""
    if alarm.controller_id is None:
        return Where(session.get_one(Site, alarm.site_id))
    controller = session.get_one(Controller, alarm.controller_id)
    zone = session.scalars(
        select(Zone).where(Zone.controller_id == controller.id, Zone.key == alarm.zone_key)
    ).one_or_none()
    return Where(session.get_one(Site, controller.site_id), controller, zone)


def tell_managers(session: Session, context: Context, alarm: Alarm) -> None:
    """A mail to each manager, in their language: what, where, since when, what to do."""
    found = where(session, alarm)
    late = alarm.noted_at - alarm.opened_at > LATE
    for person in session.scalars(select(Person).where(Person.role == MANAGER).order_by(Person.email)):
        send_mail(
            session,
            context,
            to=person.email,
            subject=title(person.locale, alarm, found),
            text=mail_text(person.locale, alarm, found, link=context.settings.base_url, late=late),
            about=f"alarm:{alarm.id}",
        )


def on_record(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], item: Item
) -> None:
    """Handler of a controller's `alarm`, `block`, `lock`, `door`, `probe` records."""
    if device is None:
        return
    for change in rules.from_record(device.id, record):
        apply(session, context, change, item.at)


def on_release(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], item: Item
) -> None:
    """Handler of `release` records: ends the breach alarm of that block."""
    if device is None:
        return
    held = session.scalars(
        select(Alarm).where(
            Alarm.controller_id == device.id, Alarm.block_id == record["id"], Alarm.closed_at.is_(None)
        )
    )
    for alarm in held.all():
        alarm.over_at = item.at
        _close_if_due(session, context, alarm)


def _is_of_site(session: Session, record: dict[str, Any], item: Item) -> bool:
    """A gateway speaks for the controllers of its own site alone."""
    controller = session.get(Controller, str(record["d"]))
    return controller is not None and controller.site_id == item.site_id


def on_presence(
    session: Session, context: Context, _device: Controller | None, record: dict[str, Any], item: Item
) -> None:
    """Handler of the gateway's `presence` records: a controller of its site that can no longer be reached."""
    if not _is_of_site(session, record, item):
        return
    subject = Subject(str(record["d"]))
    apply(session, context, Change(rules.LOST, record["s"] != "online", subject), item.at, mailed=False)


def tell_lost(session: Session, context: Context, _subject: str = "") -> None:
    """Timer: a controller that is still lost after the grace is mailed about, once; a short drop is not."""
    since = context.clock.now() - LOST_GRACE
    still = session.scalars(
        select(Alarm).where(
            Alarm.kind == rules.LOST,
            Alarm.closed_at.is_(None),
            Alarm.noted_at <= since,
            ~exists().where(
                AuditEntry.subject == literal("alarm:") + Alarm.id, AuditEntry.action == "mail.requested"
            ),
        )
    )
    for alarm in still.all():
        tell_managers(session, context, alarm)


def on_quota(
    session: Session, context: Context, _device: Controller | None, record: dict[str, Any], item: Item
) -> None:
    """Handler of the gateway's `quota` records: a babbling controller of its site."""
    if not _is_of_site(session, record, item):
        return
    change = Change(rules.BABBLING, True, Subject(str(record["d"])), int(record.get("x", 0)))
    apply(session, context, change, item.at)


def open_alarms(session: Session) -> list[Alarm]:
    """Open alarms, the most urgent first, then the newest."""
    rank = {rules.URGENT: 0, rules.HIGH: 1, rules.LOW: 2}
    found = session.scalars(select(Alarm).where(Alarm.closed_at.is_(None)).order_by(Alarm.opened_at.desc()))
    return sorted(found, key=lambda alarm: rank[rules.RULES[alarm.kind].urgency])


def closed_alarms(session: Session, limit: int = 30) -> list[Alarm]:
    """The alarms closed last, newest first."""
    found = session.scalars(
        select(Alarm).where(Alarm.closed_at.is_not(None)).order_by(Alarm.closed_at.desc()).limit(limit)
    )
    return list(found)
