"""Readings as they arrive: into the chained ledger exactly once, and into the views. Called in the intake's
transaction.
"""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from firmware.contract import records
from server.foundation.clock import from_unix, unix_ms
from server.foundation.context import Context
from server.gateways.dispatch import Item
from server.lockers.models import Controller, Zone
from server.telemetry import chain
from server.telemetry.models import LedgerHead, LedgerRow, Reading, ReadingHour, TelemetryGap
from server.telemetry.series import Point

HOUR = 3600


def zones_by_key(session: Session, controller_id: str) -> dict[str, Zone]:
    """The controller's zones by their id there."""
    found = session.scalars(select(Zone).where(Zone.controller_id == controller_id))
    return {zone.key: zone for zone in found}


def points_of(record: dict[str, Any], zone_key: str) -> list[Point]:
    """The rows of a readings record that concern one zone; none if the device knew no time."""
    if not record["p0"]:
        return []
    return [
        Point(record["p0"], record["s"], row[1], row[2], row[3], row[4], row[5], row[6])
        for row in record["z"]
        if row[0] == zone_key
    ]


def append(session: Session, context: Context, device: Controller, record: dict[str, Any]) -> bool:
    """Adds a record of the readings lane to the device's chain; False if its number is already there."""
    known = session.scalar(
        select(LedgerRow.id).where(
            LedgerRow.controller_id == device.id,
            LedgerRow.epoch == record["e"],
            LedgerRow.seq == record["n"],
        )
    )
    if known is not None:
        return False
    head = session.get(LedgerHead, device.id, with_for_update=True)
    if head is None:
        head = LedgerHead(controller_id=device.id, position=0, link=chain.GENESIS)
        session.add(head)
    head.position += 1
    body = chain.canonical({"d": device.id, "rx": unix_ms(context.clock.now()), "r": record})
    head.link = chain.link(head.link, head.position, body)
    session.add(
        LedgerRow(
            controller_id=device.id,
            position=head.position,
            epoch=record["e"],
            seq=record["n"],
            first_seq=records.first_seq(record),
            body=body,
            link=head.link,
        )
    )
    return True


def on_readings(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], _item: Item
) -> None:
    """Handler of `r` records."""
    if device is None or not append(session, context, device, record):
        return
    for zone in zones_by_key(session, device.id).values():
        for point in points_of(record, zone.key):
            if _insert_reading(session, zone.id, point) and point.samples > 0:
                _add_to_hour(session, zone.id, point)


def on_gap(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], _item: Item
) -> None:
    """Handler of `gap` records: those of the readings lane close a hole in the ledger for good."""
    if device is None or record["l"] != records.READINGS or not append(session, context, device, record):
        return
    before = session.scalars(
        select(LedgerRow)
        .where(
            LedgerRow.controller_id == device.id, LedgerRow.epoch == record["e"], LedgerRow.seq < record["f"]
        )
        .order_by(LedgerRow.seq.desc())
        .limit(1)
    ).first()
    start = _end_of(before) if before is not None else 0
    session.add(
        TelemetryGap(
            controller_id=device.id,
            start=start,
            end=record["t"] or int(context.clock.now().timestamp()),
            cause="dropped",
            first_seq=record["f"],
            last_seq=record["n"],
            noted_at=context.clock.now(),
        )
    )


def on_boot(
    session: Session, context: Context, device: Controller | None, record: dict[str, Any], _item: Item
) -> None:
    """Handler of `boot` records: they name the interval whose readings the power cut may have swallowed."""
    if device is None or not record["m0"] or record["m1"] <= record["m0"]:
        return
    session.add(
        TelemetryGap(
            controller_id=device.id,
            start=record["m0"],
            end=record["m1"],
            cause="reboot",
            noted_at=context.clock.now(),
        )
    )


def _end_of(row: LedgerRow) -> int:
    record = chain.record_of(row.body)
    end = int(record.get("p0", 0)) + int(record.get("s", 0)) if record["k"] == "r" else int(record["t"])
    return end if from_unix(end).year > 2000 else 0


def _insert_reading(session: Session, zone_id: int, point: Point) -> bool:
    """False if that probe and minute are there already (a clock was set back): the first stays."""
    module = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = (
        module.insert(Reading)
        .values(
            zone_id=zone_id,
            at=point.at,
            probe=point.probe,
            length_s=point.length,
            low=point.low,
            mean=point.mean,
            high=point.high,
            samples=point.samples,
            health=point.health,
        )
        .on_conflict_do_nothing()
    )
    return session.connection().execute(statement).rowcount == 1


def _add_to_hour(session: Session, zone_id: int, point: Point) -> None:
    hour = point.at - point.at % HOUR
    row = session.get(ReadingHour, (zone_id, hour, point.probe))
    if row is None:
        session.add(
            ReadingHour(
                zone_id=zone_id,
                hour=hour,
                probe=point.probe,
                low=point.low,
                high=point.high,
                weighted=point.mean * point.length,
                seconds=point.length,
            )
        )
        return
    row.low, row.high = min(row.low, point.low), max(row.high, point.high)
    row.weighted += point.mean * point.length
    row.seconds += point.length


def rebuild(session: Session, controller_id: str) -> int:
    """Makes the views of a controller anew from its ledger; returns the number of records read."""
    zones = zones_by_key(session, controller_id)
    for zone in zones.values():
        session.execute(delete(Reading).where(Reading.zone_id == zone.id))
        session.execute(delete(ReadingHour).where(ReadingHour.zone_id == zone.id))
    count = 0
    rows = session.scalars(
        select(LedgerRow.body).where(LedgerRow.controller_id == controller_id).order_by(LedgerRow.position)
    ).all()
    for body in rows:
        record = chain.record_of(body)
        count += 1
        if record["k"] != "r":
            continue
        for zone in zones.values():
            for point in points_of(record, zone.key):
                if _insert_reading(session, zone.id, point) and point.samples > 0:
                    _add_to_hour(session, zone.id, point)
    return count
