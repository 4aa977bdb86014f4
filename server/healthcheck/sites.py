"""Checks of each site's gateway, by its last word and its last health document (R-04)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alarms.gateways import ENDS_SOON, certificate_end
from server.gateways import fence
from server.gateways.models import DeadLetter, Gateway
from server.healthcheck.check import BAD, OK, WARN, Check
from server.healthcheck.check import message as _

QUIET = timedelta(minutes=2)
"""A gateway's question for news waits 55 s at most."""
_QUEUE_AGE_S = 600
_LOW_MB = 500
_PUT_ASIDE = timedelta(days=1)


def _number(document: Mapping[str, object], *path: str) -> int:
    """A count in a gateway's document, which we do not trust to have the agreed shape; 0 if it is not one."""
    found: object = document
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _gateway(gateway: Gateway, now: datetime) -> Check:
    name, title = f"gateway:{gateway.site_id}", _("Passerelle %(site)s")
    values: dict[str, object] = {"site": gateway.site_id}
    if gateway.heard_at is None:
        said = _("jamais entendue")
        return Check(name, title, WARN, said, _("Installez-la, avec le jeton de secrets.json."), values)
    values["age"] = now - gateway.heard_at
    if now - gateway.heard_at > QUIET:
        return Check(
            name,
            title,
            BAD,
            _("silencieuse depuis %(age)s"),
            _("Les portes s'ouvrent quand même. Vérifiez son courant, sa liaison ; là-bas, ./loquet doctor."),
            values,
        )
    document = gateway.health or {}
    lanes = document.get("lanes")
    depths = lanes.values() if isinstance(lanes, Mapping) else ()
    oldest = max((_number(lane, "age") for lane in depths if isinstance(lane, Mapping)), default=0)
    values["queue"] = timedelta(seconds=oldest)
    if oldest > _QUEUE_AGE_S:
        said = _("entendue il y a %(age)s, mais sa file a %(queue)s de retard")
        return Check(
            name, title, WARN, said, _("Elle rattrape ; si cela dure, sa liaison est trop lente."), values
        )
    if "free_mb" in document and _number(document, "free_mb") < _LOW_MB:
        values["free"] = _number(document, "free_mb")
        said = _("entendue il y a %(age)s ; il lui reste %(free)s Mo de disque")
        return Check(name, title, WARN, said, _("Faites de la place sur son disque."), values)
    if "clock" in document and not _number(document, "clock", "q"):
        said = _("entendue il y a %(age)s ; son horloge n'est pas sûre")
        return Check(
            name,
            title,
            WARN,
            said,
            _("Vérifiez son NTP : elle ne donne pas l'heure aux contrôleurs."),
            values,
        )
    ends = certificate_end(gateway)
    if ends is not None:
        left = ends - now
        values["left"] = left
        if left < ENDS_SOON:
            said = _("entendue il y a %(age)s ; le certificat de ce serveur expire dans %(left)s")
            advice = _("Renouvelez-le : sans lui, aucune passerelle ne parle plus à ce serveur.")
            if left <= timedelta():
                gone = _("entendue il y a %(age)s ; le certificat de ce serveur a expiré")
                return Check(name, title, BAD, gone, advice, values)
            return Check(name, title, BAD if left < timedelta(days=3) else WARN, said, advice, values)
    return Check(name, title, OK, _("entendue il y a %(age)s, rien n'attend"), "", values)


def gateways(session: Session, now: datetime) -> list[Check]:
    """One check a gateway, by site; a second one where two bear one identity."""
    found = []
    for each in session.scalars(select(Gateway).order_by(Gateway.site_id)):
        found.append(_gateway(each, now))
        if fence.is_fenced(each, now):
            found.append(_fenced(each, now))
    return found


def _fenced(gateway: Gateway, now: datetime) -> Check:
    spoke = now - gateway.fenced_at if gateway.fenced_at is not None else timedelta()
    return Check(
        f"gateway-fenced:{gateway.site_id}",
        _("Passerelle %(site)s, en double"),
        BAD,
        _("une boîte démarrée avant celle qui est écoutée parle encore, il y a %(age)s (processus %(run)s)"),
        _(
            "Éteignez celle qui est de trop, puis redémarrez l'autre. Le journal de chaque boîte dit son"
            " processus ; ce que la refusée a gardé arrivera."
        ),
        {"site": gateway.site_id, "age": spoke, "run": (gateway.fenced_run or "-")[:8]},
    )


def dead_letters(session: Session, now: datetime) -> Check:
    """What was put aside as unreadable in the last day."""
    title = _("Mis à part")
    count = session.scalar(
        select(func.count()).select_from(DeadLetter).where(DeadLetter.received_at > now - _PUT_ASIDE)
    )
    if not count:
        return Check("dead-letters", title, OK, _("rien depuis un jour"))
    return Check(
        "dead-letters",
        title,
        WARN,
        _("%(count)s enregistrements illisibles depuis un jour"),
        _("Un contrôleur ou une passerelle parle autrement que ce serveur : comparez leurs versions."),
        {"count": count},
    )
