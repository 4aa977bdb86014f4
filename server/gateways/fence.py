"""Two gateways with one identity (a copied card, a spare box started beside the old one) are told apart by
the number that each of their processes draws at its start: the one that began last speaks, an earlier one
that speaks again is refused.

Without this their numbers would mix: what the second sends under numbers that the first has used would be
taken for known, acknowledged and lost.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.foundation import audit
from server.foundation.context import Context
from server.gateways.models import Gateway

KEPT_RUNS = 20
SETTLED = timedelta(minutes=15)
"""One that is refused asks again after half a minute at most; of one that was silent for so long it is
believed that somebody has switched it off, or restarted it."""
_TO_THE_MINUTE = timedelta(minutes=1)
"""What is refused again and again costs one write in so long."""


def admit(session: Session, context: Context, site_id: str, run: str) -> bool:
    """Whether the process `run` may speak for its site: it is the one that does, or it has just begun. One
    that another has taken the place of may not; an alarm tells
    managers (`server.alarms.gateways`)."""
    gateway = session.get_one(Gateway, site_id, with_for_update=True, populate_existing=True)
    if gateway.run == run:
        return True
    past = gateway.past_runs or []
    if run not in past:
        gateway.past_runs = ([gateway.run] if gateway.run is not None else []) + past[: KEPT_RUNS - 1]
        gateway.run = run
        return True
    now = context.clock.now()
    if not is_fenced(gateway, now):
        audit.record(session, context, "system", "gateway.fenced", f"gateway:{site_id}", {"run": run})
    if gateway.fenced_at is None or gateway.fenced_run != run or now - gateway.fenced_at >= _TO_THE_MINUTE:
        gateway.fenced_at, gateway.fenced_run = now, run
    return False


def is_fenced(gateway: Gateway, now: datetime) -> bool:
    """Whether one that another has taken the place of still speaks for this site."""
    return gateway.fenced_at is not None and now - gateway.fenced_at < SETTLED
