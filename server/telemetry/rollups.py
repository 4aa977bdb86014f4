"""The SQL views of the ledger: rows by minute, hour and day, written for many records at once.

Rows by minute are inserted once: a probe's minute that is there already stays (a clock was set back).
Hours and days are sums over the minutes that were new, so late records correct them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.foundation.upserts import insert_into, insert_new
from server.lockers.models import Zone
from server.telemetry.models import Reading, ReadingDay, ReadingHour

HOUR, DAY = 3600, 86_400

Zones = Mapping[tuple[str, str], int]
"""(controller id, zone key) → zone id."""

Key = tuple[int, int, int]
"""(zone id, start, probe)."""


def zone_ids(session: Session, controllers: Iterable[str]) -> dict[tuple[str, str], int]:
    """The zones of some controllers."""
    found = session.execute(
        select(Zone.controller_id, Zone.key, Zone.id).where(Zone.controller_id.in_(sorted(set(controllers))))
    )
    return {(controller, key): number for controller, key, number in found}


def rows_of(zones: Zones, records: Iterable[tuple[str, dict[str, Any]]]) -> dict[Key, list[int]]:
    """The rows by minute of (controller id, `r` record): key → length, low, mean, high, samples, health.

    Of two about the same probe and minute the first counts; a record without a time, or of a zone that the
    site file does not know, has none.
    """
    rows: dict[Key, list[int]] = {}
    for controller, record in records:
        at = record["p0"]
        if not at:
            continue
        length = record["s"]
        for key, probe, *figures in record["z"]:
            zone = zones.get((controller, key))
            if zone is not None:
                rows.setdefault((zone, at, probe), [length, *figures])
    return rows


def apply(session: Session, rows: Mapping[Key, list[int]]) -> None:
    """Adds rows by minute, and those that were new to their hours and days."""
    if not rows:
        return
    fresh = _insert_minutes(session, rows)
    hours: dict[Key, list[int]] = {}
    days: dict[Key, list[int]] = {}
    for key in fresh:
        zone, at, probe = key
        length, low, mean, high, samples, _health = rows[zone, at, probe]
        if samples <= 0:
            continue
        _join(hours, (zone, at - at % HOUR, probe), (low, high, mean * length, length))
    for (zone, at, probe), (low, high, weighted, seconds) in hours.items():
        _join(days, (zone, at - at % DAY, probe), (low, high, weighted, seconds))
    _add(session, ReadingHour, ReadingHour.hour, hours)
    _add(session, ReadingDay, ReadingDay.day, days)


def _join(sums: dict[Key, list[int]], key: Key, figures: tuple[int, int, int, int]) -> None:
    there = sums.get(key)
    if there is None:
        sums[key] = list(figures)
        return
    low, high, weighted, seconds = figures
    there[0] = min(there[0], low)
    there[1] = max(there[1], high)
    there[2] += weighted
    there[3] += seconds


def _insert_minutes(session: Session, rows: Mapping[Key, list[int]]) -> list[tuple[Any, ...]]:
    values = [
        {
            "zone_id": zone,
            "at": at,
            "probe": probe,
            "length_s": length,
            "low": low,
            "mean": mean,
            "high": high,
            "samples": samples,
            "health": health,
        }
        for (zone, at, probe), (length, low, mean, high, samples, health) in rows.items()
    ]
    return insert_new(session, Reading, values, ("zone_id", "at", "probe"))


def _add(
    session: Session,
    table: type[ReadingHour | ReadingDay],
    start: InstrumentedAttribute[int],
    sums: Mapping[Key, list[int]],
) -> None:
    """Adds sums to the rows of a roll-up, in the order of their keys: two processes never wait for each
    other's rows crosswise."""
    if not sums:
        return
    new = insert_into(session, table)
    statement = new.on_conflict_do_update(
        index_elements=["zone_id", start.key, "probe"],
        set_={
            "low": case((new.excluded.low < table.low, new.excluded.low), else_=table.low),
            "high": case((new.excluded.high > table.high, new.excluded.high), else_=table.high),
            "weighted": table.weighted + new.excluded.weighted,
            "seconds": table.seconds + new.excluded.seconds,
        },
    )
    values = [
        {
            "zone_id": zone,
            start.key: at,
            "probe": probe,
            "low": low,
            "high": high,
            "weighted": weighted,
            "seconds": seconds,
        }
        for (zone, at, probe), (low, high, weighted, seconds) in sorted(sums.items())
    ]
    session.connection().execute(statement, values)
