"""The database: one writer that begins IMMEDIATE, readers that cannot write, one naming convention.

`Store.write()` commits when its block ends, so an endpoint's reply is built and sent after the commit;
services never commit. SQLite: a plain BEGIN that later writes fails at once with "database is locked" (the
busy timeout is not honoured on an upgrade), hence IMMEDIATE. SQLite 3.7.0 to 3.51.2 can corrupt a WAL store
that has several connections (https://sqlite.org/wal.html#walresetbug; fixed in 3.51.3, 3.50.7 and 3.44.6):
there the rollback journal is used instead.
"""

import importlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from sqlalchemy import (
    JSON,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    UpdateBase,
    create_engine,
    event,
)
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import QueuePool, StaticPool
from sqlalchemy.types import TypeDecorator

log = logging.getLogger(__name__)

BUSY_MS = 15_000

_AFTER = "after_commit"


class UtcTime(TypeDecorator[datetime]):
    """A timezone-aware UTC moment; refuses a naive one. SQLite keeps no zone, so it is put back on
    reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC, without zone where the database has none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a timezone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables. Every constraint has a predictable name, so that migrations can name it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcTime(), dict[str, Any]: JSON(), list[Any]: JSON()}  # noqa: RUF012


def sqlite_module() -> ModuleType:
    """`pysqlite3` where there is a wheel (it carries a sound SQLite), else the standard library's."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """False for a SQLite with the WAL-reset corruption."""
    if version >= (3, 51, 3) or version < (3, 7, 0):
        return True
    return (version[:2] == (3, 50) and version[2] >= 7) or (version[:2] == (3, 44) and version[2] >= 6)


def _sqlite_engine(url: URL, *, writer: bool) -> Engine:
    module = sqlite_module()
    memory = url.database in (None, "", ":memory:")
    version: tuple[int, int, int] = module.sqlite_version_info
    journal = "WAL" if wal_is_safe(version) else "DELETE"
    if journal != "WAL" and writer:
        log.warning("SQLite %s can corrupt a WAL store: the rollback journal is used", module.sqlite_version)
    if memory:
        engine = create_engine(
            url,
            module=module,
            poolclass=StaticPool,
            hide_parameters=True,
            connect_args={"check_same_thread": False},
        )
    else:
        engine = create_engine(
            url,
            module=module,
            poolclass=QueuePool,
            hide_parameters=True,
            pool_size=1 if writer else 8,
            max_overflow=0,
            pool_timeout=BUSY_MS / 1000,
            connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000},
        )

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        cursor = connection.cursor()
        if not memory:
            cursor.execute(f"PRAGMA journal_mode={journal}")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if not writer and not memory:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


class Store:
    """The two ways to the database. One per process; opens nothing until first used."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        if url.get_backend_name() == "sqlite":
            self.writer = _sqlite_engine(url, writer=True)
            memory = url.database in (None, "", ":memory:")
            self.reader = self.writer if memory else _sqlite_engine(url, writer=False)
        else:
            self.writer = create_engine(url, pool_pre_ping=True, hide_parameters=True)
            self.reader = self.writer.execution_options(postgresql_readonly=True)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: committed when the block ends, rolled back if it raises. Never nest one in
        another."""
        with Session(self.writer, expire_on_commit=False) as session:
            with session.begin():
                yield session
            acts: list[Callable[[], None]] = session.info.pop(_AFTER, [])
        for act in acts:
            act()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view that cannot write."""
        with Session(self.reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    def close(self) -> None:
        """Closes every connection."""
        self.writer.dispose()
        self.reader.dispose()


def after_commit(session: Session, act: Callable[[], None]) -> None:
    """Has `act` called once the caller's whole transaction is on disk; never if it is rolled back.

    SQLAlchemy's own event of that name also fires when a savepoint ends, long before others can see anything.
    """
    session.info.setdefault(_AFTER, []).append(act)


def changed(session: Session, statement: UpdateBase) -> int:
    """Executes an update or delete and says how many rows it changed: the check of every compare-and-swap."""
    result = session.execute(statement)
    if not isinstance(result, CursorResult):
        raise TypeError("not a statement that changes rows")
    return result.rowcount
