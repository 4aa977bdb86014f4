"""An order's whole way, seen by its shop, its customer, the gateway and the wall."""

from datetime import timedelta

import pytest

from firmware.contract import grants, records
from server.background import tick
from tests.server.bench import Bench


def ready(bench: Bench) -> str:
    """An order that is paid, registered and loaded."""
    order = bench.order().json()
    bench.pay(order)
    bench.sync()
    bench.device.load(bench.personal("tilleuls"))
    bench.device.load(bench.personal("source"))
    bench.sync()
    return str(order["id"])


def test_an_order_goes_from_hold_to_collected_and_its_doors_are_offered_again(bench: Bench) -> None:
    bench.sync()
    assert bench.device.config.help_number == "02 33 00 00 00"
    response = bench.order()
    assert response.status_code == 201
    order = response.json()
    assert order["state"] == "held"
    assert [line["state"] for line in order["lines"]] == ["held", "held"]

    bench.pay(order)
    assert bench.state(order["id"])["state"] == "paid"
    bench.sync()
    now = bench.state(order["id"])
    assert now["state"] == "registered"
    assert len(set(now["doors"])) == 2

    short, long = bench.codes(order["id"])
    named = bench.device.opens(short)
    assert [each.door for each in named] == sorted(now["doors"])
    assert bench.device.opens(long)
    assert {each.flags for each in named} == {grants.ONCE | grants.NEEDS_LOAD}

    assert bench.device.load(bench.personal("tilleuls")) == [line["door"] for line in now["lines"][:1]]
    bench.sync()
    assert bench.state(order["id"])["state"] == "registered"
    bench.device.load(bench.personal("source"))
    bench.sync()
    assert bench.state(order["id"])["state"] == "ready"
    assert bench.device.opens(bench.personal("source")) == []

    for grant in bench.device.opens(short):
        bench.device.after(grant, records.COLLECTED, records.ABSENT)
    bench.sync()
    assert bench.state(order["id"])["state"] == "collected"
    assert bench.device.opens(short) == []
    assert bench.codes(order["id"]) == ("", "")
    doors = bench.api("GET", "/api/v1/controllers/wall-1/doors", headers=bench.login()).json()["items"]
    assert all(door["offered"] for door in doors)
    verdict = bench.api("GET", "/api/v1/audit/verify", headers=bench.login()).json()
    assert verdict == {"holds": True, "fault": ""}


def test_a_door_closed_with_the_goods_inside_is_no_collection(bench: Bench) -> None:
    order_id = ready(bench)
    short, _ = bench.codes(order_id)
    first, second = bench.device.opens(short)
    bench.device.after(first, records.KEPT, records.PRESENT)
    bench.device.after(second, records.COLLECTED, records.ABSENT)
    bench.sync()
    assert bench.state(order_id)["state"] == "ready"
    assert bench.device.opens(short)
    bench.device.after(first, records.COLLECTED, records.ABSENT)
    bench.sync()
    assert bench.state(order_id)["state"] == "collected"


def test_a_blind_sensor_leaves_doubt_until_a_person_has_looked(bench: Bench) -> None:
    order_id = ready(bench)
    short, _ = bench.codes(order_id)
    first, second = bench.device.opens(short)
    bench.device.after(first, records.DOUBTFUL, records.BLIND)
    bench.device.after(second, records.COLLECTED, records.ABSENT)
    bench.sync()
    assert bench.state(order_id)["state"] == "collected"
    manager = bench.login()
    doors = bench.api("GET", "/api/v1/controllers/wall-1/doors", headers=manager).json()["items"]
    by_number = {door["number"]: door for door in doors}
    assert by_number[first.door]["contents"] == "doubtful"
    assert not by_number[first.door]["offered"]
    assert by_number[second.door]["offered"]
    path = f"/api/v1/controllers/wall-1/doors/{first.door}/confirm-empty"
    assert bench.api("POST", path, json={"reason": ""}, headers=manager).status_code == 422
    assert bench.api("POST", path, json={"reason": "looked inside"}, headers=manager).status_code == 200
    doors = bench.api("GET", "/api/v1/controllers/wall-1/doors", headers=manager).json()["items"]
    assert all(door["offered"] for door in doors)


def test_a_refund_is_final_only_when_the_wall_no_longer_opens(bench: Bench) -> None:
    order_id = ready(bench)
    short, _ = bench.codes(order_id)
    manager = bench.login()
    answer = bench.api(
        "POST", f"/api/v1/orders/{order_id}/refund", json={"reason": "fridge failed"}, headers=manager
    )
    assert answer.status_code == 200
    tick(bench.context)
    assert bench.state(order_id)["refund"]["state"] == "waiting"
    assert bench.device.opens(short)
    bench.sync()
    tick(bench.context)
    assert bench.device.opens(short) == []
    now = bench.state(order_id)
    assert now["state"] == "refunded"
    assert now["refund"]["amount_cents"] == now["total_cents"]
    doors = bench.api("GET", "/api/v1/controllers/wall-1/doors", headers=manager).json()["items"]
    assert not any(door["offered"] for door in doors if door["number"] in now["doors"])


def test_what_was_collected_before_the_revocation_arrived_is_not_refunded(bench: Bench) -> None:
    order_id = ready(bench)
    short, _ = bench.codes(order_id)
    first, second = bench.device.opens(short)
    manager = bench.login()
    bench.api("POST", f"/api/v1/orders/{order_id}/refund", json={"reason": "x"}, headers=manager)
    bench.device.after(first, records.COLLECTED, records.ABSENT)
    bench.sync()
    tick(bench.context)
    now = bench.state(order_id)
    assert now["state"] == "refunded"
    kept = next(line for line in now["lines"] if line["door"] == first.door)
    price = {"tomates": 450, "lait": 180}
    assert now["refund"]["amount_cents"] == now["total_cents"] - price[kept["product"]]
    assert second.door in now["doors"]


@pytest.mark.fault("S9")
def test_an_order_never_loaded_is_refunded_when_its_window_is_over(bench: Bench) -> None:
    order = bench.order().json()
    bench.pay(order)
    bench.sync()
    bench.clock.advance(hours=7)
    bench.sync()
    bench.sync()
    now = bench.state(order["id"])
    assert now["state"] == "refunded"
    assert {line["state"] for line in now["lines"]} == {"cleared"}


def test_an_order_not_collected_expires_and_its_goods_stay(bench: Bench) -> None:
    order_id = ready(bench)
    bench.clock.advance(hours=7)
    bench.sync()
    bench.sync()
    now = bench.state(order_id)
    assert now["state"] == "expired"
    assert {line["state"] for line in now["lines"]} == {"expired"}
    assert not bench.device.held


def test_an_order_for_later_gets_its_doors_a_day_before(bench: Bench) -> None:
    start = bench.clock.now() + timedelta(days=4)
    order = bench.order(start=start, end=start + timedelta(hours=3)).json()
    bench.pay(order)
    bench.sync()
    assert bench.state(order["id"])["doors"] == []
    bench.clock.advance(days=3, minutes=1)
    tick(bench.context)
    bench.sync()
    assert bench.state(order["id"])["state"] == "registered"


def test_an_expired_order_is_refunded_only_after_its_revocation_was_applied(bench: Bench) -> None:
    order_id = ready(bench)
    bench.clock.advance(hours=7)
    tick(bench.context)
    assert bench.state(order_id)["state"] == "expired"
    path = f"/api/v1/orders/{order_id}/refund"
    bench.api("POST", path, json={"reason": "kind"}, headers=bench.login())
    tick(bench.context)
    assert bench.state(order_id)["refund"]["state"] == "waiting"
    bench.sync()
    tick(bench.context)
    assert bench.state(order_id)["state"] == "refunded"
