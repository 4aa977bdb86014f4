"""Alarms as cards."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from server.alarms import rules, texts
from server.alarms import service as alarms
from server.alarms.models import Alarm
from server.alarms.service import LATE
from server.locales import translate
from server.locales.formats import degrees
from server.lockers import blocks as lockers_blocks
from server.pages import words
from server.pages.views.doors import BlockView, block_view
from server.pages.words import Look


@dataclass(frozen=True, slots=True)
class AlarmCard:
    """An alarm in words: what, where, since when, what to do, who took note."""

    id: str
    kind: str
    device: str
    zone_key: str
    door: int
    urgency: str
    state: str
    closed: bool
    look: Look
    title: str
    place: str
    site: str
    advice: str
    value: str
    opened_at: datetime
    noted_at: datetime
    late: bool
    over_at: datetime | None
    acknowledged_by: str
    acknowledged_at: datetime | None
    comment: str
    block: BlockView | None


def card(session: Session, alarm: Alarm, language: str) -> AlarmCard:
    """One alarm."""
    rule = rules.RULES[alarm.kind]
    where = alarms.where(session, alarm)
    closed = alarm.closed_at is not None
    acknowledged = alarm.acknowledged_at is not None
    look = words.URGENCY[rule.urgency]
    word = translate(language, look.word)
    if closed:
        look, word = Look(words.GOOD, "check", ""), translate(language, "close")
    elif acknowledged:
        look, word = Look(words.INFO, "clock", ""), translate(language, "acquittée, pas finie")
    block = None
    if alarm.controller_id is not None and alarm.block_id and not closed:
        found = lockers_blocks.find(session, alarm.controller_id, alarm.block_id)
        if found is not None and found.released_at is None:
            block = block_view(session, found, language)
    return AlarmCard(
        id=alarm.id,
        kind=alarm.kind,
        device=alarm.controller_id or "",
        zone_key=alarm.zone_key,
        door=alarm.door,
        urgency=rule.urgency,
        state="closed" if closed else "acknowledged" if acknowledged else "open",
        closed=closed,
        look=Look(look.tone, look.icon, word),
        title=translate(language, rule.title),
        place=texts.place(language, alarm, where),
        site=where.site.name,
        advice=translate(language, rule.advice),
        value=degrees(alarm.value, language)
        if alarm.value is not None and alarm.kind in texts.VALUED
        else texts.until(language, alarm, where),
        opened_at=alarm.opened_at,
        noted_at=alarm.noted_at,
        late=alarm.noted_at - alarm.opened_at > LATE,
        over_at=alarm.over_at,
        acknowledged_by=alarm.acknowledged_by,
        acknowledged_at=alarm.acknowledged_at,
        comment=alarm.comment,
        block=block,
    )
