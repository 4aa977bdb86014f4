"""Two gateways with one identity (a copied card, a spare box started beside the old one) are told apart by
the number that each of their processes draws at its start: the one that began last speaks, an earlier one
that speaks again is refused.

Without this their numbers would mix: what the second sends under numbers that the first has used would be
taken for known, acknowledged and lost.
"""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation import audit
from server.foundation.context import Context
from server.foundation.outbox import send_mail
from server.gateways.models import Gateway
from server.locales import translate
from server.people.models import MANAGER, Person

KEPT_RUNS = 20
TELL_AGAIN = timedelta(hours=12)
"""Managers are mailed once in so long while two of them go on."""


def admit(session: Session, context: Context, site_id: str, run: str) -> bool:
    """Whether the process `run` may speak for its site: it is the one that does, or it has just begun. One
    that another has taken the place of may not; managers are told."""
    gateway = session.get_one(Gateway, site_id, with_for_update=True, populate_existing=True)
    if gateway.run == run:
        return True
    past = gateway.past_runs or []
    if run not in past:
        gateway.past_runs = ([gateway.run] if gateway.run is not None else []) + past[: KEPT_RUNS - 1]
        gateway.run = run
        return True
    now = context.clock.now()
    if gateway.fenced_at is None or now - gateway.fenced_at > TELL_AGAIN:
        audit.record(session, context, "system", "gateway.fenced", f"gateway:{site_id}")
        _tell(session, context, site_id)
        gateway.fenced_at = now
    return False


def _tell(session: Session, context: Context, site_id: str) -> None:
    for person in session.scalars(select(Person).where(Person.role == MANAGER).order_by(Person.email)):
        text = translate(
            person.locale,
            "Deux passerelles se présentent comme celle du site %(site)s : une carte copiée, ou une boîte de "
            "rechange allumée à côté de l'ancienne. Seule la dernière démarrée est écoutée.\n\n"
            "Éteignez celle qui est de trop, puis redémarrez l'autre : ce que celle-ci a gardé arrivera.",
            site=site_id,
        )
        send_mail(
            session,
            context,
            to=person.email,
            subject=translate(person.locale, "Deux passerelles pour le site %(site)s", site=site_id),
            text=f"{text}\n\n{context.settings.base_url}/manager/health\n",
            about=f"gateway:{site_id}",
        )
