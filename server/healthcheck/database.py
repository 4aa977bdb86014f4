"""Checks of the database: that it answers, which it is, its revision; thoroughly, its file and chains."""

from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.foundation import audit
from server.foundation.context import Context
from server.foundation.migrate import Standing, newest, standing_of
from server.healthcheck.check import BAD, OK, Check
from server.healthcheck.check import message as _
from server.telemetry import chartdata
from server.telemetry.models import LedgerHead

_TITLE = _("Base de données")
_ADVICE = {
    Standing.EMPTY: _("Lancez ./loquet server setup."),
    Standing.OLDER: _("Lancez ./loquet server upgrade."),
    Standing.NEWER: _("Ce programme est plus ancien que sa base : mettez le programme à jour, pas la base."),
}


def database(context: Context) -> Check:
    """Kind, version and revision. BAD: nothing else can be asked of it."""
    url = context.store.reader.url
    if context.store.is_sqlite and url.database and not Path(url.database).is_file():  # looking would make it
        return Check(
            "database",
            _TITLE,
            BAD,
            _("pas de fichier %(file)s"),
            _("Lancez ./loquet server setup, ou corrigez database_url."),
            {"file": url.database},
        )
    try:
        with context.store.reader.connect() as connection:
            dialect = connection.dialect
            version = ".".join(map(str, dialect.server_version_info or ()))
            revision = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        return Check(
            "database",
            _TITLE,
            BAD,
            _("ne répond pas (%(error)s)"),
            _("Vérifiez database_url, que le serveur de base tourne et que le fichier est lisible."),
            {"error": type(error).__name__},
        )
    values = {"kind": dialect.name, "version": version, "revision": revision or "-", "head": newest()}
    stands = standing_of(revision)
    if stands is not Standing.CURRENT:
        return Check(
            "database",
            _TITLE,
            BAD,
            _("%(kind)s %(version)s, révision %(revision)s au lieu de %(head)s"),
            _ADVICE[stands],
            values,
        )
    return Check("database", _TITLE, OK, _("%(kind)s %(version)s, révision %(revision)s"), "", values)


def integrity(context: Context) -> Check | None:
    """SQLite's own look at its pages (`quick_check`); None for databases that look after themselves."""
    with context.store.reader.connect() as connection:
        if connection.dialect.name != "sqlite":
            return None
        found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    title = _("Fichier de la base")
    if found == "ok":
        return Check("integrity", title, OK, _("intact"))
    return Check(
        "integrity",
        title,
        BAD,
        _("abîmé : %(found)s"),
        _("Arrêtez le serveur, gardez le fichier, et restaurez la dernière sauvegarde."),
        {"found": found[:120]},
    )


def broken_chains(session: Session) -> list[str]:
    """What is wrong with the audit and with each controller's ledger, one sentence each, recomputed from
    their first lines."""
    controllers = session.scalars(select(LedgerHead.controller_id).order_by(LedgerHead.controller_id)).all()
    found = [audit.verify(session), *(chartdata.verify(session, each) for each in controllers)]
    return [sentence for sentence in found if sentence]


def chains(session: Session) -> Check:
    """The chained registers, recomputed: takes seconds for each million of lines."""
    title = _("Registres enchaînés")
    broken = broken_chains(session)
    if not broken:
        return Check("chains", title, OK, _("intacts, recalculés depuis leur première ligne"))
    return Check(
        "chains",
        title,
        BAD,
        _("rompus : %(first)s (%(count)s en tout)"),
        _("Quelqu'un ou quelque chose a changé des lignes : comparez avec les sauvegardes."),
        {"first": broken[0], "count": len(broken)},
    )
