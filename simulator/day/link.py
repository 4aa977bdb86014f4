"""A simulated controller's way to its gateway: `firmware.services.link` without MQTT's bytes and TLS."""

import asyncio
import binascii
from collections.abc import Callable

from firmware.contract import records, topics
from firmware.services.clock import Time
from firmware.services.commands import Commands
from firmware.services.desired import Desired
from firmware.services.holdings import Holdings
from firmware.services.recorder import Recorder
from simulator.day.timeline import Calm, Timeline

LATENCY_S = 0.02
KEEPALIVE_S = 25.0
"""After so long the broker takes a silent connection for dead and speaks its will."""
_ASK_AGAIN_S = 3.0
_RESEND_S = 5.0

Up = Callable[[str, bytes], None]
"""What a device publishes: leaf and payload."""


class Link:
    """Greets, sends the journal, takes what comes."""

    def __init__(
        self,
        timeline: Timeline,
        calm: Calm,
        holdings: Holdings,
        pen: Recorder,
        desired: Desired,
        commands: Commands,
        time: Time,
        up: Up,
    ) -> None:
        self._timeline = timeline
        self._calm = calm
        self._holdings = holdings
        self._pen = pen
        self._desired = desired
        self._commands = commands
        self._time = time
        self._up = up
        self._connects = 0
        self._answered = False
        self._greeted_s = 0.0
        self._more = asyncio.Event()
        self.connected = False

    def dial(self) -> None:
        """The network is there."""
        self.connected = True
        self._connects += 1
        self._answered = False
        self._pen.journal.connected(self._pen.uptime.ms())
        self._publish("state", records.state("online", self._pen.journal.boot, self._connects))
        self._hello()
        self.wake()

    def hang_up(self) -> None:
        """The network, or the whole board, is gone: after a while the broker speaks the will."""
        if self.connected:
            self.connected = False
            will = records.encode(records.state("lost", self._pen.journal.boot, self._connects))
            self._timeline.loop.call_later(KEEPALIVE_S, self._up, "state", will)

    def wake(self) -> None:
        """There is something to send."""
        self._more.set()

    async def run(self) -> None:
        """Send what waits, for ever; look again only while something is on its way."""
        while True:
            await self._more.wait()
            self._more.clear()
            if self.connected:
                self._send()
                if not self._answered or any(ring.last > ring.acked for ring in self._pen.journal.rings):
                    self._timeline.loop.call_later(_RESEND_S, self._more.set)

    def _send(self) -> None:
        pen = self._pen
        now_ms = pen.uptime.ms()
        if not self._answered and self._timeline.seconds - self._greeted_s >= _ASK_AGAIN_S:
            self._hello()
        for lane in records.LANES:
            while True:
                record = pen.journal.next_to_send(lane, now_ms, pen.clock.now(now_ms), pen.clock.quality)
                if record is None:
                    break
                self._timeline.loop.call_later(LATENCY_S, self._carry, "up", record)

    def _publish(self, leaf: str, message: dict[str, object]) -> None:
        self._timeline.loop.call_later(LATENCY_S, self._carry, leaf, records.encode(message))

    def _carry(self, leaf: str, payload: bytes) -> None:
        """What was on its way when the line was cut is lost."""
        if self.connected:
            self._up(leaf, payload)

    def _hello(self) -> None:
        journal, book = self._pen.journal, self._holdings.book
        self._greeted_s = self._timeline.seconds
        self._publish(
            "up",
            records.hello(
                journal.epoch,
                journal.boot,
                self._pen.uptime.ms(),
                self._connects,
                journal.range_of(records.EVENTS),
                journal.range_of(records.READINGS),
                self._holdings.config.version,
                book.version,
                binascii.hexlify(book.digest).decode(),
            ),
        )

    def receive(self, topic: str, payload: bytes, retained: bool = False) -> None:
        """A message of the gateway's, or of whoever else reaches the broker."""
        _, _, leaf = topics.parse(topic)
        if leaf == "desired":
            self._desired.arrived(payload, retained)
        elif leaf == "cmd":
            self._commands.arrived(payload, retained)
        elif leaf == "time":
            self._time.told(payload)
        elif leaf == "ack":
            message = records.decode(payload)
            lane, seq = records.integer(message, "l"), records.integer(message, "n")
            epoch = records.text(message, "e")
            self._pen.journal.acknowledged(epoch, lane, seq, self._pen.uptime.ms())
            self._answered = True
            self.wake()
        if leaf in ("desired", "cmd"):
            self._calm.moved()
