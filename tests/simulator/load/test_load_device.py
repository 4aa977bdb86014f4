"""A load device against a real broker and a real gateway: whatever dies, each record arrives once."""

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from os import environ
from pathlib import Path

import pytest

from firmware.contract import records
from simulator.load import ledger
from simulator.load.launch import Load, load_command
from tests.gateway.peer import Peer
from tests.gateway.rig import SITE, Listener, Rig, topic

pytestmark = [pytest.mark.broker, pytest.mark.interpreter, pytest.mark.system]

DEVICE = "wall-1"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    peer = Peer()
    rig = Rig(tmp_path, peer)
    yield rig
    rig.close()
    peer.close()


class Running:
    """A load device's process and its ledger."""

    def __init__(self, rig: Rig, load: Load) -> None:
        self.path = rig.folder / "ledger"
        self.log = rig.folder / "load.log"
        command, environment = load_command(load, self.path)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**environ, **environment}, stdout=log, stderr=log, start_new_session=True
            )

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(30)

    @property
    def said(self) -> ledger.Ledger:
        return ledger.read(self.path)

    def until(self, holds: Callable[[ledger.Ledger], bool], what: str, timeout: float = 60.0) -> None:
        """Wait for the ledger to say something."""
        deadline = time.monotonic() + timeout
        while not holds(self.said):
            assert time.monotonic() < deadline, f"not within {timeout} s: {what}\n{self.log.read_text()}"
            threading.Event().wait(0.02)

    def until_acknowledged(self, seq: int) -> None:
        """Wait until the events up to a number are acknowledged."""
        self.until(lambda now: now.acked.get(records.EVENTS, 0) >= seq, f"{seq} acknowledged")


def load(rig: Rig, **options: object) -> Load:
    values: dict[str, object] = {"rate": 200, "count": 1000, "seed": 7, **options}
    return Load(SITE, DEVICE, rig.settings.tls_listen.port, rig.keys[DEVICE], **values)  # type: ignore[arg-type]


def numbers(told: list[dict[str, object]]) -> list[tuple[object, object]]:
    """The records' numbers; a gap record, under which others are lost, fails the test."""
    assert [record for record in told if record["k"] == "gap"] == []
    return [(record["b"], record["n"]) for record in told]


def of_device(rig: Rig, lanes: tuple[str, ...]) -> list[dict[str, object]]:
    """What the server got from the device, in the order of its numbers' arrival."""
    return [item["record"] for lane in lanes for item in rig.peer.items(lane) if item["device"] == DEVICE]


@pytest.mark.fault("F39")
def test_each_record_arrives_once_though_gateway_and_broker_die(rig: Rig) -> None:
    rig.start_broker()
    rig.start_gateway()
    chance = random.Random(3)
    with Running(rig, load(rig, count=1200)) as device:
        for _ in range(3):
            device.until_acknowledged(device.said.acked.get(records.EVENTS, 0) + chance.randrange(20, 150))
            rig.kill_gateway(signal.SIGKILL)
            rig.start_gateway()
        links = device.said.links
        rig.stop_broker()
        device.until(lambda now: len(now.losses) > 0, "the broken link noticed")
        rig.start_broker()
        device.until(lambda now: now.links > links, "a new link")
        assert device.process.wait(60) == 0, device.log.read_text()
        said = device.said
    assert said.has_ended
    assert said.made == {records.EVENTS: [(1, seq) for seq in range(1, 1201)]}
    rig.peer.until(lambda: len(of_device(rig, ("events",))) >= 1200)
    assert numbers(of_device(rig, ("events",))) == said.made[records.EVENTS]


def test_both_lanes_are_told_and_acknowledged_apart(rig: Rig) -> None:
    rig.start_broker()
    rig.start_gateway()
    both = (records.EVENTS, records.READINGS)
    with Running(rig, load(rig, count=401, lanes=both, zones=("chilled", "frozen"))) as device:
        assert device.process.wait(60) == 0, device.log.read_text()
        said = device.said
    assert said.acked == {records.EVENTS: 201, records.READINGS: 200}
    lanes = ("events", "live", "backfill")
    rig.peer.until(lambda: len(of_device(rig, lanes)) >= 401)
    told = of_device(rig, lanes)
    for record in told:
        records.check(record)
    for lane in both:
        assert numbers([record for record in told if record["l"] == lane]) == said.made[lane]


def test_nobody_acknowledges_and_the_device_goes_back_to_the_first(rig: Rig) -> None:
    """R-44: 32 ahead and no more, then again from the first unacknowledged one."""
    rig.start_broker()
    listener = Listener(rig.port, "gw", [topic(DEVICE, "up"), topic(DEVICE, "state")])
    with Running(rig, load(rig, count=100)):
        with listener.changed:
            assert listener.changed.wait_for(lambda: len(told(listener)) >= 34, 60)
        assert told(listener)[:34] == [*range(1, 33), 1, 2]
    listener.close()
    up = [payload for name, payload, _ in listener.heard if name.endswith("/up")]
    assert records.decode(up[0])["k"] == "hello"
    states = [records.decode(payload) for name, payload, _ in listener.heard if name.endswith("/state")]
    assert states[0] == records.state("online", 1, 1)


def told(listener: Listener) -> list[int]:
    """Numbers of the records heard, in order."""
    messages = [records.decode(payload) for name, payload, _ in listener.heard if name.endswith("/up")]
    return [records.integer(message, "n") for message in messages if message["k"] != "hello"]


def test_a_device_with_a_wrong_key_gets_no_link(rig: Rig) -> None:
    rig.start_broker()
    stranger = Load(SITE, DEVICE, rig.settings.tls_listen.port, "00" * 32, rate=200, count=10, seed=1)
    with Running(rig, stranger) as device:
        device.until(lambda now: len(now.losses) >= 2, "two refusals")
        assert device.said.links == 0
        assert device.process.poll() is None
        assert "00" * 32 not in device.log.read_text() + device.path.read_text()
