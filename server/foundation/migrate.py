"""Brings the database to the newest revision, and says whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from server.foundation.database import Store
from server.foundation.postgresql import become_writer

_FOLDER = Path(__file__).resolve().parent.parent / "migrations"


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


def is_current(store: Store) -> bool:
    """True if the database is at the newest revision."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    with store.reader.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
