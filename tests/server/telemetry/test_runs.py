"""Readings are taken in runs, and everything holds that held one by one: once, in order, chained, and what
cannot be taken holds nothing else up.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from firmware.contract import records
from server.foundation.context import Context
from server.gateways import dispatch
from server.gateways.dispatch import Taken
from server.gateways.models import DeadLetter, DeviceRecord
from server.telemetry import chartdata
from server.telemetry.models import LedgerRow, Reading, ReadingHour
from tests.server.pages.stage import PERIOD, Stage


def told(stage: Stage, count: int, **changes: Any) -> list[dict[str, Any]]:
    """The wall's next readings records, without handing them up."""
    found = []
    for _ in range(count):
        stage.clock.advance(seconds=PERIOD)
        now = int(stage.clock.now().timestamp())
        rows = [["chilled", probe, 190, 210, 240, 60, 0] for probe in range(2)]
        stage.device.tell("r", records.READINGS, stage.clock.now(), p0=now - PERIOD, s=PERIOD, z=rows)
        found.append({**stage.device.told.pop(), **changes})
    return found


def count(stage: Stage, table: type[Any]) -> int:
    with stage.context.store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def ledger(stage: Stage) -> list[tuple[int, int]]:
    with stage.context.store.read() as session:
        assert chartdata.verify(session, "wall-1") == ""
        rows = session.execute(select(LedgerRow.position, LedgerRow.seq).order_by(LedgerRow.position))
        return [(row.position, row.seq) for row in rows]


def test_a_run_is_stored_as_if_one_by_one(stage: Stage) -> None:
    answer = stage.batch(told(stage, 30), lane="backfill", first=1)
    assert (answer.json()["upto"], answer.json()["rejected"]) == (30, [])
    assert ledger(stage) == [(at, at) for at in range(1, 31)]
    assert count(stage, Reading) == 60
    with stage.context.store.read() as session:
        hours = session.scalars(select(ReadingHour).where(ReadingHour.probe == 0).order_by(ReadingHour.hour))
        assert [(hour.seconds, hour.weighted) for hour in hours] == [
            (3600, 3600 * 210),
            (3600, 3600 * 210),
            (1800, 1800 * 210),
        ]


def test_what_a_run_repeats_of_itself_or_of_another_is_stored_once(stage: Stage) -> None:
    made = told(stage, 4)
    stage.batch(made[:3], lane="backfill", first=1)
    answer = stage.batch([made[1], made[3], made[3], made[0]], lane="live", first=1)
    assert (answer.json()["upto"], answer.json()["rejected"]) == (4, [])
    assert ledger(stage) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert count(stage, Reading) == 8


def test_other_records_between_readings_keep_their_place(stage: Stage) -> None:
    first, second, third = told(stage, 3)
    stage.device.tell("door", d=1, s=1, x=0)
    door = stage.device.told.pop()
    before = count(stage, DeviceRecord)
    answer = stage.batch([first, door, second, third], lane="live", first=1)
    assert answer.json()["rejected"] == []
    with stage.context.store.read() as session:
        kinds = session.scalars(select(DeviceRecord.kind).order_by(DeviceRecord.id)).all()[before:]
    assert list(kinds) == ["r", "door", "r", "r"]


def test_one_bad_record_in_a_run_is_put_aside_and_its_hole_closed(stage: Stage) -> None:
    made = told(stage, 5)
    made[2] = {**made[2], "s": 0}
    answer = stage.batch(made, lane="live", first=1)
    assert [(one["seq"], one["code"]) for one in answer.json()["rejected"]] == [(3, "field")]
    assert ledger(stage) == [(at, at) for at in range(1, 6)]
    assert count(stage, Reading) == 8
    assert count(stage, DeadLetter) == 1


def test_a_run_that_a_subject_cannot_take_is_taken_one_by_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(_session: Session, _context: Context, taken: Sequence[Taken]) -> None:
        if any(one.record["n"] == 3 for one in taken):
            raise ArithmeticError("this one is too much")

    handlers = [*dispatch._RUN_HANDLERS["r"], picky]
    monkeypatch.setitem(dispatch._RUN_HANDLERS, "r", handlers)
    answer = stage.batch(told(stage, 5), lane="live", first=1)
    assert [(one["seq"], one["code"]) for one in answer.json()["rejected"]] == [(3, "handler")]
    assert answer.json()["upto"] == 5
    assert [seq for _, seq in ledger(stage)] == [1, 2, 3, 4, 5]  # its gap record stands for the third
    assert count(stage, Reading) == 8


def test_the_same_number_of_another_boot_is_not_a_second_minute(stage: Stage) -> None:
    first = told(stage, 1)[0]
    again = {**first, "b": 2, "z": [["chilled", 0, 700, 710, 720, 60, 0]]}
    answer = stage.batch([first, again, *told(stage, 2)], lane="live", first=1)
    assert answer.json()["rejected"] == []
    assert ledger(stage) == [(1, 1), (2, 2), (3, 3)]
    assert count(stage, Reading) == 6
