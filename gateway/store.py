"""The one SQLite file: its shape, and how it is opened.

One connection in one thread holds the file with an exclusive lock, so that a second gateway is refused, and
SQLite's WAL-reset fault (versions before 3.51.3, only with several connections) can't occur.
`synchronous=FULL`: what is committed has reached the disk, which is the promise behind every acknowledgement.
"""

import sqlite3
from pathlib import Path

from gateway.errors import DamagedStoreError, StoreError

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE cursor (
    device TEXT NOT NULL, epoch TEXT NOT NULL, lane INTEGER NOT NULL,
    boot INTEGER NOT NULL, seq INTEGER NOT NULL, seen_ms INTEGER NOT NULL,
    PRIMARY KEY (device, epoch, lane)
) STRICT, WITHOUT ROWID;
-- A row has its number in a lane (seq) at the latest when it is sent, and a time (done_ms) once it is written
-- down that the server has it.
CREATE TABLE out (
    id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, seq INTEGER, device TEXT NOT NULL,
    received_ms INTEGER NOT NULL, record TEXT NOT NULL, done_ms INTEGER
) STRICT;
CREATE INDEX out_waiting ON out (lane, id) WHERE seq IS NULL;
CREATE UNIQUE INDEX out_number ON out (lane, seq) WHERE seq IS NOT NULL;
CREATE INDEX out_done ON out (done_ms) WHERE done_ms IS NOT NULL;
CREATE TABLE lane (lane INTEGER PRIMARY KEY, numbered INTEGER NOT NULL, acked INTEGER NOT NULL) STRICT;
CREATE TABLE presence (
    device TEXT PRIMARY KEY, word TEXT NOT NULL, boot INTEGER NOT NULL, connects INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Uptimes are tied to this machine's monotonic clock, hence to its own boot.
CREATE TABLE heard (
    device TEXT PRIMARY KEY, boot INTEGER NOT NULL, ahead_ms INTEGER NOT NULL, machine TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE held (
    device TEXT PRIMARY KEY, epoch TEXT NOT NULL, config INTEGER NOT NULL, grants INTEGER NOT NULL,
    refused INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE document (
    device TEXT NOT NULL, doc TEXT NOT NULL, version INTEGER NOT NULL, base INTEGER NOT NULL,
    payloads TEXT NOT NULL,
    PRIMARY KEY (device, doc, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE command (
    id TEXT PRIMARY KEY, device TEXT NOT NULL, outcome TEXT NOT NULL, at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE revoked (device TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE aside (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, device TEXT NOT NULL, reason TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;
INSERT INTO lane (lane, numbered, acked) VALUES (0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0);
"""
_VERSION = 1
_MAGIC = b"SQLite format 3\0"


def connect(path: Path | None) -> sqlite3.Connection:
    """The store at `path`, made if absent; None: in memory. Raises StoreError."""
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, timeout=0, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the store {path} can't be opened: {error}") from error
    try:
        # Small pages spare a memory card: a record that comes alone costs 7 kB, with 1 kB pages 9 kB.
        database.execute("PRAGMA page_size=512")
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA wal_autocheckpoint=4000")
        database.execute("PRAGMA journal_size_limit=16777216")
        database.execute("PRAGMA cache_size=-4000")
        database.execute("BEGIN IMMEDIATE")
        _shape(database, path)
        database.execute("COMMIT")
    except sqlite3.OperationalError as error:
        database.close()
        if "locked" in str(error):
            raise StoreError(f"the store {path} is in use: another gateway runs on it") from error
        raise StoreError(f"the store {path} can't be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        database.close()
        raise DamagedStoreError(f"the store {path} is damaged or no store: {error}") from error
    except StoreError:
        database.close()
        raise
    return database


def connect_or_begin_anew(path: Path) -> tuple[sqlite3.Connection, bool]:
    """The store at `path`, and whether it was begun anew because the one there is damaged.

    The damaged one is set aside (`set_aside`): a site must not stand still for it. What it held and the
    server lacks is named as a gap when devices say what they hold (R-42); who was revoked stands in a file of
    its own. A file that never was a store stays where it is: StoreError, as for everything else.
    """
    begins_anew = not path.exists() and _aside(path).exists()
    try:
        return connect(path), begins_anew
    except DamagedStoreError:
        if not _was_a_store(path):
            raise
        set_aside(path)
        return connect(path), True


def set_aside(path: Path) -> Path:
    """Move a damaged store out of the way, to be looked at; its new path. Only the last one is kept."""
    for suffix in ("-wal", ""):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.replace(_aside(path, suffix))
    return _aside(path)


def _aside(path: Path, suffix: str = "") -> Path:
    return path.with_name(f"{path.name}.damaged{suffix}")


def _was_a_store(path: Path) -> bool:
    """SQLite's header, or zeros as a power cut leaves them, are a store's; any other content is somebody
    else's.
    """
    with path.open("rb") as file:
        first = file.read(len(_MAGIC))
    return first in (_MAGIC, bytes(len(_MAGIC)))


def _shape(database: sqlite3.Connection, path: Path | None) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == 0:
        for statement in _SCHEMA.split(";\n"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version={_VERSION}")
    elif version != _VERSION:
        raise StoreError(f"the store {path} is of version {version}, this gateway knows {_VERSION}")


def read_meta(database: sqlite3.Connection, key: str) -> str | None:
    """A single value kept under a name, None if absent."""
    row = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def write_meta(database: sqlite3.Connection, key: str, value: str) -> None:
    """Keep a single value under a name."""
    database.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def size_bytes(database: sqlite3.Connection) -> int:
    """Bytes of the file that hold something: free pages are used again before the file grows."""
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    (free,) = database.execute("PRAGMA freelist_count").fetchone()
    (page,) = database.execute("PRAGMA page_size").fetchone()
    return int(pages - free) * int(page)
