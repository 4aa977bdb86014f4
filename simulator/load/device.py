"""A device under load, run by MicroPython: `launch.load_command` writes the command and the environment.

It makes LOAD_COUNT records at LOAD_RATE a second, tells them over TLS-PSK with the window, resend and
greeting of the firmware's own journal, reconnects within a second, and ends with status 0 when everything
made is acknowledged. It holds no doors: what it is sent but acknowledgements and its own state is ignored.

The file LOAD_LEDGER gets a line for everything of note, flushed before anything follows from it:
`made LANE BOOT SEQ`, `ack LANE BOOT SEQ` (everything up to SEQ), `link CONNECT_COUNT`, `lost REASON`, `end`.
"""

import asyncio
import os
import random
import socket
import sys
import time
from asyncio import core

import tls

from firmware.contract import records, topics
from firmware.contract.errors import ContractError
from firmware.core import mqtt
from firmware.core.journal import Journal
from simulator.load import synthetic
from simulator.load.memory import MemoryRing

CAPACITY = 8192
"""Records held a lane. A full one makes nothing until some of it is acknowledged: nothing is dropped."""
_IPPROTO_TCP, _TCP_NODELAY = 6, 1
HANDSHAKE_MS = 5
KEEPALIVE_S = 10
OPEN_WITHIN_MS = 5000
RETRY_MS = (200, 1000)
MAKE_EVERY_MS = 5
LOOK_EVERY_MS = 200
RECORD_BYTES = 1024


class LinkError(Exception):
    """The connection is of no more use; the text is one word that says why."""


class Connection:
    """One TLS connection whose wake-ups come from the socket below it.

    The desktop's MicroPython can't wait for a TLS stream in the kernel: it looks at one a thousand times a
    second, which is all that an idle device does. A plain socket it can wait for.
    """

    def __init__(self, host: str, port: int, context) -> None:
        self._raw = socket.socket()
        try:
            self._raw.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
            self._raw.connect(socket.getaddrinfo(host, port)[0][-1])
            self._raw.setblocking(False)
            self._stream = context.wrap_socket(self._raw, do_handshake_on_connect=False)
        except OSError:
            self._raw.close()
            raise
        self._out = b""

    async def greet(self) -> None:
        """The handshake; OSError."""
        while self._stream.write(b"") is None:
            await asyncio.sleep_ms(HANDSHAKE_MS)

    def read(self, count: int):
        """At most so many bytes, at least one; none at the end (awaitable; OSError)."""
        while True:
            data = self._stream.read(count)
            if data is not None:
                return data
            yield core._io_queue.queue_read(self._raw)  # noqa: SLF001 - as its own streams do

    def write(self, packet) -> None:
        """Put a packet behind what waits to be sent."""
        self._out += packet

    async def drain(self) -> None:
        """Send what waits; OSError."""
        while self._out:
            taken = self._stream.write(self._out)
            if taken is None:
                await asyncio.sleep_ms(HANDSHAKE_MS)
            else:
                self._out = self._out[taken:]

    def close(self) -> None:
        """Let go of the connection."""
        self._stream.close()
        self._raw.close()


class Settings:
    """What the environment asks for."""

    def __init__(self) -> None:
        self.site = _asked("LOAD_SITE")
        self.device = _asked("LOAD_DEVICE")
        self.host = _asked("LOAD_HOST")
        self.port = int(_asked("LOAD_PORT"))
        self.psk = bytes.fromhex(_asked("LOAD_PSK"))
        self.rate = float(_asked("LOAD_RATE"))
        self.count = int(_asked("LOAD_COUNT"))
        self.seed = int(_asked("LOAD_SEED"))
        self.boot = int(_asked("LOAD_BOOT"))
        self.lanes = [int(lane) for lane in _asked("LOAD_LANES").split(",")]
        self.doors = int(_asked("LOAD_DOORS"))
        self.zones = _asked("LOAD_ZONES").split(",")
        self.ledger = _asked("LOAD_LEDGER")


def _asked(name: str) -> str:
    value = os.getenv(name)
    if value is None:
        raise SystemExit("the environment lacks " + name)
    return value


class Device:
    """One load device: journal, link and maker."""

    def __init__(self, settings: Settings, ledger) -> None:
        self.settings = settings
        self.ledger = ledger
        self.rings = (MemoryRing(CAPACITY), MemoryRing(CAPACITY))
        self.journal = Journal(*self.rings)
        self.journal.boot = settings.boot
        self.journal.mount(synthetic.journal_epoch(settings.seed))
        self.client = mqtt.Client(settings.device, KEEPALIVE_S, topics.MAX_MESSAGE + 128, RECORD_BYTES)
        self.connects = 0
        self.made = 0
        self.wake = asyncio.Event()
        """Set when there may be something to send: a new record, an acknowledgement, a lost link."""
        self.lost = ""
        """Why the present connection is of no more use; empty while it is."""
        self._born_ms = time.ticks_ms()
        self._first_minute = int(time.time()) // 60 * 60 - settings.count * synthetic.MINUTE_S
        self._topics = {
            leaf: topics.topic(settings.site, settings.device, leaf) for leaf in ("up", "state", "ack")
        }

    @property
    def uptime_ms(self) -> int:
        """Since this process began."""
        return time.ticks_diff(time.ticks_ms(), self._born_ms)

    @property
    def is_done(self) -> bool:
        """Everything is made and acknowledged."""
        return self.made == self.settings.count and all(ring.acked == ring.last for ring in self.rings)

    def note(self, line: str) -> None:
        """A line of the ledger, out of this process before this returns."""
        self.ledger.write(line + "\n")
        self.ledger.flush()

    # Making.

    async def make(self) -> None:
        """Make all records at the rate asked for; wait where a lane is full."""
        since, already = self.uptime_ms, 0
        # Hundreds of slow devices share a machine: one that has nothing to do sleeps.
        pause_ms = max(MAKE_EVERY_MS, min(LOOK_EVERY_MS, int(50 / self.settings.rate)))
        while self.made < self.settings.count:
            passed_ms = self.uptime_ms - since
            due = min(self.settings.count, already + int(passed_ms * self.settings.rate / 1000))
            while self.made < due:
                if not self._make_one():
                    since, already = self.uptime_ms, self.made
                    break
                self.wake.set()
            await asyncio.sleep_ms(pause_ms)

    def _make_one(self) -> bool:
        lanes = self.settings.lanes
        lane, turn = lanes[self.made % len(lanes)], self.made // len(lanes)
        if self.rings[lane].is_full:
            return False
        if lane == records.READINGS:
            kind, fields = (
                "r",
                synthetic.reading(turn, self.settings.seed, self._first_minute, self.settings.zones),
            )
        elif turn == 0:
            kind, fields = "boot", synthetic.boot("load")
        else:
            kind, fields = "door", synthetic.door(turn - 1, self.settings.doors)
        seq = self.journal.append(lane, kind, fields, self.uptime_ms, int(time.time()), records.RTC)
        self.note(f"made {lane} {self.settings.boot} {seq}")
        self.made += 1
        return True

    # The link.

    async def run(self) -> None:
        """Make and tell until everything is acknowledged."""
        beating = asyncio.create_task(self._beat())
        await asyncio.gather(self.make(), self._keep_linked())
        beating.cancel()
        self.note("end")

    async def _keep_linked(self) -> None:
        while not self.is_done:
            try:
                await self._session()
            except (OSError, LinkError, mqtt.MqttError) as error:
                reason = str(error) or type(error).__name__
                self.note("lost " + reason)
                print("link lost:", reason)
                await asyncio.sleep_ms(random.randint(*RETRY_MS))

    async def _beat(self) -> None:
        """Have windows and keepalive looked at now and then, whatever happens."""
        while True:
            await asyncio.sleep_ms(LOOK_EVERY_MS)
            self.wake.set()

    async def _session(self) -> None:
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_NONE
        context.psk_identity = self.settings.device
        context.psk_key = self.settings.psk
        connection = Connection(self.settings.host, self.settings.port, context)
        hearing = None
        try:
            try:
                await asyncio.wait_for_ms(connection.greet(), OPEN_WITHIN_MS)
            except asyncio.TimeoutError as error:
                raise LinkError("timeout") from error
            self.lost = ""
            self.connects += 1
            hearing = asyncio.create_task(self._hear(connection))
            await self._tell(connection)
        finally:
            if hearing is not None:
                hearing.cancel()
            connection.close()

    async def _hear(self, reader) -> None:
        """Take in what arrives, until the connection breaks."""
        try:
            while True:
                data = await reader.read(1024)
                if not data:
                    break
                at = 0
                while at < len(data):
                    at = self.client.receive(data, at, len(data), self.uptime_ms)
                    event = self.client.take()
                    if event is not None:
                        self._take(event)
                self.wake.set()
            self.lost = "closed"
        except (OSError, LinkError, mqtt.MqttError) as error:
            self.lost = str(error) or type(error).__name__
        self.wake.set()

    def _take(self, event: mqtt.Event) -> None:
        if event.kind == mqtt.SUBSCRIBED and any(code & 0x80 for code in event.granted):
            raise LinkError("subscription")
        if event.kind != mqtt.MESSAGE:
            return
        try:
            message = records.decode(event.payload)
            if event.topic == self._topics["state"]:
                self._see_state(message)
            elif event.topic == self._topics["ack"] and not event.retained:
                self._acknowledged(message)
        except ContractError as error:
            print("refused:", event.topic, error.reason)

    def _acknowledged(self, message: dict[str, object]) -> None:
        lane, seq = records.integer(message, "l"), records.integer(message, "n")
        if self.journal.acknowledged(records.text(message, "e"), lane, seq, self.uptime_ms):
            self.note(f"ack {lane} {self.settings.boot} {seq}")

    def _see_state(self, message: dict[str, object]) -> None:
        """Somebody takes this device for lost: an older session's will came late (R-47)."""
        if records.text(message, "s") != "online":
            self._greet = True

    async def _tell(self, writer) -> None:
        """Greet, then publish whatever the windows allow, until everything is acknowledged."""
        self._greet = False
        now = self.uptime_ms
        will = records.encode(records.state("lost", self.settings.boot, self.connects))
        writer.write(self.client.connect(self._topics["state"], will, 1, True, now))
        await writer.drain()
        while not self.client.connected:
            await self._look(writer)
        self.note(f"link {self.connects}")
        self.journal.connected(self.uptime_ms)
        # The broker takes these in turn: the answer to the hello finds its subscription.
        writer.write(self.client.subscribe([self._topics["ack"], self._topics["state"]]))
        writer.write(self.client.publish(self._topics["up"], self._hello()))
        self._greet = True
        while not self.is_done:
            if self._greet:
                self._greet = False
                self._say(writer, "online")
            for lane in records.LANES:
                self._publish(writer, lane)
            await writer.drain()
            await self._look(writer)
        self._say(writer, "off")
        writer.write(self.client.disconnect())
        await writer.drain()

    def _publish(self, writer, lane: int) -> None:
        while True:
            record = self.journal.next_to_send(lane, self.uptime_ms, int(time.time()), records.RTC)
            if record is None:
                return
            writer.write(self.client.publish(self._topics["up"], record))

    def _say(self, writer, word: str) -> None:
        state = records.encode(records.state(word, self.settings.boot, self.connects))
        writer.write(self.client.publish(self._topics["state"], state, 1, True))

    def _hello(self) -> bytes:
        events, readings = self.journal.range_of(records.EVENTS), self.journal.range_of(records.READINGS)
        boot, now = self.settings.boot, self.uptime_ms
        return records.encode(
            records.hello(self.journal.epoch, boot, now, self.connects, events, readings, 0, 0, "")
        )

    async def _look(self, writer) -> None:
        """Wait for something to do; keep the link alive. LinkError if it is not."""
        await self.wake.wait()
        self.wake.clear()
        if self.lost:
            raise LinkError(self.lost)
        wanted = self.client.tick(self.uptime_ms)
        if wanted == mqtt.DEAD:
            raise LinkError("silent")
        if wanted == mqtt.SEND_PING:
            writer.write(self.client.ping(self.uptime_ms))
            await writer.drain()


def main() -> None:
    """Run the device that the environment describes."""
    settings = Settings()
    random.seed(settings.seed)
    with open(settings.ledger, "a") as ledger:
        asyncio.run(Device(settings, ledger).run())
    sys.exit(0)


if __name__ == "__main__":
    main()
