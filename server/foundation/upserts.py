"""INSERT … ON CONFLICT: SQLite and PostgreSQL spell it alike, SQLAlchemy keeps it in each one's dialect."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.foundation.database import Base

_POSTGRESQL = "postgresql"

ROWS_AT_ONCE = 2000
"""Rows of one statement at most: SQLite takes 32,766 values."""


def insert_into(session: Session, table: type[Base]) -> Any:
    """An insert that has `on_conflict_do_nothing` and `on_conflict_do_update` (the two dialects' statements
    share no type)."""
    return insert_for(session.get_bind().dialect.name, table)


def insert_for(dialect: str, table: type[Base] | Table) -> Any:
    """The same by the dialect's name, for statements that are made once and kept."""
    return postgresql.insert(table) if dialect == _POSTGRESQL else sqlite.insert(table)


def insert_new(
    session: Session, table: type[Base], rows: Sequence[dict[str, Any]], key: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Inserts the rows whose key is not there yet; returns the keys (the columns `key`) of those that were
    new. All rows name the same columns.

    On PostgreSQL the values go as one array a column: its driver reads a statement with thousands of places
    for values letter by letter, which costs more than the insert.
    """
    found: list[tuple[Any, ...]] = []
    connection = session.connection()
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        if _is_postgresql(session):
            columns = {name: [row[name] for row in part] for name in part[0]}
            result = connection.execute(text(_from_arrays(session, table, list(columns), key)), columns)
        else:
            returned = [getattr(table, name) for name in key]
            result = connection.execute(
                sqlite.insert(table).on_conflict_do_nothing().returning(*returned), part
            )
        found += [tuple(row) for row in result]
    return found


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == _POSTGRESQL


def _from_arrays(session: Session, table: type[Base], names: Sequence[str], key: Sequence[str]) -> str:
    dialect = session.get_bind().dialect
    columns = table.__table__.c
    arrays = ", ".join(f"CAST(:{name} AS {columns[name].type.compile(dialect)}[])" for name in names)
    listed, returned = (", ".join(f'"{name}"' for name in each) for each in (names, key))
    return (
        f'INSERT INTO "{table.__tablename__}" ({listed}) SELECT * FROM unnest({arrays})'
        f" ON CONFLICT DO NOTHING RETURNING {returned}"
    )
