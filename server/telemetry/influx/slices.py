"""The next slice of the ledger for a view outside: which records it has not, and their rows as they stand in
the SQL views, the copy's original.

Hours and days are written whole, with all that is in them now: a late record touches its hour again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Select, and_, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.lockers.models import Controller, Zone
from server.telemetry import chain, rollups
from server.telemetry.influx.line import Probe, Sum, minute, summed
from server.telemetry.models import POINT, LedgerHead, LedgerRow, Reading, ReadingDay, ReadingHour, ViewCursor
from server.telemetry.rollups import Key
from server.telemetry.series import Point
from server.telemetry.store import Step

RECORDS_AT_ONCE = 500
"""Of one controller in one slice."""
MOST_POINTS = 4000
"""By minute, about, in one slice: with their hours and days still one write each."""
KEYS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Move:
    """A cursor's way through one slice: from a position to another."""

    controller: str
    start: int
    end: int


@dataclass
class Slice:
    """What is to be written, and which cursors then move."""

    moves: list[Move] = field(default_factory=list)
    lines: dict[Step, list[str]] = field(default_factory=lambda: {step: [] for step in Step})

    @property
    def records(self) -> int:
        """How many records of the ledger it covers."""
        return sum(move.end - move.start for move in self.moves)


def lag(session: Session, view: str) -> int:
    """Records of the ledger that a view has not."""
    found = session.scalar(
        select(func.sum(LedgerHead.position - func.coalesce(ViewCursor.position, 0)))
        .select_from(LedgerHead)
        .outerjoin(
            ViewCursor,
            and_(ViewCursor.view == view, ViewCursor.controller_id == LedgerHead.controller_id),
        )
    )
    return int(found or 0)


def level(view: str, controller: str) -> Select[bool]:
    """Whether a view holds the whole ledger of a controller."""
    return select(
        select(LedgerHead.controller_id)
        .join(
            ViewCursor,
            and_(ViewCursor.view == view, ViewCursor.controller_id == LedgerHead.controller_id),
        )
        .where(LedgerHead.controller_id == controller, ViewCursor.position == LedgerHead.position)
        .exists()
    )


def take(session: Session, view: str, oldest: dict[Step, int]) -> Slice:
    """The next slice; empty if the view holds all that the SQL views hold. Periods that begin before `oldest`
    (Unix s) are left out: their bucket would not keep them."""
    found = Slice()
    rows: dict[Key, list[int]] = {}
    behind = session.execute(
        select(LedgerHead.controller_id, LedgerHead.shown, func.coalesce(ViewCursor.position, 0))
        .outerjoin(
            ViewCursor,
            and_(ViewCursor.view == view, ViewCursor.controller_id == LedgerHead.controller_id),
        )
        .where(LedgerHead.shown > func.coalesce(ViewCursor.position, 0))
        .order_by(LedgerHead.controller_id)
    ).all()
    for controller, shown, position in behind:
        records = session.execute(
            select(LedgerRow.position, LedgerRow.body)
            .where(
                LedgerRow.controller_id == controller,
                LedgerRow.position > position,
                LedgerRow.position <= shown,
            )
            .order_by(LedgerRow.position)
            .limit(RECORDS_AT_ONCE)
        ).all()
        if not records:
            continue
        found.moves.append(Move(controller, position, records[-1].position))
        told = [(controller, chain.record_of(row.body)) for row in records]
        zones = rollups.zone_ids(session, [controller])
        rows |= rollups.rows_of(zones, [pair for pair in told if pair[1]["k"] == "r"])
        if len(rows) >= MOST_POINTS:
            break
    _write_minutes(session, found, rows, oldest[Step.MINUTE])
    _write_sums(session, found, rows, Step.HOUR, oldest[Step.HOUR])
    _write_sums(session, found, rows, Step.DAY, oldest[Step.DAY])
    return found


def _probes(session: Session, keys: Iterable[Key]) -> dict[tuple[int, int], Probe]:
    pairs = {(zone, probe) for zone, _, probe in keys}
    places = session.execute(
        select(Zone.id, Controller.site_id, Zone.controller_id, Zone.key)
        .join(Controller, Controller.id == Zone.controller_id)
        .where(Zone.id.in_(sorted({zone for zone, _ in pairs})))
    )
    by_zone = {zone: (site, device, key) for zone, site, device, key in places}
    return {(zone, probe): Probe(*by_zone[zone], probe) for zone, probe in pairs if zone in by_zone}


def _write_minutes(session: Session, found: Slice, rows: dict[Key, list[int]], oldest: int) -> None:
    keys = sorted(key for key in rows if key[1] >= oldest)
    probes = _probes(session, keys)
    for part in _parts(keys):
        kept = session.execute(
            select(Reading.zone_id, *POINT).where(
                tuple_(Reading.zone_id, Reading.at, Reading.probe).in_(part)
            )
        )
        found.lines[Step.MINUTE] += [
            minute(probes[zone, point[2]], Point(*point))
            for zone, *point in kept
            if (zone, point[2]) in probes
        ]


def _write_sums(session: Session, found: Slice, rows: dict[Key, list[int]], step: Step, oldest: int) -> None:
    length = rollups.HOUR if step is Step.HOUR else rollups.DAY
    keys = sorted(
        {
            (zone, at - at % length, probe)
            for (zone, at, probe), figures in rows.items()
            if figures[4] > 0 and at - at % length >= oldest
        }
    )
    probes = _probes(session, keys)
    table, start = _table(step)
    for part in _parts(keys):
        sums = session.execute(
            select(
                table.zone_id, table.probe, start, table.low, table.high, table.weighted, table.seconds
            ).where(tuple_(table.zone_id, start, table.probe).in_(part))
        )
        found.lines[step] += [
            summed(step, probes[zone, probe], Sum(*figures))
            for zone, probe, *figures in sums
            if (zone, probe) in probes
        ]


def _table(step: Step) -> tuple[type[ReadingHour | ReadingDay], InstrumentedAttribute[int]]:
    return (ReadingHour, ReadingHour.hour) if step is Step.HOUR else (ReadingDay, ReadingDay.day)


def _parts(keys: Sequence[Key]) -> Iterable[Sequence[Key]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]
