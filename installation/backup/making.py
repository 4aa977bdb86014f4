"""`./loquet backup DIR`: copy, pack, read back, restore into a scratch database, recompute; only then it
counts, is noted in the audit, and old ones may go."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from installation.backup import archive, copying, facts, passwords, scratch
from installation.backup.archive import Manifest
from installation.backup.facts import RehearsalError
from installation.errors import InstallationError
from server.foundation import migrate
from server.foundation.audit import record
from server.foundation.clock import Clock, SystemClock
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.ids import Ids
from server.foundation.settings import Settings, read_or_make_key
from server.foundation.vault import Vault
from server.healthcheck.work import BACKUP

_PREFIX = "loquet-"


@dataclass(frozen=True)
class Sources:
    """What is backed up: the server's settings and their file; the site file and the secrets' file, if they
    are there; and whether secrets go into the same archive."""

    settings: Settings
    config: Path
    site: Path
    secrets: Path
    with_secrets: bool


def back_up(sources: Sources, folder: Path, keep: int, clock: Clock | None = None) -> Iterator[str]:
    """Makes a backup in `folder` and yields lines about it. Raises InstallationError; then there is none."""
    clock = clock or SystemClock()
    _refuse_closed(folder)
    yield from scratch.sweep(folder)
    if not Path(sources.settings.data_key_file).is_file():
        raise InstallationError(f"there is no data key {sources.settings.data_key_file}: is this the server?")
    vault = Vault(read_or_make_key(Path(sources.settings.data_key_file)))
    store = Store(sources.settings.database_url)
    try:
        target = folder / f"{_PREFIX}{clock.now():%Y%m%dT%H%M%SZ}{archive.SUFFIX}"
        with scratch.made(folder, scratch.BACKUP) as room:
            manifest = _gather(sources, store, vault, clock, room / "made")
            packed = room / target.name
            archive.write(packed, room / "made")
            try:
                _verify(packed, manifest, room / "read")
            except RehearsalError:
                packed.replace(target)
                yield f"{target} is a good backup of a database that this program can't use"
                raise
            packed.replace(target)  # only now it has the name of a backup
        if migrate.is_current(store):
            context = Context(sources.settings, store, clock, Ids(clock), vault)
            with store.write() as session:
                note(session, context, target.name)
    finally:
        store.close()
    held = manifest.facts
    yield f"{target}  {target.stat().st_size / 1000:.0f} kB, mode 0600"
    yield (
        f"read back and restored: {manifest.kind}, revision {held.revision}, {sum(held.rows.values())} rows"
        f" in {len(held.rows)} tables, audit of {held.audit[0]} lines and {len(held.ledgers)} ledgers whole"
    )
    yield from _about_secrets(sources, manifest)
    yield from _forget(folder, keep, target)


def _refuse_closed(folder: Path) -> None:
    try:
        if not folder.is_dir():
            raise InstallationError(f"there is no folder {folder}")
        with scratch.made(folder, scratch.BACKUP):
            return
    except OSError as error:
        raise InstallationError(
            f"{folder} can't be written by the server's own user, as whom backups are made: {error.strerror}"
        ) from error


def note(session: Session, context: Context, name: str) -> None:
    """Writes into the audit that what the database holds is in a verified archive: health tells its age."""
    record(session, context, "system", "server.backed-up", BACKUP, {"file": name})


def _gather(sources: Sources, store: Store, vault: Vault, clock: Clock, into: Path) -> Manifest:
    into.mkdir()
    made_at = clock.now().isoformat(timespec="seconds")
    database = into / archive.DATABASE
    copying.copy(store, database)
    files = secret_files(sources)
    manifest = Manifest(
        made_at,
        "SQLite" if store.is_sqlite else "PostgreSQL",
        key_mark(vault),
        facts.facts_of(database),
        [str(path) for path in files.values()],
    )
    (into / archive.MANIFEST).write_text(manifest.text(), encoding="utf-8")
    # Of the settings file the archive has what can be shown; the file itself is among the secrets.
    shown = sources.settings.model_dump(exclude={"webhook_secret", "database_url"})
    lines = "".join(f"# {name} = {value!r}\n" for name, value in shown.items())
    (into / "settings.txt").write_text(lines, encoding="utf-8")
    if sources.site.is_file():
        (into / "site.toml").write_bytes(sources.site.read_bytes())
    if sources.with_secrets:
        (into / archive.SECRETS).mkdir()
        for name, path in files.items():
            (into / archive.SECRETS / name).write_bytes(path.read_bytes())
    return manifest


def secret_files(sources: Sources) -> dict[str, Path]:
    """The files that a restore needs beside the archive, by their name in it; those that exist."""
    settings = sources.settings
    named = {
        "data.key": settings.data_key_file,
        "server.toml": str(sources.config),
        "secrets.json": str(sources.secrets),
        **{name: str(getattr(settings, key)) for name, key in passwords.NAMED.items()},
    }
    beside = sources.config.parent
    return {name: beside / path for name, path in named.items() if path and (beside / path).is_file()}


def key_mark(vault: Vault) -> str:
    """By which a data key is recognised: a MAC under a key derived from it, which leads back to neither."""
    return vault.mac("backup", "which data key").hex()[:16]


def _verify(target: Path, manifest: Manifest, folder: Path) -> None:
    folder.mkdir()
    read = archive.unpack(target, folder)
    if read != manifest:
        raise InstallationError(f"{target} does not read back as it was written")
    found = facts.faults(folder / archive.DATABASE, manifest.facts)
    if found:
        raise InstallationError(f"the backup is not good, and is thrown away: {'; '.join(found)}")


def _about_secrets(sources: Sources, manifest: Manifest) -> Iterator[str]:
    if sources.with_secrets:
        yield "it holds every secret: whoever has this file has every live code. Encrypt it before it travels"
        return
    yield "it needs, and does not hold (keep them elsewhere; the database and data.key never together):"
    for path in manifest.secrets:
        yield f"  {path}"


def _forget(folder: Path, keep: int, newest: Path) -> Iterator[str]:
    """Old backups beyond `keep`; 0 keeps all."""
    made = sorted(folder.glob(f"{_PREFIX}*{archive.SUFFIX}"))
    for old in made[:-keep] if keep else []:
        if old != newest:
            old.unlink()
            yield f"{old} went: {keep} are kept"
