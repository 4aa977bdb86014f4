"""The connection to the broker: paho-mqtt driven by a thread of ours, and nothing else of it.

All of paho runs on this one thread: its own loop thread dies silently of an exception in a callback while
`publish` goes on returning success, and its queues are no store. Here an exception ends the connection, is
logged, and a new client begins; what could not be sent is dropped, because everything that matters is sent
again from the store.
"""

import logging
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from gateway.backoff import Backoff
from gateway.effects import Publish
from gateway.settings import Address

KEEPALIVE_S = 15
LOOK_S = 0.5
"""Longest wait for the socket: pings, stop and the watchdog's beat."""
MAX_OUTGOING = 20_000
"""Messages that may wait for the socket; beyond, the oldest are dropped and sent again by their own rules."""
READ_AT_ONCE = 100
"""Packets read before it is the turn of what waits to be sent."""

log = logging.getLogger("gateway.link")


class LinkError(Exception):
    """The connection ended or could not be made."""


class Link:
    """Keeps one connection. `heard` (topic, payload, retained) runs on the link's thread, as do `up` and
    `down`.
    """

    def __init__(
        self,
        address: Address,
        username: str,
        password: str,
        subscriptions: list[tuple[str, int]],
        heard: Callable[[str, bytes, bool], None],
        up: Callable[[], None],
        down: Callable[[], None],
        backoff: Backoff,
    ) -> None:
        self._address = address
        self._username = username
        self._password = password
        self._subscriptions = subscriptions
        self._heard = heard
        self._up = up
        self._down = down
        self._backoff = backoff
        self._outgoing: deque[Publish] = deque(maxlen=MAX_OUTGOING)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._stopping = threading.Event()
        self.connected = False
        self.beat = time.monotonic()
        """When the thread last went round: a watchdog compares it with the time."""
        self.thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def stop(self) -> None:
        """Say goodbye to the broker and end the thread."""
        self._stopping.set()
        self._wake()
        self.thread.join()
        self._wake_in.close()
        self._wake_out.close()

    def send(self, messages: list[Publish]) -> None:
        """Publish soon, from any thread; dropped if there is no connection."""
        if messages and self.connected:
            self._outgoing.extend(messages)
            self._wake()

    def _wake(self) -> None:
        try:
            self._wake_out.send(b"\0")
        except BlockingIOError:
            return  # it is full of wake-ups already

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._connection()
            except (LinkError, OSError) as error:
                log.warning("broker connection ended", extra={"error": str(error)})
            except Exception:
                log.exception("broker connection ended by a fault")
            finally:
                self.connected = False
                self._outgoing.clear()
            self._down()
            deadline = time.monotonic() + self._backoff.bad()
            while time.monotonic() < deadline and not self._stopping.wait(
                min(LOOK_S, deadline - time.monotonic())
            ):
                self.beat = time.monotonic()

    def _connection(self) -> None:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._username, clean_session=True, protocol=mqtt.MQTTv311
        )
        client.username_pw_set(self._username, self._password)
        client.connect_timeout = 5.0
        client.on_socket_open = _without_delay
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        self.beat = time.monotonic()
        client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        try:
            while not self._stopping.is_set():
                self._round(client)
        finally:
            client.disconnect()

    def _round(self, client: mqtt.Client) -> None:
        self.beat = time.monotonic()
        if self.connected:
            self._backoff.good(self.beat)
        sock = client.socket()
        if sock is None:
            raise LinkError("closed by the broker")
        readable, writable, _ = select.select(
            [sock, self._wake_in], [sock] if client.want_write() else [], [], LOOK_S
        )
        if self._wake_in in readable:
            self._wake_in.recv(4096)
        if sock in readable:
            for _ in range(READ_AT_ONCE):
                _must(client.loop_read())
                left = client.socket()
                if left is None or not select.select([left], [], [], 0)[0]:
                    break
        while self._outgoing and not client.want_write():
            message = self._outgoing.popleft()
            _must(client.publish(message.topic, message.payload, message.qos, message.retain).rc)
        if sock in writable:
            _must(client.loop_write())
        _must(client.loop_misc())

    def _on_connect(
        self,
        client: mqtt.Client,
        _data: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _props: object,
    ) -> None:
        if reason.is_failure:
            raise LinkError(f"the broker refuses the gateway: {reason}")
        client.subscribe(self._subscriptions)
        self.connected = True
        log.info("broker connected")
        self._up()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self._heard(message.topic, bytes(message.payload), message.retain)


def _without_delay(_client: mqtt.Client, _data: object, sock: object) -> None:
    """Small messages leave at once: a command must not wait for the acknowledgement of the one before
    (Nagle).
    """
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _must(code: MQTTErrorCode) -> None:
    if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
        raise LinkError(mqtt.error_string(code))
