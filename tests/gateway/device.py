"""A controller's double that speaks the contract over a real broker: numbered records, window, go-back-N,
hello.

It keeps its journal in memory for good, so that a test can compare what it made with what arrived.
"""

import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware.contract import records, topics


class Lane:
    """One lane of the journal."""

    def __init__(self) -> None:
        self.made: list[bytes] = []
        self.acked = 0
        self.sent = 0
        self.progress_s = 0.0


class Device:
    """One device. `repeat_s` stands for R-44's five seconds."""

    def __init__(
        self, site: str, name: str, port: int, password: str, boot: int = 1, repeat_s: float = 0.5
    ) -> None:
        self.site = site
        self.name = name
        self.epoch = f"{abs(hash(name)) % 0xFFFFFFFF:08x}"
        self.boot = boot
        self.connects = 0
        self.started_s = time.monotonic()
        self.lanes = {lane: Lane() for lane in records.LANES}
        self.heard: list[tuple[str, bytes]] = []
        self.versions = (0, 0)
        self.changed = threading.Condition()
        self.connected = False
        self._repeat_s = repeat_s
        self._port = port
        self._stop = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv311)
        self.client.username_pw_set(name, password)
        self.client.reconnect_delay_set(1, 1)
        will = records.encode(records.state("lost", boot, 1))
        self.client.will_set(topics.topic(site, name, "state"), will, qos=1, retain=True)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Device":
        self.client.connect_async("127.0.0.1", self._port, keepalive=20)
        self.client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with self.changed:
            self.changed.notify_all()
        self._thread.join()
        self.client.disconnect()
        self.client.loop_stop()

    def uptime_ms(self) -> int:
        """Since this boot."""
        return int((time.monotonic() - self.started_s) * 1000)

    def make(self, kind: str = "door", lane: int = records.EVENTS, **fields: Any) -> int:
        """Add a record to the journal; its number."""
        with self.changed:
            number = len(self.lanes[lane].made) + 1
            if kind == "door" and not fields:
                fields = {"d": number % 24 + 1, "s": number % 2, "x": 0}
            record = {
                "v": 1,
                "e": self.epoch,
                "l": lane,
                "b": self.boot,
                "n": number,
                "u": self.uptime_ms(),
                "t": int(time.time()),
                "q": 3,
                "k": kind,
                **fields,
            }
            self.lanes[lane].made.append(records.encode(record))
            self.changed.notify_all()
            return number

    def reading(self, celsius: int = 300) -> int:
        """Add a readings record."""
        rows = [["chilled", 0, celsius, celsius, celsius, 12, 0]]
        return self.make("r", records.READINGS, p0=int(time.time()) - 60, s=60, z=rows)

    def publish(self, leaf: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Send anything."""
        self.client.publish(topics.topic(self.site, self.name, leaf), payload, qos, retain)

    def hello(self) -> None:
        """Say what the journal holds."""
        held = [(min(lane.acked, len(lane.made)) + 1, len(lane.made)) for lane in self.lanes.values()]
        said = records.hello(
            self.epoch, self.boot, self.uptime_ms(), self.connects, held[0], held[1], *self.versions, "0" * 16
        )
        self.publish("up", records.encode(said))

    def payloads(self, leaf: str) -> list[bytes]:
        """What was heard on a leaf of its own."""
        with self.changed:
            return [payload for name, payload in self.heard if name == leaf]

    def until(self, condition: Any, timeout: float = 20.0, what: str = "") -> None:
        """Wait for a condition that a message brings about."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, f"{self.name}: not within {timeout} s: {what}"
                self.changed.wait(min(left, 0.2))

    def all_acked(self) -> bool:
        """Whether everything made is acknowledged."""
        return all(lane.acked == len(lane.made) for lane in self.lanes.values())

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            return
        self.connects += 1
        client.subscribe([(topics.topic(self.site, self.name, leaf), 0) for leaf in topics.TO_DEVICE])
        client.subscribe([(topics.topic(self.site, "gw", leaf), 0) for leaf in topics.FROM_GATEWAY])
        self.publish("state", records.encode(records.state("online", self.boot, self.connects)), 1, True)
        with self.changed:
            for lane in self.lanes.values():
                lane.sent = lane.acked
            self.connected = True
            self.changed.notify_all()
        self.hello()

    def _on_disconnect(self, *_: Any) -> None:
        with self.changed:
            self.connected = False
            self.changed.notify_all()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        leaf = message.topic.rsplit("/", 1)[1]
        with self.changed:
            self.heard.append((leaf, bytes(message.payload)))
            if leaf == "ack":
                said = records.decode(bytes(message.payload))
                lane = self.lanes[records.integer(said, "l")]
                number = records.integer(said, "n")
                if said["e"] == self.epoch and number > lane.acked:
                    lane.acked = number
                    lane.progress_s = time.monotonic()
            self.changed.notify_all()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self.changed:
                self.changed.wait(0.02)
                due = self._due() if self.connected else []
            for payload in due:
                self.publish("up", payload)

    def _due(self) -> list[bytes]:
        due: list[bytes] = []
        now = time.monotonic()
        for lane in self.lanes.values():
            lane.sent = max(lane.sent, lane.acked)
            if lane.sent > lane.acked and now - lane.progress_s > self._repeat_s:
                lane.sent = lane.acked
            last = min(len(lane.made), lane.acked + records.WINDOW)
            if last > lane.sent:
                if lane.sent == lane.acked:
                    lane.progress_s = now
                due += lane.made[lane.sent : last]
                lane.sent = last
        return due
