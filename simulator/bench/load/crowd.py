"""A crowd of devices in one process: `python -m simulator.bench.load.crowd ORDERS.json`.

Each device has its own connection and its own numbered lanes, with the firmware's window and go-back-N where
a gateway acknowledges. Records are built beforehand where the load is to be as fast as it can be. SIGTERM: no
more is made; it ends when everything made is acknowledged, or when for `patience_s` nothing more was.
"""

import json
import mmap
import random
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from firmware.contract import records, topics
from simulator.bench.load import packets
from simulator.bench.load.orders import Orders, Result

KEEPALIVE_S = 60
RETRY_S = 0.3
TURN_S = 0.01
MOST_BUFFERED = 200_000


class Lane:
    """The records of one lane as whole packets, number 1 first."""

    def __init__(self) -> None:
        self.made: list[bytes] = []
        self.made_at: list[float] = []
        self.acked = 0
        self.sent = 0
        self.moved_s = 0.0


class Device:
    """One device: connection, lanes, what it tells."""

    def __init__(self, orders: Orders, name: str, number: int) -> None:
        self.orders = orders
        self.name = name
        self.epoch = f"{0x10000000 + number * 7919 + orders.boot:08x}"
        self.lanes = {lane: Lane() for lane in records.LANES}
        self.sock: socket.socket | None = None
        self.ready = False
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.retry_s = 0.0
        self.connects = 0
        self.born_s = time.monotonic() - orders.minutes_ago * 60
        self.born_ms = time.time_ns() // 1_000_000
        self.first_minute = int(time.time()) // 60 * 60 - orders.minutes_ago * 60
        self._up = orders.topic.format(name) if orders.topic else topics.topic(orders.site, name, "up")

    # ---- making

    def make(self, number: int) -> None:
        """Make the device's `number`-th record (from 0)."""
        every = self.orders.readings_every
        is_reading = bool(every) and number % every == every - 1
        lane = self.lanes[records.READINGS if is_reading else records.EVENTS]
        seq, now = len(lane.made) + 1, time.monotonic()
        if is_reading:
            begun = self.first_minute + (seq - 1) * 60 if self.orders.minutes_ago else int(time.time()) - 60
            uptime = seq * 60_000 if self.orders.minutes_ago else int((now - self.born_s) * 1000)
            mean = 300 + seq % 50
            body = (
                f'"k":"r","p0":{begun},"s":60,"z":[["chilled",0,{mean - 12},{mean},{mean + 15},12,0],'
                f'["chilled",1,{mean - 10},{mean},{mean + 11},12,0]]'
            )
        else:
            uptime = int((now - self.born_s) * 1000)
            body = f'"k":"door","d":{seq % 24 + 1},"s":{seq % 2},"x":0'
        which = records.READINGS if is_reading else records.EVENTS
        # Peers tell records apart by their millisecond: each has its own.
        stamp = f'"ts":{self.born_ms + seq},' if self.orders.topic else ""
        payload = (
            f'{{{stamp}"v":1,"e":"{self.epoch}","l":{which},"b":{self.orders.boot},"n":{seq},"u":{uptime},'
            f'"t":{int(time.time())},"q":3,{body}}}'
        ).encode()
        packet_id = (seq - 1) % 65535 + 1 if self.orders.qos else 0
        lane.made.append(packets.publish(self._up, payload, packet_id=packet_id))
        lane.made_at.append(now)

    # ---- the connection

    def open(self) -> socket.socket:
        """Connect and say who is there; the connection. OSError."""
        self.sock = socket.create_connection(("127.0.0.1", self.orders.port), timeout=5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.connects += 1
        self.ready = False
        self.incoming.clear()
        self.outgoing[:] = packets.connect(self.name, self.name, self.orders.password, KEEPALIVE_S)
        if self.orders.flow == "acked":
            self.outgoing += packets.subscribe(1, [topics.topic(self.orders.site, self.name, "ack")])
            state = records.encode(records.state("online", self.orders.boot, self.connects))
            self.outgoing += packets.publish(
                topics.topic(self.orders.site, self.name, "state"), state, retain=True
            )
            self.outgoing += packets.publish(self._up, self._hello())
        for lane in self.lanes.values():
            lane.sent = lane.acked
        return self.sock

    def _hello(self) -> bytes:
        """What it holds (everything, from number 1), and the uptime by which old readings are known."""
        events, readings = (len(self.lanes[lane].made) for lane in records.LANES)
        uptime_ms = int((time.monotonic() - self.born_s) * 1000)
        said = records.hello(
            self.epoch, self.orders.boot, uptime_ms, self.connects, (1, events), (1, readings), 0, 0, ""
        )
        return records.encode(said)

    def close(self) -> None:
        """Let go of the connection."""
        if self.sock is not None:
            self.sock.close()
        self.sock, self.ready = None, False
        self.retry_s = time.monotonic() + random.uniform(0.5, 1.5) * RETRY_S

    def write(self) -> None:
        """As much as the socket takes."""
        if self.sock is None or not self.outgoing:
            return
        try:
            sent = self.sock.send(self.outgoing)
        except BlockingIOError:
            return
        del self.outgoing[:sent]

    def read(self) -> None:
        """Take in what has arrived; OSError when the connection has ended."""
        if self.sock is None:
            return
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError("closed by the broker")
        self.incoming += data
        for kind, body in packets.take(self.incoming):
            if kind == packets.CONNACK:
                if body[1]:
                    raise PermissionError(f"{self.name} is refused by the broker: {body[1]}")
                self.ready = True
            elif kind == packets.PUBLISH:
                self._acknowledged(body)
            elif kind == packets.PUBACK:
                lane = self.lanes[records.EVENTS]
                lane.acked += 1
                lane.moved_s = time.monotonic()

    def _acknowledged(self, payload: bytes) -> None:
        said = json.loads(payload)
        lane = self.lanes.get(said.get("l"))
        if lane is not None and said.get("e") == self.epoch and said["n"] > lane.acked:
            lane.acked = said["n"]
            lane.moved_s = time.monotonic()

    def send_due(self, now: float, free: int) -> int:
        """Put into the buffer what the flow allows (`free`: of the crowd's window); how many records."""
        count = 0
        for lane in self.lanes.values():
            if self.orders.flow == "acked":
                lane.sent = max(lane.sent, lane.acked)
                if lane.sent > lane.acked and now - lane.moved_s > self.orders.repeat_s:
                    lane.sent = lane.acked
                last = min(len(lane.made), lane.acked + self.orders.window)
            elif self.orders.flow == "puback":
                last = min(len(lane.made), lane.acked + self.orders.window)
            else:
                last = min(len(lane.made), lane.sent + free)
            if last > lane.sent and len(self.outgoing) < MOST_BUFFERED:
                if lane.sent == lane.acked:
                    lane.moved_s = now
                self.outgoing += b"".join(lane.made[lane.sent : last])
                count += last - lane.sent
                free -= last - lane.sent
                lane.sent = last
        return count


class Crowd:
    """All devices of an order, on one selector."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.devices = [Device(orders, name, at) for at, name in enumerate(orders.devices)]
        self.making = True
        self._selector = selectors.DefaultSelector()
        self._made = 0
        self._sent = 0
        self._counter: mmap.mmap | None = None
        if orders.flow == "counted":
            with Path(orders.counter).open("r+b") as file:
                self._counter = mmap.mmap(file.fileno(), 8)
        self._received_before = 0
        self._received_before = self._received()
        self._progress = 0
        self._progress_s = 0.0

    def stop_making(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """No more records; what is made is still told."""
        self.making = False

    def run(self) -> Result:
        """Play the orders to their end."""
        for number in range(self.orders.each):
            for device in self.devices:
                device.make(number)
        self._connect_all()
        begun, cpu = time.monotonic(), time.process_time()
        self._progress_s = begun
        while True:
            now = time.monotonic()
            self._make_due(now, begun)
            if not self.waits(now) or (not self.making and self._is_done()):
                break
            self._turn(now)
        return self._result(begun, time.process_time() - cpu)

    def waits(self, now: float) -> bool:
        """Whether more is made, or something was acknowledged within the last `patience_s` (monotonic s)."""
        progress = self._received() + sum(
            lane.acked for device in self.devices for lane in device.lanes.values()
        )
        if self.making or progress != self._progress:
            self._progress, self._progress_s = progress, now
        return now - self._progress_s <= self.orders.patience_s

    def _connect_all(self) -> None:
        deadline = time.monotonic() + 20
        while not all(device.ready for device in self.devices):
            if time.monotonic() > deadline:
                raise TimeoutError("the broker does not take every device")
            self._turn(time.monotonic(), only_connect=True)

    def _make_due(self, now: float, begun: float) -> None:
        orders = self.orders
        if orders.each or (orders.seconds and now - begun >= orders.seconds):
            self.making = False
        if not self.making:
            return
        while self._made < (now - begun) * orders.rate:
            self.devices[self._made % len(self.devices)].make(self._made // len(self.devices))
            self._made += 1

    def _received(self) -> int:
        if self._counter is None:
            return 0
        found: int = struct.unpack_from("<Q", self._counter)[0]
        return found - self._received_before

    def _is_done(self) -> bool:
        if self.orders.flow == "counted":
            total = sum(len(lane.made) for device in self.devices for lane in device.lanes.values())
            return self._received() >= total
        return all(lane.acked >= len(lane.made) for device in self.devices for lane in device.lanes.values())

    def _turn(self, now: float, only_connect: bool = False) -> None:
        share = 1 << 30
        if self.orders.flow == "counted":
            left = self.orders.window - (self._sent - self._received())
            share = max(0, left) // len(self.devices) + (1 if left > 0 else 0)
        for device in self.devices:
            if device.sock is None and now >= device.retry_s:
                try:
                    self._selector.register(device.open(), selectors.EVENT_READ, device)
                except OSError:
                    device.close()
                    continue
            if device.ready and not only_connect:
                self._sent += device.send_due(now, share)
            self._guarded(device, device.write)
        for key, _ in self._selector.select(self._pause()):
            self._guarded(key.data, key.data.read)

    def _pause(self) -> float:
        """How long to wait for the sockets: not at all while something waits to be written."""
        return 0.001 if any(device.outgoing for device in self.devices) or self._counter else TURN_S / 4

    def _guarded(self, device: Device, act: Callable[[], None]) -> None:
        try:
            act()
        except PermissionError:
            raise
        except OSError:
            if device.sock is not None:
                self._selector.unregister(device.sock)
            device.close()

    def _result(self, begun: float, cpu_s: float) -> Result:
        result = Result(begun_s=begun, ended_s=begun, cpu_s=cpu_s)
        for device in self.devices:
            result.connects += device.connects
            for number, lane in device.lanes.items():
                key = f"{device.name}/{number}"
                result.made[key] = [] if self.orders.each else lane.made_at
                result.counts[key] = len(lane.made)
                result.acked[key] = lane.sent if self.orders.flow == "counted" else lane.acked
                result.ended_s = max(result.ended_s, lane.moved_s)
        if self.orders.flow == "counted":
            result.ended_s = time.monotonic()
        return result


def main(path: Path) -> None:
    """Play the orders in a file."""
    orders = Orders.read(path)
    crowd = Crowd(orders)
    signal.signal(signal.SIGTERM, crowd.stop_making)
    crowd.run().write(Path(orders.result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
