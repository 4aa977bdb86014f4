"""The lanes to the server: what waits, what was numbered and sent, what the server has.

A row gets its number (`seq`, from 1, per lane and stream epoch) when it arrives in a lane that flows
(`flow`), else when it is first put into a batch, in a transaction before the batch leaves; numbered rows
never change, rows not yet numbered may still change lane. What the server has stays KEEP_MS, so that a server
restored from a backup can ask again.
"""

import json
import sqlite3
from dataclasses import dataclass
from enum import IntEnum

from gateway import store

KEEP_MS = 7 * 24 * 3600 * 1000
FRESH_MS = 180_000
"""A reading older than this is backfill: it must not delay, nor look like, the present."""
MAX_HEALTH = 1440
"""Health documents that wait at most (a day of minutes); older ones are dropped."""


class Lane(IntEnum):
    """In the order in which they are served."""

    EVENTS = 0
    LIVE = 1
    HEALTH = 2
    BACKFILL = 3


NAMES = {Lane.EVENTS: "events", Lane.LIVE: "live", Lane.HEALTH: "health", Lane.BACKFILL: "backfill"}


@dataclass(frozen=True)
class Row:
    """One item of a batch."""

    seq: int
    device: str
    received_ms: int
    record: str

    def item(self) -> dict[str, object]:
        """Its shape on the wire (docs/interfaces.md section 2)."""
        return {
            "seq": self.seq,
            "device": self.device,
            "received_ms": self.received_ms,
            "record": json.loads(self.record),
        }


def add(
    database: sqlite3.Connection,
    lane: Lane,
    device: str,
    received_ms: int,
    record: dict[str, object],
    seq: int | None = None,
) -> None:
    """Append a record to a lane; `seq`: its number, if it has one already."""
    database.execute(
        "INSERT INTO out (lane, seq, device, received_ms, record) VALUES (?, ?, ?, ?, ?)",
        (lane, seq, device, received_ms, json.dumps(record, separators=(",", ":"))),
    )


def progress(database: sqlite3.Connection, lane: Lane) -> tuple[int, int]:
    """(the last number given in a lane, the last that is written down as acknowledged); 0 if none was.

    The rows tell of numbers given since the lane's own line was written last.
    """
    given, acked, last = database.execute(
        "SELECT numbered, acked, (SELECT max(seq) FROM out WHERE lane = ?1 AND seq IS NOT NULL)"
        " FROM lane WHERE lane = ?1",
        (lane,),
    ).fetchone()
    return max(given, last or 0), acked


def waits(database: sqlite3.Connection, lane: Lane) -> bool:
    """Whether a row of a lane has no number yet."""
    found = database.execute("SELECT 1 FROM out WHERE lane = ? AND seq IS NULL LIMIT 1", (lane,))
    return found.fetchone() is not None


def epoch(database: sqlite3.Connection, fresh: str) -> str:
    """The stream's epoch; `fresh` (16 random hex digits) becomes it in a new store."""
    known = store.read_meta(database, "stream_epoch")
    if known is None:
        store.write_meta(database, "stream_epoch", fresh)
        return fresh
    return known


def renumber(database: sqlite3.Connection, fresh: str) -> None:
    """Begin a new stream epoch and send all that is kept again: the numbers no longer agree with the
    server's.

    Either side was restored from a backup. The server recognises records it already has by their own numbers.
    """
    store.write_meta(database, "stream_epoch", fresh)
    database.execute("UPDATE out SET seq = NULL, done_ms = NULL")
    database.execute("UPDATE lane SET numbered = 0, acked = 0")


def numbered(database: sqlite3.Connection, lane: Lane) -> int:
    """The last number given in a lane; 0 if none was."""
    return progress(database, lane)[0]


def demote(database: sqlite3.Connection, received_before_ms: int) -> int:
    """Move live readings that waited too long to the backfill lane; how many."""
    return database.execute(
        "UPDATE out SET lane = ? WHERE lane = ? AND seq IS NULL AND received_ms < ?",
        (Lane.BACKFILL, Lane.LIVE, received_before_ms),
    ).rowcount


def batch(database: sqlite3.Connection, lane: Lane, limit: int, acked: int = 0) -> list[Row]:
    """The next rows to send, oldest first, at most `limit`, contiguous after the last acknowledged; numbers
    them. `acked`: known to be acknowledged though it is not written down yet.
    """
    numbered, written = progress(database, lane)
    acked = max(acked, written)
    lacking = limit - (numbered - acked)
    if lacking > 0:
        waiting = database.execute(
            "SELECT id FROM out WHERE lane = ? AND seq IS NULL ORDER BY id LIMIT ?", (lane, lacking)
        ).fetchall()
        if waiting:
            database.executemany(
                "UPDATE out SET seq = ? WHERE id = ?",
                [(numbered + 1 + at, row[0]) for at, row in enumerate(waiting)],
            )
            database.execute("UPDATE lane SET numbered = ? WHERE lane = ?", (numbered + len(waiting), lane))
    rows = database.execute(
        "SELECT seq, device, received_ms, record FROM out WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?",
        (lane, acked, limit),
    )
    return [Row(*row) for row in rows]


def acknowledge(database: sqlite3.Connection, lane: Lane, upto: int, now_ms: int) -> bool:
    """The server has everything up to `upto`. False if it claims numbers never given: renumber."""
    numbered, acked = progress(database, lane)
    if upto > numbered:
        return False
    if upto > acked:
        database.execute(
            "UPDATE out SET done_ms = ? WHERE lane = ? AND seq > ? AND seq <= ?", (now_ms, lane, acked, upto)
        )
        database.execute("UPDATE lane SET numbered = ?, acked = ? WHERE lane = ?", (numbered, upto, lane))
    return True


def rewind(database: sqlite3.Connection, lane: Lane, expect: int) -> bool:
    """The server wants number `expect` next. False if that is not kept, or was never given: renumber."""
    numbered, acked = progress(database, lane)
    if not 1 <= expect <= numbered + 1:
        return False
    if expect > acked + 1:
        return acknowledge(database, lane, expect - 1, _now_of(database, lane, acked))
    kept = database.execute(
        "SELECT count(*) FROM out WHERE lane = ? AND seq >= ? AND seq <= ?", (lane, expect, acked)
    ).fetchone()[0]
    if kept != acked - expect + 1:
        return False
    database.execute(
        "UPDATE out SET done_ms = NULL WHERE lane = ? AND seq >= ? AND seq <= ?", (lane, expect, acked)
    )
    database.execute("UPDATE lane SET acked = ? WHERE lane = ?", (expect - 1, lane))
    return True


def doubt(database: sqlite3.Connection, besides: Lane | None = None) -> None:
    """The server may have been restored: send the last row it had of each lane again; its answer shows what
    it has.
    """
    for lane in Lane:
        (acked,) = database.execute("SELECT acked FROM lane WHERE lane = ?", (lane,)).fetchone()
        if lane is not besides and acked > 0:
            rewind(database, lane, acked)


def _now_of(database: sqlite3.Connection, lane: Lane, acked: int) -> int:
    row = database.execute(
        "SELECT max(received_ms) FROM out WHERE lane = ? AND seq > ?", (lane, acked)
    ).fetchone()
    return int(row[0] or 0)


def replace(
    database: sqlite3.Connection, lane: Lane, seq: int, device: str, record: dict[str, object]
) -> None:
    """Put a small record of `device` in place of one that the server can't take, under the same number."""
    database.execute(
        "UPDATE out SET device = ?, record = ? WHERE lane = ? AND seq = ?",
        (device, json.dumps(record, separators=(",", ":")), lane, seq),
    )


def prune(database: sqlite3.Connection, done_before_ms: int) -> int:
    """Delete what the server has had since before a time; how many rows."""
    return database.execute("DELETE FROM out WHERE done_ms < ?", (done_before_ms,)).rowcount


def drop_old_health(database: sqlite3.Connection) -> int:
    """Keep only the newest MAX_HEALTH waiting health documents; how many were dropped."""
    return database.execute(
        "DELETE FROM out WHERE lane = ? AND seq IS NULL AND id <= ("
        "SELECT id FROM out WHERE lane = ? AND seq IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (Lane.HEALTH, Lane.HEALTH, MAX_HEALTH),
    ).rowcount


def depth(database: sqlite3.Connection, lane: Lane, acked: int = 0) -> tuple[int, int | None]:
    """(rows the server does not have, received_ms of the oldest of them); `acked` as in `batch`."""
    numbered, written = progress(database, lane)
    acked = max(acked, written)
    waiting, oldest = database.execute(
        "SELECT count(*), min(received_ms) FROM out WHERE lane = ? AND seq IS NULL", (lane,)
    ).fetchone()
    first = database.execute(
        "SELECT received_ms FROM out WHERE lane = ? AND seq = ?", (lane, acked + 1)
    ).fetchone()
    ages = [age for age in (oldest, first[0] if first else None) if age is not None]
    return int(waiting) + int(numbered) - int(acked), min(ages) if ages else None


def prune_oldest(database: sqlite3.Connection, rows: int) -> int:
    """Room is short: delete the oldest rows that the server has; how many."""
    return database.execute(
        "DELETE FROM out WHERE id IN (SELECT id FROM out WHERE done_ms IS NOT NULL ORDER BY id LIMIT ?)",
        (rows,),
    ).rowcount
