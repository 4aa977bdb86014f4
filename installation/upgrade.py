"""`./loquet server upgrade`: a verified backup, whose restoring has rehearsed the migration; then the
migration itself, in one transaction: one that fails half-way leaves what the old program runs on."""

from collections.abc import Iterator
from pathlib import Path

from installation.backup.copying import revision_of
from installation.backup.making import Sources, back_up, note
from installation.errors import InstallationError
from server import commands
from server.foundation import migrate
from server.foundation.clock import SystemClock
from server.foundation.context import Context
from server.foundation.database import Store
from server.foundation.errors import ConfigurationError
from server.foundation.ids import Ids
from server.foundation.settings import read_or_make_key
from server.foundation.vault import Vault
from server.healthcheck import host


def upgrade(sources: Sources, backups: Path, keep: int) -> Iterator[str]:
    """Brings the database to this program's revision and yields lines. Raises InstallationError."""
    settings = sources.settings
    store = Store(settings.database_url)
    try:
        before = revision_of(store)
        if before is None:
            raise InstallationError(migrate.REMEDIES[migrate.Standing.EMPTY])
        found = migrate.standing_of(before)
        if found is migrate.Standing.NEWER:
            raise InstallationError(migrate.REMEDIES[found])
        if found is migrate.Standing.CURRENT:
            yield f"the database is at revision {before}, this program's own: nothing to migrate"
            yield from _site(sources)
            return
        if host.running_there(settings) != host.STOPPED:
            raise InstallationError(
                f"something answers on {settings.listen}: systemctl stop loquet-server, then this again;"
                " doors open all the while"
            )
        yield from back_up(sources, backups, keep)
        newest = max(backups.glob("loquet-*")).name
        try:
            migrate.upgrade(store)
        except Exception as error:  # whatever a migration raises, the transaction is rolled back
            raise InstallationError(
                f"the migration failed and left nothing behind ({type(error).__name__}): the database is at"
                f" revision {before} as before, and the program of before runs on it"
            ) from error
        clock = SystemClock()
        vault = Vault(read_or_make_key(Path(settings.data_key_file)))
        with store.write() as session:
            note(session, Context(settings, store, clock, Ids(clock), vault), newest)
        yield f"the database went from revision {before} to {revision_of(store)}"
    finally:
        store.close()
    yield from _site(sources)
    yield "Now: systemctl start loquet-server, then ./loquet doctor server"


def _site(sources: Sources) -> Iterator[str]:
    """A newer program may fill in what an older one did not know."""
    if not sources.site.is_file():
        yield f"no site file {sources.site}: ./loquet server setup --site … when you have it"
        return
    try:
        commands.setup(sources.config, sources.site, sources.secrets)
    except ConfigurationError as error:
        raise InstallationError(f"the database is migrated, but: {error}") from error
    yield f"{sources.site} is in force"
