"""Alarms about a site's gateway, by what the server knows of it: two that bear one identity, and the server's
own certificate, of which gateways tell until when it is good. A timer looks; nobody sends a record of them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms import rules
from server.alarms.models import Alarm
from server.alarms.rules import Change, Subject
from server.alarms.service import apply
from server.foundation.clock import from_unix
from server.foundation.context import Context
from server.gateways import fence
from server.gateways.models import Gateway

TIMER = "alarms.gateways"
EVERY_S = 30

ENDS_SOON = timedelta(days=21)
"""Whoever renews by itself (certbot, Caddy) does so 30 days before the end."""

_LATEST = 253_402_300_799
"""The end of the year 9999, after which nothing has a date."""


def look(session: Session, context: Context, _subject: str = "") -> None:
    """Timer."""
    now = context.clock.now()
    gateways = session.scalars(select(Gateway).order_by(Gateway.site_id)).all()
    for gateway in gateways:
        if gateway.fenced_at is None:
            continue
        subject = Subject("", site=gateway.site_id)
        twice = fence.is_fenced(gateway, now)
        apply(session, context, Change(rules.TWO_GATEWAYS, twice, subject), gateway.fenced_at)
    _certificate(session, context, gateways, now)


def certificate_end(gateway: Gateway) -> datetime | None:
    """Until when the server's certificate is good, by this gateway's last document; None if it says nothing
    that could be a time."""
    said = (gateway.health or {}).get("cert")
    if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said <= _LATEST:
        return None
    return from_unix(said)


def _certificate(session: Session, context: Context, gateways: Sequence[Gateway], now: datetime) -> None:
    """It is one certificate, whoever sees it: the newest word counts, and one alarm stands for all sites."""
    told = [
        (gateway.health_at, gateway.site_id, end)
        for gateway in gateways
        if gateway.health_at is not None and (end := certificate_end(gateway)) is not None
    ]
    if not told:
        return
    _, site_id, end = max(told)
    alarm = session.scalars(
        select(Alarm).where(Alarm.kind == rules.CERTIFICATE, Alarm.closed_at.is_(None))
    ).one_or_none()
    subject = Subject("", site=alarm.site_id if alarm is not None and alarm.site_id else site_id)
    ends = end - now < ENDS_SOON
    apply(session, context, Change(rules.CERTIFICATE, ends, subject, int(end.timestamp())), now)
