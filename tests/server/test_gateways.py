"""The gateway's side: batches once and in order, dead letters, the feed and its snapshot, commands that
cannot be late."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from firmware.contract import records
from server.background import tick
from server.gateways import bell, retention
from server.gateways.bell import Listener
from server.lockers.models import Controller
from tests.server.bench import Bench


def test_items_known_already_are_passed_over_and_a_hole_is_refused(bench: Bench) -> None:
    bench.device.tell("power", s=1)
    bench.device.tell("power", s=0)
    assert bench.batch(bench.device.told).json()["upto"] == 2
    again = bench.batch(bench.device.told, first=1)
    assert again.json()["upto"] == 2
    hole = bench.batch(bench.device.told, first=4)
    assert hole.status_code == 409
    assert hole.json()["expect"] == 3
    manager = bench.login()
    listed = bench.api("GET", "/api/v1/records", headers=manager).json()["items"]
    assert [row["seq"] for row in listed] == [1, 2]


def test_a_record_sent_under_another_number_of_the_gateway_counts_once(bench: Bench) -> None:
    bench.device.tell("power", s=1)
    bench.batch(bench.device.told)
    answer = bench.batch(bench.device.told, epoch="ffffffffffffffff", first=1)
    assert answer.json() == {**answer.json(), "upto": 1, "rejected": []}
    listed = bench.api("GET", "/api/v1/records", headers=bench.login()).json()["items"]
    assert len(listed) == 1


def test_what_cannot_be_read_is_put_aside_and_intake_goes_on(bench: Bench) -> None:
    bench.device.tell("power", s=1)
    good = bench.device.told[0]
    future = {**good, "n": 2, "t": int(bench.clock.now().timestamp()) + 90_000, "q": 3}
    bad: list[dict[str, Any]] = [
        {"v": 1},
        {**good, "k": "song"},
        {**good, "extra": 1},
        future,
        {**good, "v": 2},
        {**good, "n": 3, "k": "after", "d": 99, "g": 1, "c": 1, "i": 0, "r": "loaded", "ld": 1},
    ]
    del bad[5]["s"]
    answer = bench.batch([*bad, good]).json()
    assert answer["upto"] == 7
    assert [each["code"] for each in answer["rejected"]] == [
        "field",
        "kind",
        "field",
        "future",
        "version",
        "handler",
    ]
    listed = bench.api("GET", "/api/v1/records", headers=bench.login()).json()["items"]
    assert [row["kind"] for row in listed] == ["power"]


def test_a_device_of_nobody_is_put_aside(bench: Bench) -> None:
    bench.device.tell("power", s=1)
    answer = bench.batch(bench.device.told, device="wall-9").json()
    assert [each["code"] for each in answer["rejected"]] == ["device"]


def test_a_batch_may_be_zipped_but_not_without_bounds(bench: Bench) -> None:
    body = {"epoch": "00112233445566ff", "lane": "events", "items": []}
    headers = {**bench.gateway, "Content-Encoding": "gzip"}
    zipped = gzip.compress(json.dumps(body).encode())
    assert bench.api("POST", "/v1/gateway/batches", content=zipped, headers=headers).status_code == 200
    bomb = gzip.compress(b" " * 9_000_000)
    assert bench.api("POST", "/v1/gateway/batches", content=bomb, headers=headers).status_code == 413
    assert bench.api("POST", "/v1/gateway/batches", content=b"no", headers=headers).status_code == 400


def test_without_the_gateways_token_nothing(bench: Bench) -> None:
    for headers in ({}, bench.shop, {"Authorization": "Bearer "}, bench.login()):
        answer = bench.api("GET", "/v1/gateway/snapshot", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_cursor_of_another_feed_is_gone_and_the_snapshot_has_everything(bench: Bench) -> None:
    order = bench.order().json()
    bench.pay(order)
    bench.poll()
    assert len(bench.device.held) == 4
    for epoch, since in (("0000000000000000", 0), (bench.feed_epoch, bench.cursor + 1)):
        query = {"since": str(since), "epoch": epoch}
        answer = bench.api("GET", "/v1/gateway/changes", params=query, headers=bench.gateway)
        assert answer.status_code == 410


def test_a_refused_change_is_answered_with_the_whole_set(bench: Bench) -> None:
    bench.sync()
    bench.device.version = 99  # a controller that lost its way
    order = bench.order().json()
    bench.pay(order)
    bench.poll()
    bench.device.version = 0
    bench.device.tell("applied", d="grants", ver=1, ok=0, r="digest")
    bench.sync()
    assert bench.state(order["id"])["state"] == "registered"


@pytest.mark.parametrize("reason", ["flash", "memory"])
def test_a_board_that_cannot_keep_a_set_is_not_flooded_with_new_ones(bench: Bench, reason: str) -> None:
    """Its gateway says the same again, with growing pauses; a new version for each refusal would go round for
    as long as the flash refuses.
    """
    bench.sync()
    order = bench.order().json()
    bench.pay(order)
    version = _grants_version(bench)
    bench.device.tell("applied", d="grants", ver=version, ok=0, r=reason)
    bench.flush()
    assert _grants_version(bench) == version


def _grants_version(bench: Bench) -> int:
    with bench.context.store.read() as session:
        return session.get_one(Controller, "wall-1").grants_version


def test_a_ring_wakes_a_waiting_poll() -> None:
    async def scene() -> None:
        async with Listener("ferme") as listener:
            waiting = asyncio.create_task(listener.wait(60))
            await asyncio.sleep(0)
            bell.ring("elsewhere")
            assert not waiting.done()
            bell.ring("ferme")
            await asyncio.wait_for(waiting, 5)

    asyncio.run(scene())


def open_door(bench: Bench, manager: dict[str, str], door: int = 1, reason: str = "a look") -> Any:
    """A manager's click."""
    path = f"/api/v1/controllers/wall-1/doors/{door}/open"
    return bench.api("POST", path, json={"reason": reason}, headers=manager)


def test_a_command_opens_once_and_says_what_became_of_it(bench: Bench) -> None:
    manager = bench.login()
    assert open_door(bench, manager).json()["code"] == "offline"
    bench.sync()
    bench.poll()
    answer = open_door(bench, manager)
    assert answer.status_code == 202
    items = bench.poll()
    command = next(item for item in items if item["kind"] == "command")
    assert command["boot"] == 1
    assert command["not_after_ms"] == bench.device.uptime_ms + 60_000
    bench.device.take(command)  # a replay
    bench.flush()
    found = bench.api("GET", f"/api/v1/commands/{answer.json()['id']}", headers=manager).json()
    assert (found["state"], found["outcome"]) == ("done", "opened")
    assert bench.device.coils == [1]
    assert open_door(bench, manager, reason=" ").status_code == 422
    assert open_door(bench, manager, door=77).status_code == 404


def test_a_command_nobody_answers_is_silent_and_an_undelivered_one_says_so(bench: Bench) -> None:
    manager = bench.login()
    bench.sync()
    bench.poll()
    lost, held_back = open_door(bench, manager).json()["id"], open_door(bench, manager).json()["id"]
    bench.batch([{"v": 1, "k": "undelivered", "id": held_back, "r": "offline", "t": 0}], device="gw")
    bench.clock.advance(seconds=151)
    tick(bench.context)
    states = [
        bench.api("GET", f"/api/v1/commands/{name}", headers=manager).json()["state"]
        for name in (lost, held_back)
    ]
    assert states == ["silent", "undelivered"]


def test_a_block_by_hand_closes_its_doors_until_the_controller_says_released(bench: Bench) -> None:
    manager = bench.login()
    bench.sync()
    bench.poll()
    body = {"zone": "chilled", "reason": "cleaning"}
    assert (
        bench.api("POST", "/api/v1/controllers/wall-1/block", json=body, headers=manager).status_code == 202
    )
    bench.sync()
    doors = bench.api("GET", "/api/v1/controllers/wall-1/doors", headers=manager).json()["items"]
    assert {door["zone"] for door in doors if door["blocked"]} == {"chilled"}
    block = bench.api("GET", "/api/v1/blocks", headers=manager).json()["items"][0]
    path = f"/api/v1/blocks/{block['id']}/release"
    assert bench.api("POST", path, json={"reason": "clean"}, headers=manager).status_code == 202
    assert bench.api("GET", "/api/v1/blocks", headers=manager).json()["items"]
    bench.sync()
    assert bench.api("GET", "/api/v1/blocks", headers=manager).json()["items"] == []


def test_presence_and_health_are_kept(bench: Bench) -> None:
    bench.batch([{"v": 1, "k": "presence", "d": "wall-1", "s": "online", "b": 7, "t": 0}], device="gw")
    view = bench.api("GET", "/api/v1/controllers", headers=bench.login()).json()["items"][0]
    assert (view["presence"], view["boot"]) == ("online", 7)
    bench.batch([{"v": 1, "k": "presence", "d": "wall-1", "s": "lost", "b": 7, "t": 0}], device="gw")
    view = bench.api("GET", "/api/v1/controllers", headers=bench.login()).json()["items"][0]
    assert view["presence"] == "lost"
    assert bench.batch([{"v": 1, "rss": 1}], device="gw", lane="health", first=1).json()["upto"] == 1


def test_readings_keep_their_number_here_and_their_body_in_the_ledger(bench: Bench) -> None:
    rows = [["chilled", 0, 200, 210, 220, 12, 0]]
    bench.device.tell("r", lane=records.READINGS, p0=int(bench.clock.now().timestamp()), s=60, z=rows)
    bench.flush()
    listed = bench.api("GET", "/api/v1/records", headers=bench.login()).json()["items"]
    assert [(row["kind"], row["body"]) for row in listed] == [("r", None)]


def test_a_revoked_controller_is_told_of_and_heard_no_more(bench: Bench) -> None:
    manager = bench.login()
    bench.sync()
    bench.poll()
    path = "/api/v1/controllers/wall-1/revoke"
    assert bench.api("POST", path, json={"reason": "stolen"}, headers=manager).status_code == 200
    assert bench.api("POST", path, json={"reason": "stolen"}, headers=manager).status_code == 409
    query = {"since": str(bench.cursor), "epoch": bench.feed_epoch, "online": "wall-1,1,20000"}
    items = bench.api("GET", "/v1/gateway/changes", params=query, headers=bench.gateway).json()["items"]
    assert [(item["kind"], item["device"]) for item in items] == [("revoke", "wall-1")]
    snapshot = bench.api("GET", "/v1/gateway/snapshot", headers=bench.gateway).json()["items"]
    assert [item["kind"] for item in snapshot] == ["revoke"]
    assert open_door(bench, manager).json()["code"] == "offline"
    bench.device.tell("power", s=1)
    answer = bench.batch(bench.device.told[-1:]).json()
    assert [each["code"] for each in answer["rejected"]] == ["revoked"]


@pytest.mark.fault("S11")
def test_the_feed_forgets_what_is_old_but_never_its_end(bench: Bench) -> None:
    bench.sync()
    cursor = bench.cursor
    order = bench.order().json()
    bench.pay(order)
    bench.clock.advance(days=31)
    with bench.context.store.write() as session:
        retention.forget_old(session, bench.context, "")
    query = {"since": "0", "epoch": bench.feed_epoch}
    answer = bench.api("GET", "/v1/gateway/changes", params=query, headers=bench.gateway)
    assert answer.status_code == 410
    query["since"] = str(cursor)
    answer = bench.api("GET", "/v1/gateway/changes", params=query, headers=bench.gateway)
    assert [item["version"] for item in answer.json()["items"]] == [1]


def test_a_time_that_is_only_the_last_floor_is_not_taken_for_the_truth(bench: Bench) -> None:
    bench.device.tell("power", at=bench.clock.now(), s=1)
    bench.device.told[0]["q"] = records.FLOOR
    bench.flush()
    listed = bench.api("GET", "/api/v1/records", headers=bench.login()).json()["items"]
    assert listed[0]["at"] is None
