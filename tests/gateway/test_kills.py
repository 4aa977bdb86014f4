"""SIGKILL at any moment loses nothing and doubles nothing: twenty seeded ones at 200 records a second."""

import random
import threading
import time

import pytest

from firmware.contract import records
from tests.gateway.device import Device
from tests.gateway.peer import Fault, Peer
from tests.gateway.rig import Rig

pytestmark = [pytest.mark.broker, pytest.mark.system]

KILLS = 20
PER_SECOND = 200
SEED = 20


def produce(devices: list[Device], stop: threading.Event) -> None:
    """PER_SECOND records over all devices, one in five a reading."""
    started, made = time.monotonic(), 0
    while not stop.wait(0.01):
        while made < (time.monotonic() - started) * PER_SECOND:
            device = devices[made % len(devices)]
            if made % 5 == 0:
                device.reading()
            else:
                device.make()
            made += 1


@pytest.mark.fault("F47", "F51")
def test_twenty_kills_at_two_hundred_records_a_second(rig: Rig, peer: Peer) -> None:
    rig.start_broker()
    dice = random.Random(SEED)
    stop = threading.Event()
    with rig.device("wall-1") as one, rig.device("wall-2") as two:
        producer = threading.Thread(target=produce, args=([one, two], stop))
        producer.start()
        for kill in range(KILLS):
            before = len(peer.batches)
            rig.start_gateway()
            peer.until(lambda before=before: len(peer.batches) > before, what="it works")  # type: ignore[misc]
            stop.wait(dice.uniform(0.0, 0.7))
            if kill % 3 == 0:
                # Its last answers are lost: what the server has is sent again.
                with peer.changed:
                    peer.script += [Fault(500, after=True)]
            rig.kill_gateway()
        stop.set()
        producer.join()
        peer.script.clear()
        rig.start_gateway()
        for device in (one, two):
            device.until(device.all_acked, timeout=60, what="everything acknowledged")
        made = {
            (device.name, lane): len(device.lanes[lane].made)
            for device in (one, two)
            for lane in records.LANES
        }

        def arrived() -> dict[tuple[str, int], list[int]]:
            found: dict[tuple[str, int], list[int]] = {key: [] for key in made}
            for lane in ("events", "live", "backfill"):
                for item in peer.items(lane):
                    if item["device"] != "gw":
                        found[item["device"], item["record"]["l"]].append(item["record"]["n"])
            return found

        peer.until(
            lambda: {key: len(each) for key, each in arrived().items()} == made, timeout=60, what=str(made)
        )
        for key, numbers in arrived().items():
            assert sorted(numbers) == list(range(1, made[key] + 1)), f"lost or twice: {key}"
            if key[1] == records.EVENTS:
                assert numbers == sorted(numbers), f"out of order: {key}"
        gaps = [
            record for lane in ("events", "live") for record in peer.records(lane) if record["k"] == "gap"
        ]
        assert gaps == []
    assert sum(made.values()) > KILLS * PER_SECOND * 0.3
