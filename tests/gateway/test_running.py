"""A real gateway process between a real broker and a real HTTP server."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from firmware.contract import records
from tests.gateway.device import Device
from tests.gateway.peer import Fault, Peer, sealed
from tests.gateway.rig import ROOT, Listener, Rig, topic

pytestmark = [pytest.mark.broker, pytest.mark.system]


@pytest.fixture
def running(rig: Rig) -> Rig:
    rig.start_broker()
    rig.start_gateway()
    return rig


def of(device: Device, peer: Peer, lane: str = "events") -> list[int]:
    """Numbers of a device's records at the server, in the order of their arrival."""
    return [item["record"]["n"] for item in peer.items(lane) if item["device"] == device.name]


def kinds(peer: Peer, kind: str) -> list[dict[str, Any]]:
    return [record for record in peer.records() if record["k"] == kind]


def test_records_go_up_documents_and_commands_come_down(running: Rig, peer: Peer) -> None:
    with running.device() as device:
        for _ in range(100):
            device.make()
        device.reading()
        peer.until(lambda: of(device, peer) == list(range(1, 101)) and of(device, peer, "live") == [1])
        device.until(device.all_acked)
        peer.say(
            kind="desired",
            device="wall-1",
            doc="config",
            version=3,
            base=0,
            payloads=[sealed("config of wall-1")],
        )
        device.until(lambda: device.payloads("desired") == [b"config of wall-1"])
        # A poll names who is online, and with what uptime.
        peer.say(kind="desired", device="wall-2", doc="config", version=1, base=0, payloads=[sealed("other")])
        peer.until(lambda: bool(peer.online))
        name, boot, uptime = peer.online[0].split(",")
        assert (name, boot) == ("wall-1", "1")
        assert 0 <= int(uptime) <= device.uptime_ms()
        in_time = {"boot": 1, "not_after_ms": device.uptime_ms() + 60_000}
        peer.say(kind="command", device="wall-1", id="a" * 16, payload=sealed("open 7"), **in_time)
        device.until(lambda: device.payloads("cmd") == [b"open 7"])
        peer.say(kind="command", device="wall-2", id="b" * 16, payload=sealed("open 8"), **in_time)
        peer.until(lambda: [each["id"] for each in kinds(peer, "undelivered")] == ["b" * 16])
        peer.until(lambda: len(peer.records("health")) >= 1)
        device.until(lambda: len(device.payloads("health")) >= 1)
    health = peer.records("health")[-1]
    assert set(health["lanes"]) == {"events", "live", "backfill", "health"}
    assert health["rss_kb"] > 0
    said = running.log.read_text()
    assert peer.unauthorised == 0
    assert "token-of-the-test-gateway" not in said
    assert not any(key in said for key in running.keys.values())
    assert "config of wall-1" not in said


@pytest.mark.fault("F55")
def test_the_server_away_everything_waits_in_order(running: Rig, peer: Peer) -> None:
    with running.device() as device:
        device.make()
        peer.until(lambda: of(device, peer) == [1])
        peer.reachable = False
        for _ in range(300):
            device.make()
        device.until(device.all_acked, what="the gateway's disk is enough")
        peer.reachable = True
        peer.until(lambda: of(device, peer) == list(range(1, 302)))
        peer.until(lambda: [each["what"] for each in kinds(peer, "outage")] == ["server"])


def test_the_broker_away_devices_come_back_and_an_outage_is_told(running: Rig, peer: Peer) -> None:
    with running.device() as device:
        device.make()
        peer.until(lambda: of(device, peer) == [1])
        running.stop_broker()
        device.until(lambda: not device.connected)
        for _ in range(50):
            device.make()
        running.start_broker()
        peer.until(lambda: of(device, peer) == list(range(1, 52)), timeout=30)
        peer.until(lambda: "broker" in [each["what"] for each in kinds(peer, "outage")])


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(503, {"Retry-After": "1"}), Fault(429, {"Retry-After": "1"})],
        [Fault(500, after=True), Fault(502, after=True)],
        [Fault(413), Fault(413)],
        [Fault(400), Fault(422)],
    ],
    ids=["busy", "answer lost", "too large", "unacceptable"],
)
def test_the_servers_faults_lose_and_double_nothing(running: Rig, peer: Peer, faults: list[Fault]) -> None:
    peer.script = list(faults)
    with running.device() as device:
        for _ in range(200):
            device.make()
        peer.until(lambda: of(device, peer) == list(range(1, 201)), timeout=30)
    assert peer.script == []


def test_one_record_the_server_never_takes_is_replaced_by_a_note(running: Rig, peer: Peer) -> None:
    peer.refuses = lambda item: item["record"].get("d") == 20
    with running.device() as device:
        for _ in range(40):
            device.make()
        peer.until(
            lambda: of(device, peer) == [number for number in range(1, 41) if number != 19], timeout=40
        )
    note = peer.items()[[item["device"] for item in peer.items()].index("gw", 1)]["record"]
    assert (note["k"], note["d"], note["r"], note["x"]) == ("aside", "wall-1", "toolarge", 1)


def test_one_record_at_which_the_server_fails_is_kept_aside_and_the_lane_goes_on(
    running: Rig, peer: Peer
) -> None:
    peer.fails = lambda items: any(item["record"].get("d") == 20 for item in items)
    with running.device() as device:
        for _ in range(30):
            device.make()
        peer.until(
            lambda: of(device, peer) == [number for number in range(1, 31) if number != 19], timeout=120
        )
    note = next(item["record"] for item in peer.items() if item["record"]["k"] == "aside")
    assert (note["d"], note["r"], note["x"]) == ("wall-1", "fault", 1)


def test_a_server_that_fails_at_every_batch_costs_no_record(running: Rig, peer: Peer) -> None:
    failed: list[int] = []

    def fails(items: list[dict[str, Any]]) -> bool:
        if not any(item["record"]["k"] == "health" for item in items):
            failed.append(len(items))
        return failed.count(0) < 2

    peer.fails = fails
    with running.device() as device:
        for _ in range(30):
            device.make()
        peer.until(lambda: of(device, peer) == list(range(1, 31)), timeout=120)
    assert failed.count(0) >= 2, "the gateway has asked whether it is the records"
    sizes = [size for size in failed[: failed.index(0) + 4] if size]
    assert sizes == sorted(sizes), "no batch was halved: no record was suspected"
    assert [item for item in peer.items() if item["record"]["k"] == "aside"] == []


def test_a_restored_server_gets_everything_again(running: Rig, peer: Peer) -> None:
    with running.device() as device:
        for _ in range(50):
            device.make()
        peer.until(lambda: len(of(device, peer)) == 50)
        with peer.changed:
            for stream in peer.streams.values():
                del stream[10:]
            peer.feed_epoch = "feed-2"
            peer.changed.notify_all()
        peer.until(lambda: of(device, peer) == list(range(1, 51)))
        assert peer.snapshots == 2


def test_a_server_that_knows_other_numbers_gets_a_new_stream(rig: Rig, peer: Peer) -> None:
    """The gateway's store was restored from a backup: a new stream epoch, with all there is."""
    rig.start_broker()
    rig.start_gateway()
    with rig.device() as device:
        for _ in range(20):
            device.make()
        peer.until(lambda: len(of(device, peer)) == 20)
        with peer.changed:
            (first,) = {epoch for epoch, _ in peer.streams}
            others = [{"seq": number, "device": "gw", "record": {"k": "x"}} for number in range(1, 900)]
            peer.streams = {(first, "events"): others}
        device.make()
        peer.until(lambda: of(device, peer) == list(range(1, 22)))
    assert {epoch for epoch, _ in peer.streams} != {first}


def test_an_old_feed_position_brings_a_snapshot(running: Rig, peer: Peer) -> None:
    peer.until(lambda: peer.snapshots == 1)
    with running.device() as device:
        device.until(lambda: len(device.payloads("ack")) > 0)
        peer.snapshot_items = [
            {
                "c": 1,
                "kind": "desired",
                "device": "wall-1",
                "doc": "grants",
                "version": 9,
                "base": 0,
                "payloads": [sealed("all grants")],
            }
        ]
        with peer.changed:
            peer.feed_epoch = "feed-2"
            peer.changed.notify_all()
        device.until(lambda: device.payloads("desired") == [b"all grants"])


def test_sigterm_ends_it_cleanly_and_a_second_one_on_its_store_is_refused(running: Rig, peer: Peer) -> None:
    with running.device() as device:
        device.make()
        peer.until(lambda: of(device, peer) == [1])
        command = [sys.executable, "-m", "gateway", "run", "--config", str(running.config)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 2
        assert "another gateway runs on it" in second.stderr
        assert second.stderr.count("\n") == 1
        assert running.kill_gateway(signal.SIGTERM) == 0


def test_what_is_no_record_is_counted_and_a_neighbour_goes_on(running: Rig, peer: Peer) -> None:
    with running.device() as device, running.device("wall-2") as babbler:
        babbler.until(lambda: babbler.connected)
        for _ in range(20):
            babbler.publish("up", b"\x00not json")
            babbler.publish("up", b"[" * 2300)
        for _ in range(6_000):
            babbler.publish("up", records.encode({"v": 1, "l": 0, "k": "door"}))
        for _ in range(100):
            device.make()
        device.until(device.all_acked)
        peer.until(lambda: of(device, peer) == list(range(1, 101)))


def test_time_and_health_come_from_the_gateway_alone(running: Rig) -> None:
    """R-04, R-70: health is retained, time is not."""
    with running.device() as device:
        device.until(lambda: len(device.payloads("time")) > 0 and len(device.payloads("health")) > 0)
    late = Listener(running.port, "wall-2", [topic("gw", "time"), topic("gw", "health")])
    with late.changed:
        late.changed.wait_for(lambda: len(late.heard) > 0, 10)
    late.close()
    assert {(name, retained) for name, _, retained in late.heard if retained} == {
        (topic("gw", "health"), True)
    }
    assert json.loads(late.heard[0][1])["k"] == "health"
