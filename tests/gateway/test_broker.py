"""The real broker on its generated files: who may do what, and how it ends."""

import json
import os
import socket
import ssl
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware.contract import topics
from gateway import settings
from gateway.broker import files, passwords, revocation
from gateway.errors import BrokerFilesError, SettingsError
from simulator.parts import broker as broker_part
from simulator.parts import interpreter
from tests.gateway.peer import Peer
from tests.gateway.rig import PASSWORD, SITE, Listener, Rig, private, topic

USERS = ("wall-1", "wall-2", "gw", "stranger")
PLACES = [
    *(topic("wall-1", leaf) for leaf in (*topics.FROM_DEVICE, *topics.TO_DEVICE)),
    *(topic("gw", leaf) for leaf in topics.FROM_GATEWAY),
    "lk/1/elsewhere/wall-1/up",
    "lk/1/ferme/wall-1/other",
    "lk/1/ferme/+/up",
    "$SYS/broker/version",
    "other",
]


def may(user: str, action: str, place: str) -> bool:
    """The rights as the protocol has them: docs/protocol.md, and nothing else."""
    if not place.startswith(f"lk/1/{SITE}/"):
        return False
    device, leaf = place.split("/")[3:5]
    if device == "+":
        return False
    if user == "gw":
        if device == "gw":
            return True
        return leaf in (topics.FROM_DEVICE if action == "read" else topics.TO_DEVICE)
    if user not in ("wall-1", "wall-2"):
        return False
    if device == "gw":
        return action == "read" and leaf in topics.FROM_GATEWAY
    if device != user:
        return False
    if leaf == "state":
        return True
    return leaf in (topics.TO_DEVICE if action == "read" else topics.FROM_DEVICE)


@pytest.mark.broker
@pytest.mark.system
def test_every_user_topic_and_action(rig: Rig) -> None:
    """Judged by delivery: a refused publish is acknowledged and a refused subscribe is granted by the broker.

    Each publisher ends with a message that all may hear, so that absence is known and not waited for.
    """
    rig.start_broker()
    # An all-seeing user of the test's own, beside the generated rights.
    everything = rig.folder / "broker" / "rights.acl"
    everything.write_text(everything.read_text() + "\nuser witness\ntopic readwrite #\ntopic read $SYS/#\n")
    users = rig.folder / "test.passwd"
    users.write_text(users.read_text() + passwords.entry("witness", PASSWORD))
    assert rig.broker is not None
    assert revocation.reload(rig.settings.broker_pid_file)
    witness = Listener(rig.port, "witness", ["#"])
    wanted = [place for place in PLACES if "+" not in place and not place.startswith("$")]
    readers = {user: Listener(rig.port, user, PLACES) for user in USERS}
    for user, reader in readers.items():
        for place in PLACES:
            if "+" not in place:
                reader.client.publish(place, f"from {user}", qos=1)
        # An allowed one, last: the broker keeps the order of a connection.
        fence = topic("gw", "time") if user == "gw" else topic(user, "state")
        reader.client.publish(fence, f"end of {user}", qos=1)
    with witness.changed:
        ended = {f"end of {user}".encode() for user in USERS if user != "stranger"}
        assert witness.changed.wait_for(lambda: ended <= {payload for _, payload, _ in witness.heard}, 10)
    for user in USERS:
        heard = {place for place, payload, _ in witness.heard if payload == f"from {user}".encode()}
        assert heard == {place for place in wanted if may(user, "write", place)}, f"written by {user}"
    for place in wanted:
        witness.client.publish(place, "from witness", qos=1)
    witness.client.publish(topic("gw", "time"), "end", qos=1)
    for user, reader in readers.items():
        if user == "stranger":
            continue
        with reader.changed:
            assert reader.changed.wait_for(lambda r=reader: any(p == b"end" for _, p, _ in r.heard), 10)  # type: ignore[misc]
        heard = {place for place, payload, _ in reader.heard if payload == b"from witness"}
        assert heard == {place for place in wanted if may(user, "read", place)}, f"heard by {user}"
    assert readers["stranger"].heard == []
    for each in (witness, *readers.values()):
        each.close()


def refused(port: int, user: str | None, password: str | None, client_id: str = "") -> bool:
    """Whether a connection is refused."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=client_id or user or "x", protocol=mqtt.MQTTv311
    )
    if user is not None:
        client.username_pw_set(user, password)
    answer: list[bool] = []
    client.on_connect = lambda _c, _d, _f, reason, _p: answer.append(reason.is_failure)
    client.connect("127.0.0.1", port)
    while not answer and client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS:
        pass
    client.disconnect()
    return not answer or answer[0]


@pytest.mark.broker
@pytest.mark.system
def test_nobody_comes_in_without_a_name_and_a_secret(rig: Rig) -> None:
    rig.start_broker()
    own = rig.settings.broker.port
    assert refused(own, None, None)
    assert refused(own, "gw", "wrong")
    assert refused(own, "wall-1", rig.keys["wall-1"])
    assert not refused(own, "gw", passwords.kept(rig.settings.persist_dir))
    with pytest.raises((OSError, ssl.SSLError)):
        refused_tls(rig.settings.tls_listen.port)


def refused_tls(port: int) -> None:
    """A TLS client without a pre-shared key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=5)) as sock:
        sock.recv(1)


@pytest.mark.broker
@pytest.mark.system
@pytest.mark.fault("F41")
def test_a_client_id_is_the_user_whatever_was_asked(rig: Rig) -> None:
    """Else a device could take another's session over, or the gateway's."""
    rig.start_broker()
    one = Listener(rig.port, "wall-1", [topic("wall-1", "cmd")])
    assert not refused(rig.port, "wall-2", PASSWORD, client_id="wall-1")
    assert not one.closed.is_set()
    assert one.client.is_connected()
    one.close()


@pytest.mark.broker
@pytest.mark.system
@pytest.mark.fault("F43")
def test_what_is_too_large_ends_its_sender_alone(rig: Rig) -> None:
    """R-05."""
    rig.start_broker()
    loud = Listener(rig.port, "wall-1", [topic("wall-1", "ack")])
    quiet = Listener(rig.port, "wall-2", [topic("wall-2", "ack")])
    loud.client.publish(topic("wall-1", "up"), b"x" * (files.LARGEST_PACKET + 1))
    assert loud.closed.wait(10)
    assert not quiet.closed.is_set()
    loud.close()
    quiet.close()


MICROPYTHON_DEVICE = """
import socket, sys, tls, time
port, name, key, topics = int(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3]), sys.argv[4].split(",")
def text(s):
    s = s.encode()
    return bytes([len(s) >> 8, len(s) & 255]) + s
def packet(kind, body):
    assert len(body) < 128
    return bytes([kind, len(body)]) + body
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_NONE
context.psk_identity = name
context.psk_key = key
sock = socket.socket()
sock.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
try:
    sock = context.wrap_socket(sock)
    sock.write(packet(0x10, text("MQTT") + bytes([4, 2, 0, 60]) + text(name)))
    answer = sock.read(4)
except OSError as error:
    print("refused", error)
    sys.exit(1)
print("connected", answer)
sock.write(packet(0x82, bytes([0, 1]) + b"".join([text(t) + bytes([0]) for t in topics])))
while True:
    try:
        head = sock.read(2)
    except OSError:
        head = b""
    if not head:
        print("closed")
        sys.exit(0)
    body = sock.read(head[1])
    if head[0] >> 4 == 3:
        n = body[0] << 8 | body[1]
        print("heard", body[2:2 + n].decode(), body[2 + n:].decode())
    elif head[0] >> 4 == 9:
        print("subscribed")
"""


class TlsDevice:
    """A device under the real interpreter, over TLS with its key; keeps the lines it prints."""

    def __init__(self, rig: Rig, folder: Path, name: str, key: str | None = None) -> None:
        program = folder / "tls_device.py"
        program.write_text(MICROPYTHON_DEVICE)
        where = ",".join([topic(name, "cmd"), topic(name, "desired"), topic("gw", "time")])
        self.process = subprocess.Popen(
            [
                *interpreter.micropython_command(),
                str(program),
                str(rig.settings.tls_listen.port),
                name,
                key or rig.keys[name],
                where,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.strip())
                self.changed.notify_all()
        with self.changed:
            self.lines.append("ended")
            self.changed.notify_all()

    def until(self, start: str, timeout: float = 15) -> None:
        """Wait for a line that begins so."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: any(line.startswith(start) for line in self.lines), timeout
            ), self.lines

    def __enter__(self) -> "TlsDevice":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        self._thread.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.mark.broker
@pytest.mark.interpreter
@pytest.mark.system
@pytest.mark.fault("F46")
def test_a_revoked_device_hears_nothing_more(rig: Rig, peer: Peer, tmp_path: Path) -> None:
    """Its open session ends, and it can't begin another; its neighbour notices nothing."""
    rig.start_broker()
    rig.start_gateway()
    with TlsDevice(rig, tmp_path, "wall-1", key="00" * 32) as wrong:
        wrong.until("refused")
    with TlsDevice(rig, tmp_path, "wall-1") as one, TlsDevice(rig, tmp_path, "wall-2") as two:
        for device in (one, two):
            device.until("subscribed")
            device.until(f"heard {topic('gw', 'time')}", timeout=40)
        peer.until(lambda: peer.snapshots > 0)
        peer.say(kind="revoke", device="wall-1")
        one.until("closed")
        with TlsDevice(rig, tmp_path, "wall-1") as again:
            again.until("refused")
        # What the gateway's own rights still let it publish, and the neighbour's share as the fence.
        speaker = Listener(rig.port, "gw", [topic("wall-2", "up")])
        speaker.client.publish(topic("wall-1", "cmd"), "nobody hears this", qos=1)
        speaker.client.publish(topic("wall-2", "cmd"), "goes on", qos=1)
        two.until(f"heard {topic('wall-2', 'cmd')} goes on")
        speaker.close()
        assert not any("cmd" in line for line in one.lines + again.lines)
        assert two.process.poll() is None
    assert revocation.revoked(rig.settings.persist_dir) == {"wall-1"}
    assert set(revocation.admitted(rig.settings)) == {"wall-2"}
    for path in vars(files.paths(rig.settings.broker_dir)).values():
        assert "wall-1" not in path.read_text()


@pytest.mark.broker
@pytest.mark.interpreter
@pytest.mark.system
def test_a_device_added_to_the_list_may_connect_without_a_restart(
    rig: Rig, peer: Peer, tmp_path: Path
) -> None:
    rig.start_broker()
    rig.start_gateway()
    peer.until(lambda: peer.snapshots > 0)
    rig.keys["wall-3"] = os.urandom(32).hex()
    with TlsDevice(rig, tmp_path, "wall-3") as early:
        early.until("refused")
    rig.devices_file.write_text(json.dumps(rig.keys))
    listed = rig.settings.broker_dir / "devices.psk"
    peer.until(lambda: "wall-3" in listed.read_text())
    for _ in range(20):
        with TlsDevice(rig, tmp_path, "wall-3") as late:
            with late.changed:
                late.changed.wait_for(lambda d=late: len(d.lines) > 0, 15)  # type: ignore[misc]
            if late.lines[0].startswith("connected"):
                return
    raise AssertionError("never admitted")


ABSENT = "(absent)"


def write_settings(folder: Path, **changes: Any) -> settings.Settings:
    values: dict[str, Any] = {
        "site": SITE,
        "server_url": "http://127.0.0.1:1",
        "token_file": "token",
        "store": "gateway.db",
        "broker": "127.0.0.1:1884",
        "broker_dir": "broker",
        "tls_listen": "127.0.0.1:8884",
        "broker_pid_file": "broker.pid",
        "devices_file": "devices.json",
    }
    values.update(changes)
    path = folder / "gateway.toml"
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items() if value != ABSENT]
    path.write_text("".join(lines))
    return settings.read(path)


@pytest.mark.fault("F44")
def test_without_devices_nothing_is_written(tmp_path: Path) -> None:
    """An empty rights file would let everybody do everything."""
    with pytest.raises(BrokerFilesError):
        files.write(write_settings(tmp_path), {})
    assert not (tmp_path / "broker").exists()


def test_files_are_for_their_user_alone_and_stay_the_same(tmp_path: Path) -> None:
    read = write_settings(tmp_path)
    written = files.write(read, {"wall-1": "AB" * 16})
    first = {path: (path.read_text(), path.stat().st_ino) for path in vars(written).values()}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in first)
    assert stat.S_IMODE((tmp_path / "broker.password").stat().st_mode) == 0o600
    files.write(read, {"wall-1": "AB" * 16})
    assert first == {path: (path.read_text(), path.stat().st_ino) for path in vars(written).values()}
    assert written.keys.read_text() == f"wall-1:{'ab' * 16}\n"
    assert ("user root" in written.configuration.read_text()) == (os.geteuid() == 0)


@pytest.mark.broker
def test_the_password_file_is_one_mosquitto_would_write(tmp_path: Path) -> None:
    found = broker_part.find()
    assert found is not None
    theirs = tmp_path / "theirs"
    subprocess.run(
        [str(found.passwd), "-c", "-b", str(theirs), "gw", "secret"], check=True, capture_output=True
    )
    shape = [len(part) for part in theirs.read_text().strip().split("$")]
    assert shape == [len(part) for part in passwords.entry("gw", "secret").strip().split("$")]


@pytest.mark.parametrize(
    ("devices", "complaint"),
    [
        ("[]", "not an object"),
        ("{", "not JSON"),
        ('{"gw": "' + "ab" * 32 + '"}', "can't be a device id"),
        ('{"Wall": "' + "ab" * 32 + '"}', "can't be a device id"),
        ('{"a#": "' + "ab" * 32 + '"}', "can't be a device id"),
        ('{"wall-1": "abc"}', "16 to 64 bytes"),
        ('{"wall-1": "zz' + "ab" * 31 + '"}', "16 to 64 bytes"),
    ],
)
@pytest.mark.fault("F44")
def test_a_wrong_list_of_devices_is_refused_without_showing_a_key(
    tmp_path: Path, devices: str, complaint: str
) -> None:
    private(tmp_path / "devices.json", devices)
    with pytest.raises(SettingsError, match=complaint) as caught:
        revocation.admitted(write_settings(tmp_path))
    assert "abab" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"site": "Ferme"},
        {"site": ABSENT},
        {"broker": "1884"},
        {"tls_listen": "a:b"},
        {"unheard": "of"},
        {"store": ""},
    ],
)
def test_wrong_settings_are_refused_by_name(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(changes))):
        write_settings(tmp_path, **changes)


def test_a_pid_that_is_no_broker_gets_no_signal(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    assert not revocation.reload(pid_file)
    pid_file.write_text(str(os.getpid()))
    with pytest.raises(BrokerFilesError, match="no mosquitto"):
        revocation.reload(pid_file)
    pid_file.write_text("4194305")
    assert not revocation.reload(pid_file)


@pytest.mark.fault("F44")
def test_a_damaged_list_of_revoked_devices_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "revoked.json").write_text("{")
    private(tmp_path / "devices.json", '{"wall-1": "' + "ab" * 32 + '"}')
    with pytest.raises(SettingsError, match="revoked"):
        revocation.admitted(write_settings(tmp_path))
