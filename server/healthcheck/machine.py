"""Checks of the machine the server runs on: its disk, clock, SQLite, and who can read the data key."""

from pathlib import Path

from server.foundation.database import sqlite_module, wal_is_safe
from server.foundation.settings import Settings
from server.healthcheck import host
from server.healthcheck.check import BAD, OK, WARN, Check
from server.healthcheck.check import message as _

_LITTLE_MB = 200
"""A day or two of a large platform's rows, and room to make a backup smaller than the database."""
_LOW_MB = 2_000


def folder_of_data(settings: Settings) -> Path:
    """Where the server writes: beside a SQLite file, else beside the data key."""
    prefix = "sqlite:///"
    if settings.database_url.startswith(prefix):
        return Path(settings.database_url.removeprefix(prefix)).parent
    return Path(settings.data_key_file).parent


def disk(settings: Settings) -> Check:
    """Free space where the server writes."""
    title = _("Place sur le disque")
    folder = folder_of_data(settings)
    if not folder.is_dir():
        said = _("le dossier des données n'est pas là")
        return Check("disk", title, BAD, said, _("Vérifiez database_url et data_key_file."))
    found = host.disk(folder)
    values = {"free": found.free_mb, "total": found.total_mb}
    said = _("%(free)s Mo libres sur %(total)s")
    advice = _("Faites de la place : sans elle, plus rien n'est pris des passerelles ni des boutiques.")
    if found.free_mb < _LITTLE_MB:
        return Check("disk", title, BAD, said, advice, values)
    if found.free_mb < _LOW_MB:
        return Check("disk", title, WARN, said, advice, values)
    return Check("disk", title, OK, said, "", values)


def clock() -> Check:
    """Whether something keeps the machine's clock right."""
    title = _("Horloge")
    disciplined = host.clock_is_disciplined()
    if disciplined is None:
        return Check("clock", title, OK, _("le système ne dit pas si elle est tenue à l'heure"))
    if disciplined:
        return Check("clock", title, OK, _("tenue à l'heure"))
    return Check(
        "clock",
        title,
        WARN,
        _("rien ne la tient à l'heure"),
        _("Installez systemd-timesyncd ou chrony : les codes, les délais et les relevés s'y fient."),
    )


def sqlite() -> Check:
    """Whether this SQLite can corrupt a store with several connections (sqlite.org/wal.html#walresetbug)."""
    title = _("SQLite")
    module = sqlite_module()
    values = {"version": module.sqlite_version}
    if wal_is_safe(module.sqlite_version_info):
        return Check("sqlite", title, OK, _("version %(version)s"), "", values)
    return Check(
        "sqlite",
        title,
        WARN,
        _("version %(version)s : son journal WAL peut se corrompre, l'ancien journal est pris, plus lent"),
        _("Prenez un Python pour lequel pysqlite3 existe, ou SQLite 3.51.3 ou plus récent."),
        values,
    )


def data_key(settings: Settings) -> Check:
    """Whether the key that opens every live code is there, and its owner's alone."""
    title = _("Clé des données")
    mode = host.mode_of(Path(settings.data_key_file))
    if mode is None:
        return Check(
            "data-key",
            title,
            BAD,
            _("elle n'est pas là"),
            _("Remettez celle de la sauvegarde : sans elle aucun code vivant ne peut être relu."),
        )
    values = {"mode": f"{mode:o}"}
    if mode & 0o077:
        return Check(
            "data-key",
            title,
            BAD,
            _("d'autres que son propriétaire peuvent la lire (mode %(mode)s)"),
            _("chmod 600, et demandez-vous qui l'a lue."),
            values,
        )
    return Check("data-key", title, OK, _("à son propriétaire seul (mode %(mode)s)"), "", values)
