"""What the judge has before it for a run of records: the zones concerned and both its memories of each."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.coldchain.judge import Finding, Watch
from server.coldchain.models import ZoneWatch
from server.coldchain.prefix import Place
from server.lockers.models import Zone
from server.telemetry.models import LedgerHead
from server.telemetry.series import Point


@dataclass(frozen=True, slots=True)
class Judged:
    """What the live run made of a minute: the history run need not reckon it again if it knew the same."""

    points: list[Point]
    before: Watch
    after: Watch
    found: tuple[Finding, ...]


@dataclass
class Desk:
    """Loaded in three queries, whatever the number of controllers; the rows are the session's."""

    session: Session
    zones: dict[str, list[Zone]]
    """Of each controller, in the order of the site file."""
    ends: dict[str, int]
    """Position of the last record in each controller's ledger."""
    judged: dict[tuple[int, Place], Judged] = field(default_factory=dict)
    """By zone and place in the journal."""
    _rows: dict[tuple[int, str], ZoneWatch] = field(default_factory=dict)

    @classmethod
    def open(cls, session: Session, controllers: Iterable[str]) -> "Desk":
        """The desk for some controllers."""
        zones: dict[str, list[Zone]] = {name: [] for name in controllers}
        for zone in session.scalars(
            select(Zone).where(Zone.controller_id.in_(sorted(zones))).order_by(Zone.id)
        ):
            zones[zone.controller_id].append(zone)
        heads = session.execute(
            select(LedgerHead.controller_id, LedgerHead.position).where(
                LedgerHead.controller_id.in_(sorted(zones))
            )
        )
        desk = cls(session, zones, {row.controller_id: row.position for row in heads})
        numbers = [zone.id for each in zones.values() for zone in each]
        for row in session.scalars(select(ZoneWatch).where(ZoneWatch.zone_id.in_(numbers))):
            desk._rows[row.zone_id, row.run] = row
        return desk

    def row(self, zone: Zone, run: str) -> ZoneWatch:
        """The memory of one run over a zone, made if it is new."""
        row = self._rows.get((zone.id, run))
        if row is None:
            row = ZoneWatch(zone_id=zone.id, run=run, watch={}, epoch="", upto=0)
            self.session.add(row)
            self._rows[zone.id, run] = row
        return row
