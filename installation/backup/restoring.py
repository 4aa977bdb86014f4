"""`./loquet restore FILE`: read, recomputed, migrated and given its new epoch in a scratch database first;
then put in the place of what is there, which is moved aside, never deleted. Killed at any moment it leaves
the old database, none, or the new one with its new epoch: never one that controllers would ignore."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from sqlalchemy import Connection, inspect

from installation.backup import archive, copying, facts, scratch
from installation.backup.archive import Manifest
from installation.backup.making import Sources, key_mark, note
from installation.backup.pour import pour
from installation.errors import InstallationError
from server.foundation import migrate
from server.foundation.clock import SystemClock
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.ids import Ids
from server.foundation.settings import Settings, read_or_make_key
from server.foundation.vault import Vault
from server.gateways.restored import begin_again
from server.healthcheck import host
from server.healthcheck.machine import folder_of_data

KEPT_DAYS = 7
"""How long a gateway keeps what it has delivered (docs/gateway.md)."""


@dataclass(frozen=True)
class _Scratch:
    """The backup, brought to the newest revision and found whole, in a folder of its own."""

    database: Path
    manifest: Manifest
    folder: Path


def restore(file: Path, sources: Sources, *, force: bool) -> Iterator[str]:
    """Puts a backup back and yields lines. Raises InstallationError; until the last step nothing of what is
    there has changed."""
    settings = sources.settings
    if host.running_there(settings) != host.STOPPED:
        raise InstallationError(
            f"something answers on {settings.listen}: systemctl stop loquet-server, then this again"
        )
    place = folder_of_data(settings)
    if not place.is_dir():
        raise InstallationError(f"there is no folder {place}: ./loquet server install makes it")
    yield from scratch.sweep(place)
    with scratch.made(place, scratch.RESTORE) as folder:
        found = _read(file, folder)
        made_at, revision = found.manifest.made_at, found.manifest.facts.revision
        yield f"{file}: of {made_at}, from {found.manifest.kind}, revision {revision}; whole"
        yield from _put_secrets_back(found, sources)
        vault = _right_vault(settings, found.manifest)
        count = _begin_again(found, settings, vault, file.name)
        store = Store(settings.database_url)
        try:
            if store.is_sqlite:
                yield from _place_file(found.database, Path(str(store.reader.url.database)), force=force)
            else:
                yield from _place_rows(found.database, store, force=force)
        finally:
            store.close()
    yield f"new epoch: the documents of {count} controllers begin anew"
    yield from _what_comes_again(found.manifest)


def _read(file: Path, folder: Path) -> _Scratch:
    manifest = archive.unpack(file, folder)
    database = folder / archive.DATABASE
    if not database.is_file():
        raise InstallationError(f"{file} holds no database")
    found = facts.faults(database, manifest.facts)
    if found:
        raise InstallationError(f"{file} is not whole, nothing was changed: {'; '.join(found)}")
    return _Scratch(database, manifest, folder)


def _put_secrets_back(found: _Scratch, sources: Sources) -> Iterator[str]:
    """Of an archive that holds them: the data key and the secrets' file, where there are none (files of
    passwords: `passwords`). Settings stay this machine's own."""
    wanted = {
        "data.key": Path(sources.settings.data_key_file),
        "secrets.json": sources.secrets,
    }
    for name, path in wanted.items():
        kept = found.folder / archive.SECRETS / name
        if kept.is_file() and not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as made:
                made.write(kept.read_bytes())
            yield f"{path} put back from the archive"
    if (found.folder / archive.SECRETS / "server.toml").is_file():
        yield (
            "settings stay this machine's own. Of the archive's server.toml carry over by hand what this one"
            " lacks, such as webhook_secret, or a password within database_url: tar -xzOf ARCHIVE"
            f" {archive.SECRETS}server.toml"
        )


def _right_vault(settings: Settings, manifest: Manifest) -> Vault:
    path = Path(settings.data_key_file)
    if not path.is_file():
        raise InstallationError(
            f"put the backup's data key to {path} first, mode 600: it opens the live codes"
        )
    vault = Vault(read_or_make_key(path))
    if key_mark(vault) != manifest.key:
        raise InstallationError(f"{path} is not the data key of this backup: its codes could not be read")
    return vault


def _begin_again(found: _Scratch, settings: Settings, vault: Vault, name: str) -> int:
    """The new epoch, while nobody can start a server on it yet; returns how many controllers it concerns."""
    store = Store(f"sqlite:///{found.database}")
    try:
        clock = SystemClock()
        context = Context(settings, store, clock, Ids(clock), vault)
        with store.write() as session:
            count = begin_again(session, context)
            note(session, context, name)
    finally:
        store.close()
    with closing(copying.sqlite_connect(found.database)) as made:
        made.execute("PRAGMA journal_mode=DELETE")  # one file, not three
    return count


_PARTS = ("", "-wal", "-shm", "-journal")
"""What a SQLite database consists of. A log that a killed server left, or that stayed when somebody moved the
database away, is replayed into whatever stands there next: it goes with its own."""


def _place_file(made: Path, target: Path, *, force: bool) -> Iterator[str]:
    there = [part for part in _PARTS if _part(target, part).exists()]
    if there and not force:
        raise InstallationError(f"{_part(target, there[0])} is there already: with --force it is moved aside")
    fresh = _part(target, ".new")
    shutil.copyfile(made, fresh)
    fresh.chmod(0o600)
    with fresh.open("rb") as written:
        os.fsync(written.fileno())
    if there:
        aside = _free_name(target)
        for part in there:  # the database first: without it no server starts, without its log one would
            _part(target, part).rename(_part(aside, part))
        yield f"what was there is now {aside}"
    fresh.replace(target)
    yield f"{target} is the backup's database, revision {_revision(made)}"


def _part(database: Path, part: str) -> Path:
    return database.with_name(database.name + part)


def _free_name(target: Path) -> Path:
    number = 1
    while any(
        _part(aside := target.with_name(f"{target.name}.before-restore-{number}"), part).exists()
        for part in _PARTS
    ):
        number += 1
    return aside


def _revision(made: Path) -> str:
    return facts.facts_of(made).revision


def _place_rows(made: Path, store: Store, *, force: bool) -> Iterator[str]:
    """One transaction: either all of it is there or what was."""
    source_store = Store(f"sqlite:///{made}")
    try:
        with store.writer.begin() as target:
            schemas = set(inspect(target).get_schema_names())
            if inspect(target).get_table_names():
                if not force:
                    raise InstallationError("the database is not empty: with --force it is moved aside")
                number = 1
                while (aside := f"before_restore_{number}") in schemas:
                    number += 1
                target.exec_driver_sql(f"ALTER SCHEMA public RENAME TO {aside}")
                target.exec_driver_sql("CREATE SCHEMA public")
                yield f"what was there is now the schema {aside}"
            _migrate(target)
            with source_store.reader.connect() as source:
                counts = pour(source, target)
    finally:
        source_store.close()
    yield f"{sum(counts.values())} rows in {len(counts)} tables are in PostgreSQL, revision {_revision(made)}"


def _migrate(target: Connection) -> None:
    """To the newest revision, within the transaction that also brings the rows."""
    config = migrate.alembic_config()
    config.attributes["connection"] = target
    command.upgrade(config, "head")


def _what_comes_again(manifest: Manifest) -> Iterator[str]:
    """What gateways will send by themselves, and what nobody can."""
    if not manifest.facts.lanes:
        yield "Start the server. No gateway had brought anything yet: they send all they keep."
    else:
        yield f"Start the server. By themselves, gateways then send again (they keep {KEPT_DAYS} days):"
    for name, upto in sorted(manifest.facts.lanes.items()):
        site, _epoch, lane = name.split(" ")
        yield f"  {site}, {lane}: from number {upto + 1} on"
    yield f"What only the server knew since {manifest.made_at} is gone: orders (their codes die when"
    yield "controllers have the restored set), acknowledgements, releases. Compare with the shop's and the"
    yield "payment provider's lists. Doors full without an order stay out of sale until somebody has looked."
