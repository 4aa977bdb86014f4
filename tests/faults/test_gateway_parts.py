"""Parts of the gateway that stop: a thread that dies, or lives and does nothing; lists that break while it
runs; a queue without room; the broker's files cut short.
"""

import json
import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.contract import topics
from gateway import __main__ as program
from gateway.app import Gateway
from gateway.broker import files, passwords, revocation
from gateway.broker.keeper import Keeper
from gateway.errors import BrokerFilesError
from tests.faults.test_gateway_link import until
from tests.faults.test_gateway_store import UP, a_gateway, door
from tests.gateway.peer import Peer
from tests.gateway.rig import Listener, Rig, private, topic


@pytest.fixture
def signals() -> Iterator[None]:
    """A gateway that runs in this process takes the signals; they are given back."""
    kept = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in kept.items():
        signal.signal(each, handler)


def end(gateway: Gateway, peer: Peer) -> None:
    """What the process's end would do."""
    with peer.changed:
        peer.reachable = False
        peer.changed.notify_all()
    gateway._writer._gave_up = "the test is over"
    gateway._writer._refuse_queued()
    gateway._keeper.stop()
    gateway._downstream.stop()
    gateway._upstream.stop()
    gateway._stopping.set()
    gateway._link._stopping.set()
    for part in (gateway._link, gateway._upstream, gateway._downstream):
        part.thread.join(30)


@pytest.mark.fault("F54")
@pytest.mark.parametrize("name", ["writer", "keeper", "link", "upstream", "downstream"])
@pytest.mark.usefixtures("signals")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_f54_a_thread_that_dies_ends_the_process_with_status_1(
    rig: Rig, peer: Peer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """SystemExit ends a thread without a word: nobody would notice."""

    def die(*_: object) -> None:
        raise SystemExit

    step = {
        "writer": "_group",
        "keeper": "_look",
        "link": "_connection",
        "upstream": "_one_batch",
        "downstream": "_poll",
    }
    monkeypatch.setattr("gateway.app.TICK_S", 0.02)
    with a_gateway(rig.settings) as gateway:
        monkeypatch.setattr(getattr(gateway, f"_{name}"), step[name], die)
        assert gateway.run() == 1
        assert gateway._stuck() == name
        end(gateway, peer)


@pytest.mark.fault("F54")
@pytest.mark.usefixtures("signals")
def test_f54_a_thread_that_lives_and_does_nothing_ends_the_process_too(
    rig: Rig, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that never answers: the thread is alive, its work is not."""
    disk = threading.Event()
    monkeypatch.setattr("gateway.app.TICK_S", 0.02)
    monkeypatch.setattr("gateway.app.DISK_S", 1.5)
    with a_gateway(rig.settings) as gateway:
        gateway._writer.offer(lambda _effects: disk.wait(60))
        assert gateway.run() == 1
        assert gateway._stuck() == "writer"
        assert gateway._writer.thread.is_alive()
        disk.set()
        end(gateway, peer)


@pytest.mark.fault("F40")
def test_f40_what_finds_no_room_in_the_queue_is_counted_and_comes_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unacknowledged, and its hole is not taken for the device's own."""
    with a_gateway(rig.settings) as gateway:
        monkeypatch.setattr(gateway._writer, "_queue", type(gateway._writer._queue)(2))
        for number in (1, 2, 3, 4):
            gateway._heard(UP, door(number), False)
        assert gateway._tally.totals() == {"busy": 2}
        gateway._writer.start()
        count = "SELECT count(*) FROM out WHERE device = 'wall-1'"
        assert gateway._writer.call(lambda _e: gateway._database.execute(count).fetchone()) == (2,)
        for number in (3, 4):
            gateway._heard(UP, door(number), False)
        assert gateway._writer.call(lambda _e: gateway._database.execute(count).fetchone()) == (4,)


@pytest.mark.fault("F53")
@pytest.mark.parametrize("broken", ["{", "[]", '{"wall-1": "short"}', '{"a/#": "' + "ab" * 32 + '"}'])
def test_f53_a_list_of_devices_that_breaks_leaves_the_last_good_one_in_force(rig: Rig, broken: str) -> None:
    files.write(rig.settings, revocation.admitted(rig.settings))
    written = files.paths(rig.settings.broker_dir).keys
    before = written.read_text()
    keeper = Keeper(rig.settings, [])
    keeper.start()
    private(rig.devices_file, broken)
    keeper._woken.set()
    until(lambda: keeper._seen == keeper._stamp())
    assert keeper.devices == {"wall-1", "wall-2"}
    assert written.read_text() == before
    private(rig.devices_file, json.dumps({"wall-3": "cd" * 32}))
    keeper._woken.set()
    until(lambda: keeper.devices == {"wall-3"})
    keeper.stop()


@pytest.mark.fault("F44")
@pytest.mark.parametrize("name", ["rights", "keys", "passwords", "configuration"])
@pytest.mark.parametrize("how", ["empty", "cut", "missing"])
def test_f44_a_file_of_the_broker_that_was_cut_is_whole_again_before_the_broker_starts(
    rig: Rig, capsys: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    """`gateway broker` runs before each start of the broker (docs/operations.md)."""
    words = ["broker", "--config", str(rig.config)]
    assert program.main(words) == 0
    file = getattr(files.paths(rig.settings.broker_dir), name)
    whole = file.read_text()
    if how == "missing":
        file.unlink()
    else:
        file.write_text("" if how == "empty" else whole[: len(whole) // 2])
    assert program.main(words) == 0
    assert file.read_text() == whole
    capsys.readouterr()


@pytest.mark.fault("F44")
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("devices.json", "", "is not JSON"),
        ("devices.json", "{}", "a broker without users would serve nobody"),
        ("devices.json", '{"wall-1": "ab', "is not JSON"),
        ("devices.json", None, "can't be read"),
        ("kept/revoked.json", "", "the list of revoked devices"),
        ("kept/broker.password", "", "is cut short"),
        ("kept/broker.password", "half-a-passw", "is cut short"),
        ("kept/broker.password", "\n", "is cut short"),
    ],
)
def test_f44_without_its_lists_the_broker_is_not_started(
    rig: Rig, capsys: pytest.CaptureFixture[str], name: str, content: str | None, said: str
) -> None:
    """An empty rights file lets everybody do everything, an empty password lets everybody be the gateway."""
    file = rig.folder / name
    file.parent.mkdir(exist_ok=True)
    if content is None:
        file.unlink()
    else:
        private(file, content)
    assert program.main(["broker", "--config", str(rig.config)]) == 2
    caught = capsys.readouterr()
    assert said in caught.err
    assert caught.err.count("\n") == 1
    assert not rig.settings.broker_dir.exists()


@pytest.mark.fault("F44")
def test_f44_a_password_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(_descriptor: int) -> None:
        raise OSError(5, "the power went")

    with monkeypatch.context() as dark:
        dark.setattr(os, "fsync", cut)
        with pytest.raises(OSError, match="the power went"):
            passwords.kept(tmp_path)
    assert not (tmp_path / "broker.password").exists()
    made = passwords.kept(tmp_path)
    assert len(made) >= passwords.SHORTEST
    assert passwords.kept(tmp_path) == made
    private(tmp_path / "broker.password", made[:20])
    with pytest.raises(BrokerFilesError, match="cut short"):
        passwords.kept(tmp_path)


def packet(kind: int, body: bytes, length: int | None = None) -> bytes:
    """An MQTT packet; `length` lies about its size."""
    left = len(body) if length is None else length
    head = bytes([kind])
    while True:
        head += bytes([left % 128 | (0x80 if left >= 128 else 0)])
        left //= 128
        if not left:
            return head + body


def text(content: bytes) -> bytes:
    return struct.pack(">H", len(content)) + content


def hello(user: bytes, password: bytes) -> bytes:
    body = text(b"MQTT") + bytes([4, 0xC2, 0, 60]) + text(user) + text(user) + text(password)
    return packet(0x10, body)


HUGE = b"lk/1/ferme/wall-1/" + b"x" * (65_535 - 18)
POISON = {
    "a topic of 65,535 bytes": packet(0x30, text(HUGE) + b"x"),
    "a subscription to one": packet(0x82, b"\0\1" + text(HUGE) + b"\0"),
    "a topic that is no UTF-8": packet(0x30, text(b"lk/1/ferme/wall-1/\xff\xfe") + b"x"),
    "a topic with a NUL": packet(0x30, text(b"lk/1/ferme/wall-1/u\0p") + b"x"),
    "a topic with wildcards": packet(0x30, text(b"lk/1/ferme/+/up") + b"x"),
    "a topic longer than its packet": packet(0x30, b"\xff\xff" + b"x"),
    "a length that is a lie": packet(0x30, text(b"lk/1/ferme/wall-1/up"), length=268_435_455),
    "a length without end": b"\x30\xff\xff\xff\xff\xff\x7f",
    "a packet that is none": bytes([0xF0, 0, 0x00, 0, 0x0F, 3, 1, 2, 3]),
    "a second greeting": hello(b"wall-1", b"test-password"),
    "bytes": bytes(range(256)) * 8,
}


@pytest.mark.fault("F43")
@pytest.mark.broker
@pytest.mark.system
def test_f43_malformed_huge_and_lying_packets_harm_their_sender_alone(rig: Rig, peer: Peer) -> None:
    """Real bytes to the real broker, from somebody who may come in; broker and gateway go on."""
    rig.start_broker()
    rig.start_gateway()
    with rig.device("wall-2") as neighbour:
        neighbour.make()
        neighbour.until(neighbour.all_acked)
        for poison in POISON.values():
            with socket.create_connection(("127.0.0.1", rig.port), timeout=10) as sock:
                sock.sendall(hello(b"wall-1", b"test-password"))
                assert sock.recv(4) == b"\x20\x02\x00\x00"
                try:
                    sock.sendall(poison)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(4096):
                        pass
                except OSError:
                    continue  # it was thrown out while it spoke
        with rig.device("wall-1") as device:
            device.make()
            device.until(device.all_acked)
        neighbour.make()
        neighbour.until(neighbour.all_acked)
        peer.until(lambda: len([each for each in peer.items() if each["device"] != "gw"]) == 3)
    assert rig.broker is not None
    assert rig.broker.poll() is None
    assert rig.gateway is not None
    assert rig.gateway.poll() is None


@pytest.mark.fault("F42")
@pytest.mark.broker
@pytest.mark.system
def test_f42_a_retained_command_does_not_outlive_the_broker(rig: Rig) -> None:
    """Whoever has the gateway's rights could leave one; a device refuses it (R-04), a restart sweeps it."""
    rig.start_broker()
    gateway = Listener(rig.port, "gw", [topic("wall-1", "up")])
    gateway.client.publish(topic("wall-1", "cmd"), b"poison", qos=1, retain=True).wait_for_publish(10)
    gateway.close()
    late = Listener(rig.port, "wall-1", [topic("wall-1", "cmd")])
    with late.changed:
        assert late.changed.wait_for(lambda: late.heard == [(topic("wall-1", "cmd"), b"poison", True)], 10)
    late.close()
    rig.stop_broker()
    rig.start_broker()
    later = Listener(rig.port, "wall-1", [topic("wall-1", "cmd"), topic("gw", "time")])
    speaker = Listener(rig.port, "gw", [topic("wall-1", "up")])
    speaker.client.publish(topics.topic("ferme", "gw", "time"), b"fence", qos=1)
    with later.changed:
        assert later.changed.wait_for(lambda: any(said == b"fence" for _, said, _ in later.heard), 10)
    assert [said for _, said, _ in later.heard] == [b"fence"]
    later.close()
    speaker.close()
