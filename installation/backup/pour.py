"""All rows of one database into another of the same revision, SQLite or PostgreSQL in any pairing.

Tables are read as the databases describe them, not as today's models do, so that an older revision pours too.
Moments are UTC on both sides; JSON goes over as the text it is, so that nothing is spelled anew.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Dialect,
    MetaData,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import TypeDecorator

from installation.errors import InstallationError

REVISION = "alembic_version"
"""Alembic's own table: both sides have it from their migrations."""
_BATCH = 2_000


class _JsonText(TypeDecorator[str]):
    """A JSON column of PostgreSQL, read and written as its text."""

    impl = Text
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Read as text."""
        return cast(column, Text)

    def bind_expression(self, bindparam: BindParameter[Any]) -> ColumnElement[Any]:
        """Written as JSON."""
        return cast(bindparam, JSON)


class _Moment(TypeDecorator[datetime]):
    """A moment: aware in PostgreSQL, naive UTC text in SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """The database's own type."""
        return dialect.type_descriptor(self._own)

    def __init__(self, own: Any) -> None:
        super().__init__()
        self._own = own

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive for SQLite."""
        return value.replace(tzinfo=None) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def tables(connection: Connection) -> list[Table]:
    """The database's tables, referred-to ones first, with types that both kinds of database share."""
    found = MetaData()
    found.reflect(connection)
    for table in found.tables.values():
        for column in table.columns:
            _share(column, connection.dialect)
    return [table for table in found.sorted_tables if table.name != REVISION]


def _share(column: "Column[Any]", dialect: Dialect) -> None:
    if isinstance(column.type, JSON):
        column.type = Text() if dialect.name == "sqlite" else _JsonText()
    elif column.type.python_type is datetime:
        column.type = _Moment(column.type)


def pour(source: Connection, target: Connection) -> dict[str, int]:
    """Every row; returns how many of each table. What migrations have put into the target goes first.

    The source should be one snapshot, the target a transaction of its own. Raises InstallationError if the
    two do not have the same tables and columns, or not all rows came over.
    """
    there = {table.name: table for table in tables(target)}
    here = tables(source)
    if {table.name for table in here} != there.keys():
        raise InstallationError("the two databases do not have the same tables: their revisions differ")
    for table in reversed(here):
        if target.scalar(select(func.count()).select_from(there[table.name])):
            target.execute(delete(there[table.name]))
    counts = {}
    for table in here:
        counts[table.name] = _pour_table(source, target, table, there[table.name])
    _go_on_numbering(target, list(there.values()))
    return counts


def _pour_table(source: Connection, target: Connection, table: Table, into: Table) -> int:
    if {column.name for column in table.columns} != {column.name for column in into.columns}:
        raise InstallationError(f"{table.name} does not have the same columns in the two databases")
    expected = source.scalar(select(func.count()).select_from(table)) or 0
    poured = 0
    for batch in _batches(source, table):
        target.execute(insert(into), batch)
        poured += len(batch)
    if poured != expected:
        raise InstallationError(f"of {expected} rows of {table.name} {poured} came over")
    return poured


def _batches(source: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    rows = source.execution_options(yield_per=_BATCH).execute(select(table)).mappings()
    for part in rows.partitions():
        yield [dict(row) for row in part]


def _go_on_numbering(target: Connection, into: list[Table]) -> None:
    """PostgreSQL numbers from a sequence, which rows that bring their number do not move."""
    if target.dialect.name != "postgresql":
        return
    for table in into:
        for column in table.primary_key.columns:
            sequence = target.scalar(
                text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": table.name, "column": column.name},
            )
            highest = target.scalar(select(func.max(column))) if sequence else None
            if highest is not None:
                target.execute(
                    text("SELECT setval(CAST(:name AS regclass), :number)"),
                    {"name": sequence, "number": highest},
                )
