"""The database: one writer at a time, readers that cannot write, one naming convention.

`Store.write()` commits when its block ends, so an endpoint's reply is built and sent after the commit;
services never commit. PostgreSQL's part of it stands in `postgresql`.

SQLite: a plain BEGIN that later writes fails at once with "database is locked" (the busy timeout is not
honoured on an upgrade), hence IMMEDIATE. SQLite 3.7.0 to 3.51.2 can corrupt a WAL store that has several
connections (https://sqlite.org/wal.html#walresetbug; fixed in 3.51.3, 3.50.7 and 3.44.6): there the rollback
journal is used instead.
"""

import importlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    UpdateBase,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import QueuePool, StaticPool
from sqlalchemy.types import TypeDecorator

from server.foundation import postgresql

log = logging.getLogger(__name__)

BUSY_MS = 15_000
PATIENCE_S = 8.0
"""So long a writer waits for a PostgreSQL that is away."""
_PAUSE_S = 0.2
TRIES = 4

Result = TypeVar("Result")

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


WIDE = BigInteger().with_variant(Integer(), "sqlite")
"""Every whole number of a table has 64 bits, as SQLite's always have: uptimes in milliseconds, numbers of
32 bits without sign and sums of money do not fit into PostgreSQL's INTEGER. SQLite wants that word for keys
that it numbers itself."""


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
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcTime(),
        int: WIDE,
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


def index_where(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over the rows for which a condition in SQL holds; `unique`: among those alone."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def table_of(model: type[Base]) -> Table:
    """The table behind a model: for statements that are made once, and whose rows become no object of a
    session. They cost a tenth of the ORM's."""
    found = model.__table__
    if not isinstance(found, Table):
        raise TypeError(f"{model.__name__} is not one table")
    return found


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


class CommitUnknownError(Exception):
    """The connection broke while a commit was on its way: it may have happened. Whoever can tell by looking
    (`Store.run`) begins anew; the others are told."""


class Store:
    """The ways to the database. One per process; opens nothing until first used."""

    def __init__(self, database_url: str) -> None:
        url = make_url(database_url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.writer = _sqlite_engine(url, writer=True)
            memory = url.database in (None, "", ":memory:")
            self.reader = self.writer if memory else _sqlite_engine(url, writer=False)
        else:
            self.writer, self.reader = postgresql.engines(url)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction, the only one that writes: committed when the block ends, rolled back if it raises.
        Never nest one in another.

        Raises CommitUnknownError if the connection breaks in the commit.
        """
        session = self._begin()
        with session:
            try:
                yield session
                session.flush()
            except BaseException:
                session.rollback()
                raise
            self._commit(session)
            acts: list[Callable[[], None]] = session.info.pop(_AFTER, [])
        for act in acts:
            act()

    def _begin(self) -> Session:
        """A session that is the writer; SQLite begins IMMEDIATE with its first statement."""
        if self.is_sqlite:
            return Session(self.writer, expire_on_commit=False)
        return self._patiently(lambda: Session(self.writer, expire_on_commit=False), postgresql.become_writer)

    @staticmethod
    def _patiently(make: Callable[[], Session], enter: Callable[[Connection], None]) -> Session:
        """A session whose transaction has begun. A PostgreSQL that is away (it restarts, another takes over)
        is waited for: nothing has been done yet."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            session = make()
            try:
                enter(session.connection())
            except BaseException as error:
                session.close()
                if not postgresql.is_away(error) or time.monotonic() > deadline:
                    raise
                log.warning("PostgreSQL is away; trying again")
                time.sleep(_PAUSE_S)
                continue
            return session

    @staticmethod
    def _commit(session: Session) -> None:
        try:
            session.commit()
        except DBAPIError as error:
            session.rollback()
            if postgresql.is_away(error):
                raise CommitUnknownError("the database went away in the commit") from error
            raise

    def run(self, act: Callable[[Session], Result]) -> Result:
        """`act` in a transaction of its own; begun anew where PostgreSQL broke it off (a deadlock, a failure
        to serialize, a server that went away) or somebody else inserted the same row first.

        `act` may be called several times, also after a commit of which nobody knows: it must recognise by
        what the database holds that its work is done.
        """
        tries = 1
        while True:
            try:
                with self.write() as session:
                    return act(session)
            except (DBAPIError, CommitUnknownError) as error:
                passes = isinstance(error, CommitUnknownError) or postgresql.may_pass(error)
                if self.is_sqlite or not passes or tries == TRIES:
                    raise
                log.warning("a transaction is begun anew: %s", type(error).__name__)
            tries += 1

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view that cannot write."""
        session = (
            self._reading() if self.is_sqlite else self._patiently(self._reading, lambda _connection: None)
        )
        with session:
            yield session

    def _reading(self) -> Session:
        return Session(self.reader, expire_on_commit=False, autoflush=False)

    def close(self) -> None:
        """Closes every connection."""
        self.writer.dispose()
        self.reader.dispose()


def is_broken(error: BaseException) -> bool:
    """Whether the database itself is the trouble (away, busy, no room, an error of its disk, a damaged page)
    and not what was asked of it. A damaged SQLite is a DatabaseError and nothing more special; psycopg calls
    a transaction that was idle too long an InternalError."""
    return isinstance(error, OperationalError | InternalError) or type(error) is DatabaseError


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
