"""What is behind a door, and which word of a controller or a gateway is believed about it."""

from datetime import timedelta
from typing import Any

import pytest

from firmware.contract import commands as wire
from firmware.contract import records
from server.background import tick
from server.people.access import order_token
from tests.server.bench import Bench
from tests.server.pages.stage import Stage


def door_of(bench: Bench, number: int = 1) -> dict[str, Any]:
    """A door as a manager sees it."""
    answer = bench.api("GET", "/api/v1/controllers/wall-1/doors", headers=bench.login())
    doors: list[dict[str, Any]] = answer.json()["items"]
    return doors[number - 1]


def blocks(bench: Bench) -> list[dict[str, Any]]:
    """Blocks in force."""
    found: list[dict[str, Any]] = bench.api("GET", "/api/v1/blocks", headers=bench.login()).json()["items"]
    return found


def ask_block(bench: Bench, zone: str = "chilled") -> Any:
    """A manager blocks a zone by hand."""
    path = "/api/v1/controllers/wall-1/block"
    return bench.api("POST", path, json={"zone": zone, "reason": "odeur"}, headers=bench.login())


@pytest.mark.parametrize("sensor", [records.PRESENT, records.BLIND])
@pytest.mark.parametrize("result", [records.CHECKED, records.KEPT])
def test_an_empty_compartment_is_not_offered_unless_the_sensor_says_empty(
    bench: Bench, result: str, sensor: int
) -> None:
    bench.sync()
    bench.device.tell("door", d=1, s=1, x=0)
    bench.device.tell("door", d=1, s=0, x=0)
    bench.device.tell("after", d=1, g=0, c=0, i=sensor, r=result, ld=0)
    bench.flush()
    door = door_of(bench)
    assert (door["contents"], door["offered"]) == ("doubtful", False)


def test_a_look_that_finds_an_empty_compartment_empty_leaves_it_offered(bench: Bench) -> None:
    bench.sync()
    bench.device.tell("after", d=1, g="0011223344556677", c=0, i=records.ABSENT, r=records.CHECKED, ld=0)
    bench.flush()
    assert door_of(bench)["offered"] is True


def test_a_door_opened_by_force_is_doubtful_even_if_nothing_more_is_heard(bench: Bench) -> None:
    bench.sync()
    bench.device.tell("door", d=1, s=1, x=1)
    bench.device.tell("door", d=1, s=0, x=0)
    bench.flush()
    door = door_of(bench)
    assert (door["contents"], door["open"], door["offered"]) == ("doubtful", False, False)


def test_the_last_word_on_a_door_stands_whatever_its_clock_said(bench: Bench) -> None:
    bench.sync()
    bench.device.tell("door", at=bench.clock.now() + timedelta(hours=20), d=1, s=1, x=0)
    bench.device.tell("door", at=bench.clock.now(), d=1, s=0, x=0)
    bench.flush()
    assert door_of(bench)["open"] is False


@pytest.mark.parametrize("document", ["grants", "cfg"])
def test_a_version_that_was_never_sent_is_not_believed(bench: Bench, document: str) -> None:
    bench.sync()
    bench.device.tell("applied", d=document, ver=10**9, ok=1)
    bench.flush()
    order = bench.order(("tomates",)).json()
    bench.pay(order)
    path = f"/api/v1/orders/{order['id']}/refund"
    assert bench.api("POST", path, json={"reason": "why"}, headers=bench.login()).status_code == 200
    assert bench.state(order["id"])["refund"]["state"] == "waiting"
    rows = bench.api("GET", "/api/v1/controllers", headers=bench.login()).json()["items"]
    row = next(row for row in rows if row["id"] == "wall-1")
    assert max(row["config_applied"], row["grants_applied"]) < 10**9


def test_a_block_that_never_reached_the_controller_blocks_nothing(bench: Bench) -> None:
    bench.sync()
    asked = ask_block(bench)
    assert asked.status_code == 202
    bench.device.uptime_ms += 300_000  # it arrives too late
    bench.sync()
    command = bench.api("GET", f"/api/v1/commands/{asked.json()['id']}", headers=bench.login()).json()
    assert command["state"] == "refused"
    assert blocks(bench) == []
    assert bench.order(("lait",)).status_code == 201


def test_a_block_by_hand_bears_its_person_and_is_lifted(bench: Bench) -> None:
    bench.sync()
    ask_block(bench)
    assert blocks(bench) == []  # the doors do not know yet
    bench.sync()
    (block,) = blocks(bench)
    assert (block["zone"], block["reason"]) == ("chilled", "hand")
    assert block["by"] != "device"
    path = f"/api/v1/blocks/{block['id']}/release"
    assert bench.api("POST", path, json={"reason": "vu"}, headers=bench.login()).status_code == 202
    bench.sync()
    assert blocks(bench) == []


def test_a_block_that_the_controller_lost_can_be_lifted(bench: Bench) -> None:
    bench.sync()
    bench.device.tell("block", id="b1", z="chilled", r="warm")
    bench.sync()
    (block,) = blocks(bench)
    path = f"/api/v1/blocks/{block['id']}/release"
    asked = bench.api("POST", path, json={"reason": "vu"}, headers=bench.login()).json()
    bench.device.tell("cmd", id=asked["id"], st=records.FAILED)  # its flash took nothing: the block may hold
    bench.flush()
    assert len(blocks(bench)) == 1
    asked = bench.api("POST", path, json={"reason": "vu"}, headers=bench.login()).json()
    bench.device.tell("cmd", id=asked["id"], st=records.FAILED, op=wire.RELEASE)
    bench.flush()
    assert blocks(bench) == []


@pytest.mark.parametrize(
    ("zone", "status"),
    [("x" * 300, 422), ("a\x00b", 422), ("\u0007", 422), ("nowhere", 404), ("ambient", 404), ("", 202)],
)
def test_only_a_zone_that_the_controller_knows_is_blocked(bench: Bench, zone: str, status: int) -> None:
    bench.sync()
    assert ask_block(bench, zone).status_code == status


def test_a_gateway_speaks_for_its_own_site_alone(stage: Stage) -> None:
    other = next(site for site in stage.secrets["gateways"] if site != "ferme")
    foreign = {"Authorization": f"Bearer {stage.secrets['gateways'][other]}"}
    now = int(stage.clock.now().timestamp())
    stage.poll()
    manager = stage.login()
    path = "/api/v1/controllers/wall-1/doors/3/open"
    command = stage.api("POST", path, json={"reason": "x"}, headers=manager).json()
    stage.online("hangar-1", "lost")
    told = (
        {"v": 1, "k": "presence", "d": "hangar-1", "s": "online", "b": 1, "t": now},
        {"v": 1, "k": "presence", "d": "wall-1", "s": "lost", "b": 1, "t": now},
        {"v": 1, "k": "quota", "d": "wall-1", "l": 0, "x": 5, "t": now},
        {"v": 1, "k": "undelivered", "id": command["id"], "r": "late", "t": now},
    )
    items = [
        {"seq": at, "device": "gw", "received_ms": now * 1000, "record": record}
        for at, record in enumerate(told, 1)
    ]
    body = {"epoch": "aaaaaaaaaaaaaaaa", "lane": "events", "items": items}
    assert stage.api("POST", "/v1/gateway/batches", json=body, headers=foreign).status_code == 200
    page = stage.page("/manager/alarms").text
    assert page.count('data-alarm="lost"') == 1
    assert 'data-alarm="babbling"' not in page
    found = stage.api("GET", f"/api/v1/commands/{command['id']}", headers=manager).json()
    assert found["state"] == "sent"


def test_a_revoked_bank_takes_no_order_and_owes_nobody(bench: Bench) -> None:
    bench.sync()
    registered, late, held = (bench.order((product,)).json() for product in ("tomates", "lait", "tomates"))
    bench.pay(registered)
    bench.sync()
    assert bench.state(registered["id"])["state"] == "registered"
    waiting = bench.order(("lait",)).json()
    bench.pay(waiting)
    manager = bench.login()
    refund = f"/api/v1/orders/{waiting['id']}/refund"
    bench.api("POST", refund, json={"reason": "changé d'avis"}, headers=manager)
    path = "/api/v1/controllers/wall-1/revoke"
    assert bench.api("POST", path, json={"reason": "volé"}, headers=manager).status_code == 200
    bench.pay(held)
    bench.clock.advance(minutes=36)
    tick(bench.context)
    bench.pay(late)
    tick(bench.context)
    states = [bench.state(order["id"])["state"] for order in (registered, waiting, held, late)]
    assert states == ["refunded"] * 4
    refused = bench.order(("tomates",))
    assert (refused.status_code, refused.json()["code"]) == (409, "revoked")


def test_a_customers_own_refund_leaves_out_what_may_have_been_taken(bench: Bench) -> None:
    bench.sync()
    order = bench.order(("tomates", "lait")).json()
    bench.pay(order)
    bench.sync()
    for producer in ("tilleuls", "source"):
        bench.device.load(bench.personal(producer), bench.clock.now())
    bench.sync()
    climates = {line["door"]: line["climate"] for line in bench.state(order["id"])["lines"]}
    short, _ = bench.codes(order["id"])
    taken = next(grant for grant in bench.device.opens(short) if climates[grant.door] == "ambient")
    bench.device.after(taken, records.DOUBTFUL, records.BLIND, bench.clock.now())
    bench.device.tell("block", id="b1", z="chilled", r="warm")
    bench.sync()
    token = order_token(bench.context, order["id"])
    assert bench.api("POST", f"/o/{order['id']}/{token}/refund").status_code == 303
    bench.sync()
    tick(bench.context)
    now = bench.state(order["id"])
    assert now["state"] == "refunded"
    prices = {line["climate"]: line for line in now["lines"]}
    assert prices["ambient"]["state"] == "doubtful"
    assert prices["chilled"]["state"] == "withdrawn"
    assert 0 < now["refund"]["amount_cents"] < now["total_cents"]
    assert bench.api(
        "POST",
        f"/api/v1/controllers/wall-1/doors/{taken.door}/confirm-empty",
        json={"reason": "vide"},
        headers=bench.login(),
    ).status_code == 200  # fmt: skip


@pytest.mark.parametrize("step_s", [-3600, 3600, 80])
def test_a_step_of_the_wall_clock_changes_no_commands_life(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    bench.sync()
    bench.poll()
    heard = bench.clock.monotonic_ms()
    monkeypatch.setattr(bench.clock, "monotonic_ms", lambda: heard + 2_000)
    bench.clock.advance(seconds=step_s)
    path = "/api/v1/controllers/wall-1/doors/3/open"
    assert bench.api("POST", path, json={"reason": "x"}, headers=bench.login()).status_code == 202
    query = {"since": str(bench.cursor), "epoch": bench.feed_epoch}
    answer = bench.api("GET", "/v1/gateway/changes", params=query, headers=bench.gateway)
    item = answer.json()["items"][-1]
    assert (
        item["not_after_ms"] == bench.device.uptime_ms + 2_000 + bench.context.settings.command_ttl_s * 1000
    )
