"""A real broker from the generated files, a real gateway process, and the peer: what most tests here stand
on.

The test's own listener is added beside the generated two: users with a password, under the same generated
rights.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware.contract import topics
from gateway import settings
from gateway.broker import files, passwords, revocation
from simulator.parts import broker as broker_part
from tests.gateway.device import Device
from tests.gateway.peer import TOKEN, Peer

SITE = "ferme"
ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "test-password"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def private(path: Path, text: str) -> None:
    """Write a file with a secret as the gateway demands it: closed to others."""
    path.touch(0o600)
    path.write_text(text)


class Rig:
    """Broker and gateway in a folder."""

    def __init__(self, folder: Path, peer: Peer, devices: tuple[str, ...] = ("wall-1", "wall-2")) -> None:
        self.folder = folder
        self.peer = peer
        self.keys = {device: os.urandom(32).hex() for device in devices}
        self.port = free_port()
        private(folder / "token", TOKEN + "\n")
        self.devices_file = folder / "devices.json"
        private(self.devices_file, json.dumps(self.keys))
        self.config = folder / "gateway.toml"
        self.config.write_text(
            f'site = "{SITE}"\nserver_url = "{peer.url}"\ntoken_file = "token"\n'
            'store = "store/gateway.db"\n'
            f'broker = "127.0.0.1:{free_port()}"\nbroker_dir = "broker"\n'
            f'tls_listen = "127.0.0.1:{free_port()}"\n'
            'broker_pid_file = "broker/mosquitto.pid"\ndevices_file = "devices.json"\npersist_dir = "kept"\n'
        )
        self.settings = settings.read(self.config)
        self.broker: subprocess.Popen[bytes] | None = None
        self.gateway: subprocess.Popen[bytes] | None = None
        self.log = folder / "gateway.log"

    def start_broker(self) -> None:
        """Write the files as the product does, and start mosquitto on them and on the test's listener."""
        written = files.write(self.settings, revocation.admitted(self.settings))
        users = self.folder / "test.passwd"
        users.write_text("".join(passwords.entry(name, PASSWORD) for name in (*self.keys, "gw", "stranger")))
        configuration = self.folder / "test.conf"
        configuration.write_text(
            written.configuration.read_text()
            + f"\nlistener {self.port} 127.0.0.1\nallow_anonymous false\nuse_username_as_clientid true\n"
            + f"password_file {users}\nacl_file {written.rights}\n"
        )
        with (self.folder / "broker.log").open("ab") as log:
            self.broker = subprocess.Popen(
                broker_part.broker_command(configuration), stdout=log, stderr=log, start_new_session=True
            )
        self._until_listening(self.port)
        self._until_listening(self.settings.broker.port)

    def start_gateway(self) -> None:
        """Start the gateway's process."""
        with self.log.open("ab") as log:
            self.gateway = subprocess.Popen(
                [sys.executable, "-m", "gateway", "run", "--config", str(self.config)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill_gateway(self, how: signal.Signals = signal.SIGKILL) -> int:
        """End the gateway; its exit status."""
        assert self.gateway is not None
        self.gateway.send_signal(how)
        status = self.gateway.wait(30)
        self.gateway = None
        return status

    def stop_broker(self) -> None:
        """End the broker."""
        assert self.broker is not None
        self.broker.terminate()
        self.broker.wait(30)
        self.broker = None

    def close(self) -> None:
        """End whatever still runs."""
        for process in (self.gateway, self.broker):
            if process is not None:
                process.kill()
                process.wait(30)

    def device(self, name: str = "wall-1", **options: int) -> Device:
        """A device's double."""
        return Device(SITE, name, self.port, PASSWORD, **options)

    def _until_listening(self, port: int) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            assert self.broker is not None
            assert self.broker.poll() is None, (self.folder / "broker.log").read_text()
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            threading.Event().wait(0.02)
        raise AssertionError(f"nothing listens on {port}")


class Listener:
    """A client that keeps what it hears."""

    def __init__(self, port: int, user: str, patterns: list[str]) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.granted: list[int] = []
        self.changed = threading.Condition()
        self.ready = threading.Event()
        self.closed = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user, protocol=mqtt.MQTTv311)
        self.client.username_pw_set(user, PASSWORD)
        self.client.on_connect = lambda client, *_: client.subscribe([(pattern, 1) for pattern in patterns])
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_disconnect = lambda *_: self.closed.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(10)

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self.changed:
            self.heard.append((message.topic, bytes(message.payload), message.retain))
            self.changed.notify_all()

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


def topic(device: str, leaf: str) -> str:
    """A topic of the test's site."""
    return topics.topic(SITE, device, leaf)
