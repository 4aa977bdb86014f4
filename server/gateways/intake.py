"""Batches from gateways: each item once, in order, committed before it is answered; what cannot be read is
put aside.

A record that breaks the contract, or that a subject cannot take, becomes a dead letter with its reason:
intake goes on.
"""

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import null, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from firmware.contract import records
from firmware.contract.errors import ContractError
from server.foundation.clock import from_unix, unix_ms
from server.foundation.context import Context
from server.foundation.database import is_broken
from server.foundation.errors import Conflict, Problem
from server.foundation.upserts import insert_new
from server.gateways.dispatch import Item, Taken, dispatch, dispatch_run
from server.gateways.models import DeadLetter, DeviceRecord, Gateway, LaneCursor
from server.gateways.schemas import Batch, BatchAnswer, BatchItem, Pace, Rejected
from server.lockers.models import REVOKED, Controller

log = logging.getLogger(__name__)

GATEWAY = "gw"
OWN_KINDS = ("undelivered", "presence", "aside", "quota", "outage")
FUTURE = timedelta(days=1)
MAX_BATCH = 250
"""Asked of gateways: a batch holds the one writer for some tens of milliseconds (a tenth of a second with
eight probes at each controller), and a click on a door waits behind it."""
_MAX_BODY = 4000
_NUMBER = ("controller_id", "epoch", "lane", "boot", "seq")
"""What makes a record this one and no other."""
_DATA_ERRORS = (
    Problem,
    SQLAlchemyError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the content of a record can raise in a handler: numbers too large for a date or a column are among
the arithmetic and operating system errors."""


class _UnreadableError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


def take(session: Session, context: Context, site_id: str, batch: Batch) -> BatchAnswer:
    """Stores a batch; raises Conflict with `expect` when it begins beyond the next number of its lane."""
    now = context.clock.now()
    cursor = session.get(LaneCursor, (site_id, batch.epoch, batch.lane), with_for_update=True)
    if cursor is None:
        cursor = LaneCursor(site_id=site_id, epoch=batch.epoch, lane=batch.lane, upto=0)
        session.add(cursor)
        session.flush()
    devices = {
        device.id: device
        for device in session.scalars(select(Controller).where(Controller.site_id == site_id))
    }
    rejected: list[Rejected] = []
    for run in _runs(site_id, batch, _next(cursor.upto, batch.items), devices, now):
        if run.taken and _take_run(session, context, site_id, batch, run.taken, now):
            continue
        for item in run.items:
            refusal = _take_one(session, context, site_id, batch, item, devices, now)
            if refusal is not None:
                rejected.append(refusal)
    cursor.upto = max(cursor.upto, batch.items[-1].seq if batch.items else 0)
    gateway = session.get(Gateway, site_id)
    if gateway is not None:
        gateway.heard_at = now
    return BatchAnswer(
        upto=cursor.upto, rejected=rejected, now_ms=unix_ms(now), pace=Pace(max_batch=MAX_BATCH, min_ms=0)
    )


def _next(upto: int, items: list[BatchItem]) -> list[BatchItem]:
    """The items beyond `upto`; raises Conflict where one does not follow the other."""
    fresh = []
    for item in items:
        if item.seq <= upto:
            continue
        if item.seq != upto + 1:
            raise Conflict(
                f"the next number of this lane is {upto + 1}", code="hole", extra={"expect": upto + 1}
            )
        fresh.append(item)
        upto = item.seq
    return fresh


@dataclass
class _Run:
    """Items that follow each other: readings that are in order (`taken` for each), or one of any kind."""

    items: list[BatchItem] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)


def _runs(
    site_id: str, batch: Batch, items: list[BatchItem], devices: dict[str, Controller], now: datetime
) -> list[_Run]:
    """The items in their order, readings grouped: there are thousands of them, and one is like the other."""
    runs: list[_Run] = []
    for item in items:
        try:
            if batch.lane == "health" or item.record.get("k") != "r":
                runs.append(_Run([item]))
                continue
            taken = _checked(site_id, batch.lane, item, devices, now)
        except (_UnreadableError, ContractError, *_DATA_ERRORS):
            runs.append(_Run([item]))  # met again, and answered, where it is taken by itself
            continue
        if not runs or not runs[-1].taken:
            runs.append(_Run())
        runs[-1].items.append(item)
        runs[-1].taken.append(taken)
    return runs


def _take_run(
    session: Session, context: Context, site_id: str, batch: Batch, taken: list[Taken], now: datetime
) -> bool:
    """Stores a run of readings whole, or nothing of it: False if anything in it could not be taken."""
    try:
        with session.begin_nested():
            fresh = _only_new(session, taken, now)
            for one in fresh:
                _heard(one.device, one.record, now)
            if fresh:
                dispatch_run(session, context, "r", fresh)
    except (ContractError, *_DATA_ERRORS) as error:
        if is_broken(error):
            raise
        log.warning("a run of %s readings of %s/%s is taken one by one", len(taken), site_id, batch.lane)
        return False
    return True


def _only_new(session: Session, taken: list[Taken], now: datetime) -> list[Taken]:
    """Notes the numbers of records, and returns those that were not there."""
    by_number = {_number(one.device, one.record): one for one in reversed(taken)}
    rows = [
        {
            **dict(zip(_NUMBER, number, strict=True)),
            "kind": one.record["k"],
            "at": one.known_at,
            "uptime_ms": one.record["u"],
            "received_at": now,
        }
        for number, one in reversed(by_number.items())
    ]
    session.flush()
    fresh = set(insert_new(session, DeviceRecord, rows, _NUMBER))
    return [one for number, one in reversed(by_number.items()) if number in fresh]


def _number(device: Controller, record: dict[str, Any]) -> tuple[str, str, int, int, int]:
    return device.id, record["e"], record["l"], record["b"], record["n"]


def _take_one(
    session: Session,
    context: Context,
    site_id: str,
    batch: Batch,
    item: BatchItem,
    devices: dict[str, Controller],
    now: datetime,
) -> Rejected | None:
    refusal = _try(session, context, site_id, batch.lane, item, devices, now)
    if refusal is None:
        return None
    code, detail = refusal
    session.add(
        DeadLetter(
            site_id=site_id,
            epoch=batch.epoch,
            lane=batch.lane,
            seq=item.seq,
            device=item.device[:64].replace("\x00", ""),
            code=code,
            detail=detail,
            body=json.dumps(item.record)[:_MAX_BODY],
            received_at=now,
        )
    )
    session.flush()
    gap = _gap_instead(item, code)
    if gap is not None:
        _try(session, context, site_id, batch.lane, gap, devices, now)
    return Rejected(seq=item.seq, code=code, detail=detail)


def _try(
    session: Session,
    context: Context,
    site_id: str,
    lane: str,
    item: BatchItem,
    devices: dict[str, Controller],
    now: datetime,
) -> tuple[str, str] | None:
    """Stores an item whole or not at all: None, or the code and the words of why not. Whatever is in a
    record, it must not stop the lane; only a database that can't be written does."""
    try:
        with session.begin_nested():
            _store(session, context, site_id, lane, item, devices, now)
    except _UnreadableError as error:
        return error.code, error.detail
    except ContractError as error:
        return error.reason, "the record breaks the contract"
    except _DATA_ERRORS as error:
        if is_broken(error):
            raise
        log.exception("item %s of %s/%s was not taken", item.seq, site_id, lane)
        return "handler", type(error).__name__
    return None


def _gap_instead(item: BatchItem, code: str) -> BatchItem | None:
    """The gap record that stands for readings put aside: the history is judged on a prefix without holes."""
    record = item.record
    if record.get("k") != "r":
        return None
    gap = {key: record.get(key) for key in ("v", "e", "l", "b", "n", "u")}
    return item.model_copy(
        update={"record": {**gap, "t": 0, "q": 0, "k": "gap", "f": record.get("n"), "r": code}}
    )


def _store(
    session: Session,
    context: Context,
    site_id: str,
    lane: str,
    item: BatchItem,
    devices: dict[str, Controller],
    now: datetime,
) -> None:
    received = from_unix(item.received_ms // 1000)
    if lane == "health":
        gateway = session.get(Gateway, site_id)
        if gateway is not None:
            gateway.health = item.record
            gateway.health_at = now
        place = Item(site_id, lane, item.seq, GATEWAY, received, received, now)
        dispatch(session, context, None, {**item.record, "k": "health"}, place)
        return
    if item.device == GATEWAY:
        kind = item.record.get("k")
        if kind not in OWN_KINDS:
            raise _UnreadableError("kind", "not a record of a gateway")
        place = Item(site_id, lane, item.seq, GATEWAY, _own_time(item.record, received), received, now)
        dispatch(session, context, None, item.record, place)
        return
    taken = _checked(site_id, lane, item, devices, now)
    if not _is_new(session, taken.device, taken.record, taken.known_at, now):
        return
    _heard(taken.device, taken.record, now)
    dispatch(session, context, taken.device, taken.record, taken.item)


def _checked(
    site_id: str, lane: str, item: BatchItem, devices: dict[str, Controller], now: datetime
) -> Taken:
    """A controller's record as its subjects get it; raises _UnreadableError or ContractError."""
    received = from_unix(item.received_ms // 1000)
    device = devices.get(item.device)
    if device is None:
        raise _UnreadableError("device", "no such device at this site")
    if device.presence == REVOKED:
        raise _UnreadableError("revoked", "this device may not speak any more")
    record = item.record
    if record.get("v") != 1:
        raise ContractError("version")
    records.check(record)
    at = _time(record, received, now)
    _refuse_ahead(record, received, now)
    return Taken(device, record, Item(site_id, lane, item.seq, device.id, at or received, received, now), at)


def _own_time(record: dict[str, Any], received: datetime) -> datetime:
    t = record.get("t")
    if isinstance(t, int) and not isinstance(t, bool) and 0 < t < 1 << 34:
        return from_unix(t)
    return received


def _time(record: dict[str, Any], received: datetime, now: datetime) -> datetime | None:
    t = records.integer(record, "t")
    if t == 0 or record["q"] not in (records.RTC, records.DISCIPLINED):
        return None  # unknown, or the last floor before a power cut: not when it happened
    if not 0 < t < 1 << 34:
        raise _UnreadableError("time", "not a time")
    at = from_unix(t)
    if at > max(now, received) + FUTURE:
        raise _UnreadableError("future", "dated more than a day ahead")
    return at


def _refuse_ahead(record: dict[str, Any], received: datetime, now: datetime) -> None:
    if records.is_ahead(record, int(max(now, received).timestamp())):
        raise _UnreadableError("future", f"readings of more than {records.AHEAD_S} s ahead")


def _is_new(
    session: Session, device: Controller, record: dict[str, Any], at: datetime | None, now: datetime
) -> bool:
    number = dict(zip(_NUMBER, _number(device, record), strict=True))
    if session.scalar(select(DeviceRecord.id).filter_by(**number)) is not None:
        return False
    session.add(
        DeviceRecord(
            **number,
            kind=record["k"],
            at=at,
            uptime_ms=record["u"],
            received_at=now,
            body=null() if record["k"] == "r" else record,
        )
    )
    session.flush()
    return True


def _heard(device: Controller, record: dict[str, Any], now: datetime) -> None:
    """A record of a newer boot: its uptime is the least the device can have by now."""
    if record["b"] > device.boot:
        device.boot = record["b"]
        device.uptime_ms = record["u"]
        device.heard_at = now
