"""What the server asks of PostgreSQL: connections, the one writer's lock, which failures pass by themselves.

PostgreSQL lets many write at once. Nearly every change here ends in the one chain of audit lines, so writers
would queue at its end in any case, in whatever order they came to it: a deadlock waiting to happen. They
queue at the beginning instead, as SQLite makes them do, and what a transaction checked stays true until it
writes. It also means that numbers commit in the order in which they were given, so whoever reads on from the
last number they saw misses nothing (docs/decisions/0019-one-writer-on-postgresql-too.md).
"""

from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError

DRIVER = "postgresql+psycopg"
NAME = "loquet"
CONNECT_S = 5
LOCK_MS = 4_000
"""How long a statement waits for the writer before it or for a lock; then the caller is told to try again."""
IDLE_MS = 30_000
"""A writer that says nothing for so long in mid-transaction is broken off, so that it stops no other."""
STATEMENT_MS = 60_000
POOL_S = 15.0
WRITERS = 2
"""One that writes, one that waits: more would only wait in the database instead of here."""
READERS = 8

WRITER_LOCK = 0x4C6F7175
"""Key of the advisory lock, within this database; it ends with the transaction."""

_SERIALIZATION = ("40001", "40P01")
_AWAY = ("57P01", "57P02", "57P03", "25006")
"""Shut down, crashed, starting up; and read-only: a standby that is no longer, or not yet, the primary."""


def engines(url: URL) -> tuple[Engine, Engine]:
    """(for writing, for reading): pools of their own, so that waiting writers leave the readers theirs.

    A reader's connection is asked first whether it is still alive; a writer's first statement is that
    question (`become_writer`), and whoever finds it dead begins anew.
    """
    url = url.set(drivername=DRIVER)
    writer = _engine(url, WRITERS, ask_first=False)
    reader = _engine(url, READERS, ask_first=True).execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    return writer, reader


def _engine(url: URL, size: int, *, ask_first: bool) -> Engine:
    settings = {
        "lock_timeout": LOCK_MS,
        "statement_timeout": STATEMENT_MS,
        "idle_in_transaction_session_timeout": IDLE_MS,
        # A client that vanished with its machine lets go of its locks.
        "tcp_keepalives_idle": 30,
        "tcp_user_timeout": IDLE_MS,
    }
    own = url.query.get("options", "")
    options = [f"-c {name}={value}" for name, value in settings.items()]
    arguments: dict[str, Any] = {
        "options": " ".join([*options, own if isinstance(own, str) else " ".join(own)]).strip(),
        "keepalives_idle": 30,
        "tcp_user_timeout": IDLE_MS,
    }
    if "application_name" not in url.query:
        arguments["application_name"] = NAME
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_S
    return create_engine(
        url.difference_update_query(["options"]),
        connect_args=arguments,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        pool_pre_ping=ask_first,
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_S,
    )


def become_writer(connection: Connection) -> None:
    """Waits until this transaction is the only one that writes; raises OperationalError after LOCK_MS."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def is_away(error: BaseException) -> bool:
    """Whether the server went away, or was not there: what was not committed did not happen."""
    if not isinstance(error, DBAPIError):
        return False
    state = _state(error)
    if error.connection_invalidated or state in _AWAY or state.startswith("08"):
        return True
    # Whoever could not connect at all has no state to tell.
    return isinstance(error.orig, psycopg.OperationalError) and not state


def may_pass(error: BaseException) -> bool:
    """Whether the same transaction may well succeed when begun anew: a deadlock, a row that somebody else was
    faster to insert, a server that went away."""
    if not isinstance(error, DBAPIError):
        return False
    return _state(error) in _SERIALIZATION or isinstance(error, IntegrityError) or is_away(error)


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")
