"""Checks of what the server does by itself: timers, mails, refunds, backups, and what it is paid with."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.foundation import relay
from server.foundation.audit import AuditEntry
from server.foundation.errors import ConfigurationError
from server.foundation.outbox import OutboxMail
from server.foundation.settings import Settings
from server.foundation.timers import Timer
from server.healthcheck import host
from server.healthcheck.check import BAD, OK, WARN, Check
from server.healthcheck.check import message as _
from server.payments import states
from server.payments.models import Refund

BACKUP = "backup"
"""The audit's subject of backups that were verified."""

_LATE = timedelta(minutes=5)
_MAIL_WAITS = timedelta(minutes=10)
_REFUND_WAITS = timedelta(hours=1)
_BACKUP_AGE = timedelta(hours=36)


def running(state: str) -> Check:
    """The server's process and its background thread; `state` is one of `host`'s words."""
    title = _("Le serveur")
    if state == host.RUNS:
        return Check("running", title, OK, _("tourne, et son fil d'arrière-plan aussi"))
    if state == host.STANDS:
        return Check(
            "running",
            title,
            BAD,
            _("répond, mais minuteries, courriels et remboursements sont à l'arrêt"),
            _("Redémarrez-le (systemctl restart loquet-server) et lisez son journal."),
        )
    return Check(
        "running",
        title,
        BAD,
        _("ne répond pas"),
        _("Démarrez-le (systemctl start loquet-server) et lisez son journal."),
    )


def timers(session: Session, now: datetime) -> Check:
    """What was due and is still not done."""
    title = _("Minuteries")
    oldest, count = session.execute(
        select(func.min(Timer.due_at), func.count()).where(Timer.due_at < now - _LATE)
    ).one()
    if not count:
        return Check("timers", title, OK, _("à l'heure"))
    return Check(
        "timers",
        title,
        WARN,
        _("%(count)s en retard, la plus vieille de %(late)s"),
        _("Lisez le journal du serveur : il dit ce qui échoue."),
        {"count": count, "late": now - oldest},
    )


def outbox(session: Session, settings: Settings, now: datetime) -> Check:
    """Mails that wait."""
    title = _("Courriels")
    # The key is the number of the audit line that asked for the mail, so its moment is when it began to wait.
    oldest, count = session.execute(
        select(func.min(AuditEntry.at), func.count())
        .select_from(OutboxMail)
        .join(AuditEntry, AuditEntry.id == OutboxMail.audit_id)
        .where(OutboxMail.sent_at.is_(None), OutboxMail.sealed.is_not(None))
    ).one()
    if not settings.smtp:
        return Check(
            "outbox",
            title,
            WARN,
            _("pas de relais : %(count)s attendent"),
            _("Indiquez smtp dans les réglages : sans courriel, personne ne reçoit son code ni une alarme."),
            {"count": count},
        )
    waits = now - oldest if count else timedelta()
    values = {"count": count, "age": waits}
    if waits > _MAIL_WAITS:
        return Check(
            "outbox",
            title,
            BAD,
            _("%(count)s attendent, le plus vieux depuis %(age)s"),
            _("Le relais ne les prend pas : ./loquet doctor server dit ce qu'il répond."),
            values,
        )
    return Check("outbox", title, OK, _("%(count)s en attente"), "", values)


def relay_answers(settings: Settings) -> Check:
    """The relay itself: spoken to, encrypted and logged in to as the settings say. Takes seconds if it is
    away."""
    title = _("Relais de courriel")
    if not settings.smtp:
        said = _("aucun dans les réglages")
        return Check("relay", title, WARN, said, _("Indiquez smtp dans les réglages."))
    values: dict[str, object] = {"relay": settings.smtp, "tls": settings.smtp_tls}
    try:
        with relay.connect(settings, timeout=host.PATIENCE_S):
            return Check("relay", title, OK, _("%(relay)s répond (%(tls)s)"), "", values)
    except ConfigurationError:
        said = _("le fichier de son mot de passe ne peut pas être lu")
        return Check("relay", title, BAD, said, _("Vérifiez smtp_password_file, son contenu et son mode."))
    except OSError as error:
        values["error"] = type(error).__name__
        return Check(
            "relay",
            title,
            BAD,
            _("%(relay)s ne répond pas comme il faut (%(tls)s) : %(error)s"),
            _("Vérifiez smtp, smtp_tls, le nom du certificat et le mot de passe."),
            values,
        )


def given_up(session: Session) -> Check:
    """Mails that nobody took."""
    title = _("Courriels refusés")
    count = session.scalar(
        select(func.count())
        .select_from(OutboxMail)
        .where(OutboxMail.sent_at.is_(None), OutboxMail.sealed.is_(None))
    )
    if not count:
        return Check("mails-given-up", title, OK, _("aucun"))
    return Check(
        "mails-given-up",
        title,
        WARN,
        _("%(count)s que le relais a refusés jusqu'au bout"),
        _("La page Santé dit à qui : prévenez ces personnes autrement."),
        {"count": count},
    )


def refunds(session: Session, now: datetime) -> Check:
    """Money that should have gone back by now."""
    title = _("Remboursements")
    oldest, count = session.execute(
        select(func.min(Refund.created_at), func.count()).where(
            Refund.state == states.DUE, Refund.created_at < now - _REFUND_WAITS
        )
    ).one()
    if not count:
        return Check("refunds", title, OK, _("aucun en retard"))
    return Check(
        "refunds",
        title,
        BAD,
        _("%(count)s dus, le plus vieux depuis %(age)s"),
        _("Le prestataire de paiement ne les prend pas : voyez chez lui, puis remboursez à la main."),
        {"count": count, "age": now - oldest},
    )


def payments(settings: Settings) -> Check:
    """That nobody mistakes the test provider for money."""
    title = _("Paiement")
    if not settings.webhook_secret:
        return Check(
            "payments",
            title,
            WARN,
            _("aucun prestataire : les commandes ne peuvent pas être payées"),
            _("Le seul livré est celui d'essai : webhook_secret l'allume."),
        )
    if settings.base_url.startswith("https:"):
        return Check(
            "payments",
            title,
            WARN,
            _("prestataire d'essai : qui ouvre sa page « paie » sans argent"),
            _("Ne vendez rien avec lui ; videz webhook_secret pour l'éteindre."),
        )
    return Check("payments", title, OK, _("prestataire d'essai"))


def backup(session: Session, now: datetime) -> Check:
    """When the last backup was made and found whole."""
    title = _("Sauvegarde")
    last = session.scalar(select(func.max(AuditEntry.id)).where(AuditEntry.subject == BACKUP))
    advice = _("./loquet backup, chaque jour : un minuteur systemd est livré.")
    if last is None:
        return Check("backup", title, WARN, _("jamais faite, ou jamais vérifiée"), advice)
    values = {"age": now - session.get_one(AuditEntry, last).at}
    if values["age"] > _BACKUP_AGE:
        return Check("backup", title, WARN, _("la dernière a %(age)s"), advice, values)
    return Check("backup", title, OK, _("la dernière a %(age)s, et a été relue"), "", values)
