"""A consistent copy of the server's database as one SQLite file, while the server works."""

from contextlib import closing
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext

from installation.backup.pour import pour
from installation.errors import InstallationError
from server.foundation import migrate
from server.foundation.database import Store, sqlite_module

_PATIENCE_S = 60.0


def copy(store: Store, into: Path) -> None:
    """Copies the database to the new file `into`. Raises InstallationError if there is nothing to copy."""
    revision = revision_of(store)
    if revision is None:
        raise InstallationError("the database was never set up: there is nothing to back up")
    if store.is_sqlite:
        _copy_file(Path(str(store.reader.url.database)), into)
    else:
        _copy_rows(store, into, revision)


def revision_of(store: Store) -> str | None:
    """The database's revision; None where migrations never ran."""
    if store.is_sqlite and not Path(str(store.reader.url.database)).is_file():
        return None
    with store.reader.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def sqlite_connect(path: Path) -> Any:
    """A connection of the SQLite that the server itself uses."""
    return sqlite_module().connect(str(path), timeout=_PATIENCE_S)


def _copy_file(path: Path, into: Path) -> None:
    """SQLite's online backup, in one go: in WAL mode writers go on meanwhile."""
    with closing(sqlite_connect(path)) as live, closing(sqlite_connect(into)) as made:
        live.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")  # one file, not three


def _copy_rows(store: Store, into: Path, revision: str) -> None:
    scratch = Store(f"sqlite:///{into}")
    try:
        migrate.upgrade(scratch, revision)
        with store.reader.connect() as source, scratch.writer.begin() as target:
            pour(source, target)
    finally:
        scratch.close()
    with closing(sqlite_connect(into)) as made:
        made.execute("PRAGMA journal_mode=DELETE")
