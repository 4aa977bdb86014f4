"""INSERT … ON CONFLICT: SQLite and PostgreSQL spell it alike, SQLAlchemy keeps it in each one's dialect."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.foundation.database import Base


def insert_into(session: Session, table: type[Base]) -> Any:
    """An insert that has `on_conflict_do_nothing` and `on_conflict_do_update` (the two dialects' statements
    share no type)."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
