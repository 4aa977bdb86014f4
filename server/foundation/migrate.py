"""Brings the database to the newest revision, and says how the two stand to each other."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from server.foundation.database import Store
from server.foundation.postgresql import become_writer

_FOLDER = Path(__file__).resolve().parent.parent / "migrations"


class Standing(Enum):
    """A database beside the program that would use it."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"


REMEDIES: Mapping[Standing, str] = {
    Standing.EMPTY: "the database was never set up: run ./loquet server setup (docs/operations.md)",
    Standing.OLDER: "the database is older than this program: run ./loquet server upgrade"
    " (docs/operations.md)",
    Standing.NEWER: "this program is older than its database: upgrade the program, not the database"
    " (docs/operations.md)",
}
"""What a person is told who would use the database as it stands."""


def alembic_config() -> Config:
    """Alembic's configuration, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    return config


def upgrade(store: Store, revision: str = "head") -> None:
    """Runs what is missing, in one transaction, while nobody else writes."""
    config = alembic_config()
    with store.writer.begin() as connection:
        if not store.is_sqlite:
            become_writer(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(store: Store, revision: str = "base") -> None:
    """Runs migrations backwards (tests only: a farm's data only goes forward)."""
    config = alembic_config()
    with store.writer.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def standing(store: Store) -> Standing:
    """How the database stands to this program. Raises SQLAlchemyError if it can't be asked."""
    with store.reader.connect() as connection:
        return standing_of(MigrationContext.configure(connection).get_current_revision())


def standing_of(revision: str | None) -> Standing:
    """The same, of a database at `revision`. One that this program has never heard of is a newer one's."""
    if revision is None:
        return Standing.EMPTY
    if revision == newest():
        return Standing.CURRENT
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    return Standing.OLDER if revision in known else Standing.NEWER


def newest() -> str | None:
    """This program's own revision."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def is_current(store: Store) -> bool:
    """True if the database is at the newest revision."""
    return standing(store) is Standing.CURRENT
