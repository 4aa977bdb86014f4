"""Rows by minute that are older than the settings keep them go, in bounded bites; their hours and days stay.

The ledger has every minute for ever, chained, and is what the law's year of temperatures lies in (Reg. (EC)
37/2005: at least one, three are customary). The rows by minute are only what charts of single days are drawn
from: of days older than that they are drawn by hours (`chartdata.window`).
"""

import logging
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, or_, select
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.lockers.models import Zone
from server.telemetry.models import LedgerHead, Reading, ReadingDay, ReadingHour
from server.telemetry.rollups import DAY, HOUR

log = logging.getLogger(__name__)

TIMER = "telemetry.prune"
EVERY_S = 300
AT_ONCE = 5000
"""Rows of one transaction, some tens of milliseconds: with its period more than a million a day, what seven
hundred zones of one probe tell."""


def prune(session: Session, context: Context, _subject: str = "") -> None:
    """Timer. A controller whose views are being made anew keeps all of them meanwhile."""
    cutoff = int(context.clock.now().timestamp()) - context.settings.minutes_kept_days * DAY
    cutoff -= cutoff % DAY
    zones = session.scalars(
        select(Zone.id)
        .join(LedgerHead, LedgerHead.controller_id == Zone.controller_id)
        .where(LedgerHead.shown == LedgerHead.position)
        .order_by(Zone.id)
    ).all()
    left = AT_ONCE
    for zone in zones:
        left -= _bite(session, zone, cutoff, left)
        if left <= 0:
            return


def _bite(session: Session, zone: int, cutoff: int, most: int) -> int:
    """Removes about `most` of a zone's oldest rows before `cutoff` and returns how many went."""
    old = select(Reading.at).where(Reading.zone_id == zone, Reading.at < cutoff).order_by(Reading.at)
    if session.scalar(old.limit(1)) is None:
        return 0
    end = session.scalar(old.offset(most).limit(1)) or cutoff
    gone = cast(
        "CursorResult[Any]",
        session.execute(
            delete(Reading)
            .where(Reading.zone_id == zone, Reading.at < end, _is_summed())
            .execution_options(synchronize_session=False)
        ),
    ).rowcount
    if not gone:
        log.warning("old minutes of zone %s are in no hour and stay: rebuild-telemetry sums them anew", zone)
    return gone


def _is_summed() -> ColumnElement[bool]:
    """Whether a minute is in its hour and its day; one without a temperature is in none."""
    hour, day = (
        exists().where(
            table.zone_id == Reading.zone_id,
            table.probe == Reading.probe,
            start == Reading.at - Reading.at % length,
        )
        for table, start, length in (
            (ReadingHour, ReadingHour.hour, HOUR),
            (ReadingDay, ReadingDay.day, DAY),
        )
    )
    return or_(Reading.samples <= 0, and_(hour, day))
