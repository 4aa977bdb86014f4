"""What one lying or broken controller, or a lying gateway, may not do to the others."""

from typing import Any

import pytest
from sqlalchemy import func, select

from firmware.contract import commands as wire
from firmware.core import commands as core
from server.gateways import presence
from server.gateways.models import BootClock, DeadLetter
from server.lockers.models import Controller
from server.telemetry.models import LedgerRow
from tests.server.bench import Bench

SLACK_MS = presence.SLACK_MS
HOUR_MS = 3_600_000


def changes(bench: Bench, *online: str) -> list[dict[str, Any]]:
    """A poll that names these as online; what it brings is not handed on."""
    query = [("since", str(bench.cursor)), ("epoch", bench.feed_epoch), *(("online", one) for one in online)]
    answer = bench.api("GET", "/v1/gateway/changes", params=query, headers=bench.gateway)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def uptime(bench: Bench) -> int:
    with bench.context.store.read() as session:
        return session.get_one(Controller, "wall-1").uptime_ms


def rows(value: int = 300) -> list[list[Any]]:
    return [["chilled", 0, value, value, value, 5, 0]]


@pytest.mark.parametrize(
    "wrong",
    [{"p0": 1 << 62}, {"p0": 1 << 33}, {"s": 1 << 62}, {"s": 0}, {"u": 1 << 60}, {"t": 1 << 62}, {"z": [[]]}],
)
def test_one_malformed_reading_is_put_aside_and_the_lane_goes_on(bench: Bench, wrong: dict[str, Any]) -> None:
    """R-41."""
    bench.sync()
    now = int(bench.clock.now().timestamp())
    for _ in range(2):
        bench.device.tell("r", lane=1, p0=now - 60, s=60, z=rows())
    bad, good = bench.device.told[-2] | wrong, bench.device.told[-1]
    answer = bench.batch([bad, good], lane="live", first=1)
    assert answer.status_code == 200, answer.text
    assert answer.json()["upto"] == 2
    assert [(one["seq"], one["code"]) for one in answer.json()["rejected"]] == [(1, "field")]
    with bench.context.store.read() as session:
        assert session.scalar(select(func.count(DeadLetter.id))) == 1
        assert session.scalars(select(LedgerRow.seq)).all()[-1] == good["n"]


@pytest.mark.parametrize("error", [OverflowError, OSError, ValueError, AttributeError, RecursionError])
def test_whatever_a_record_raises_in_a_handler_the_lane_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    from server.gateways import dispatch

    def burst(*_: object) -> None:
        raise error("a number too large")

    monkeypatch.setitem(dispatch._HANDLERS, "power", [burst])
    bench.sync()
    bench.device.tell("power", s=0)
    bench.device.tell("door", d=1, s=1, x=0)
    answer = bench.batch(bench.device.told[-2:])
    assert answer.status_code == 200, answer.text
    assert [one["code"] for one in answer.json()["rejected"]] == ["handler"]


@pytest.mark.parametrize(
    "lie",
    [
        "hangar-1,1,18014398509481984",
        "hangar-1,9007199254740992,1",
        "hangar-1,1," + "9" * 5000,
        "hangar-1,1",
        "hangar-1,-1,5",
        "hangar-1,\u0661,5",
        "\x00,1,1",
        "",
    ],
)
def test_a_controller_that_lies_about_itself_cuts_nobody_elses_feed(bench: Bench, lie: str) -> None:
    """R-50."""
    bench.poll()
    changes(bench, lie, "wall-1,1,12345")
    assert uptime(bench) == 12345


def test_a_site_may_have_hundreds_of_controllers(bench: Bench) -> None:
    bench.poll()
    changes(bench, *(f"board-{number},1,1" for number in range(511)), "wall-1,1,12345")
    assert uptime(bench) == 12345


def test_a_presence_record_with_a_boot_beyond_measure_changes_no_boot(bench: Bench) -> None:
    bench.sync()
    now = int(bench.clock.now().timestamp())
    record = {"v": 1, "k": "presence", "d": "wall-1", "s": "online", "b": 1 << 60, "t": now}
    assert bench.batch([record], device="gw").status_code == 200
    with bench.context.store.read() as session:
        assert session.get_one(Controller, "wall-1").boot == 1


def test_a_gateway_that_makes_a_controller_older_makes_no_command_that_lasts(bench: Bench) -> None:
    """R-55."""
    bench.sync()
    true = bench.device.uptime_ms
    changes(bench, f"wall-1,1,{true + 10 * HOUR_MS}")
    manager = bench.login()
    sent = bench.api("POST", "/api/v1/controllers/wall-1/doors/3/open", json={"reason": "x"}, headers=manager)
    assert sent.status_code == 202, sent.text
    command = wire.unpack(bench.device._unseal("cmd", changes(bench)[-1]["payload"]))
    ttl = bench.context.settings.command_ttl_s * 1000
    assert core.judge(command, 1, true) == ""
    assert core.judge(command, 1, true + ttl + SLACK_MS + 1) != ""


def test_many_lies_in_a_row_add_up_to_no_more_than_one(bench: Bench) -> None:
    bench.poll()
    changes(bench, "wall-1,1,1000")
    for _ in range(50):
        changes(bench, f"wall-1,1,{HOUR_MS}")
    assert uptime(bench) == 1000 + SLACK_MS
    changes(bench, "wall-1,2,500")
    changes(bench, f"wall-1,1,{HOUR_MS}")
    assert uptime(bench) == 1000 + SLACK_MS, "nor by another boot in between"


def test_a_true_uptime_is_believed_for_weeks(bench: Bench) -> None:
    bench.poll()
    changes(bench, "wall-1,1,1000")
    for day in range(1, 40):
        bench.clock.advance(hours=24)
        drifted = 1000 + day * 24 * HOUR_MS * 10_001 // 10_000
        changes(bench, f"wall-1,1,{drifted}")
        assert uptime(bench) == drifted
    bench.clock.advance(hours=-5)
    changes(bench, f"wall-1,1,{drifted + 20_000}")
    bench.clock.advance(hours=24)
    changes(bench, f"wall-1,1,{drifted + 24 * HOUR_MS}")
    assert uptime(bench) == drifted + 24 * HOUR_MS, "a clock of the server's that is set back costs little"


def test_boots_remembered_are_bounded(bench: Bench) -> None:
    bench.poll()
    for boot in range(1, presence.MAX_BOOTS + 6):
        bench.clock.advance(seconds=1)
        with bench.context.store.write() as session:
            presence.note(session, "ferme", [presence.Online("wall-1", boot, 1)], bench.clock.now())
    with bench.context.store.read() as session:
        assert session.scalar(select(func.count(BootClock.boot))) == presence.MAX_BOOTS
        assert session.get(BootClock, ("wall-1", presence.MAX_BOOTS + 5)) is not None
