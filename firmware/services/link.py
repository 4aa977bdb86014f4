"""The link to the gateway's broker: connects, says what is held, sends the journal, takes what is desired and
commanded.

Losing it is a normal state: connections back off with full jitter, a half-open one is noticed within 1.25
keepalives, and nothing at the doors waits for it. Only this task knows the broker; only its two halves read
and write.
"""

import asyncio
import binascii
import os

from firmware.contract import records, topics
from firmware.contract.errors import ContractError
from firmware.core import mqtt
from firmware.core.mqtt import Client, Event, MqttError
from firmware.services.clock import Time
from firmware.services.commands import Commands
from firmware.services.desired import Desired
from firmware.services.holdings import Holdings
from firmware.services.identity import Identity
from firmware.services.recorder import Recorder
from firmware.supervisor import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Protocol

    from firmware.drivers.seams import Connection, Uplink

    class Connector(Protocol):
        """Opens a connection to the broker."""

        async def __call__(self) -> "Connection":
            """The connection; raises OSError."""
            ...

    class Describer(Protocol):
        """Describes this controller."""

        def __call__(self) -> dict[str, object]:
            """The document for `desc`."""
            ...

    class Renewer(Protocol):
        """Begins the journal anew."""

        def __call__(self) -> None:
            """A new epoch, opened by a boot record that says so."""
            ...


KEEPALIVE_S = 20
_MAX_IN = topics.MAX_MESSAGE + 128
_MAX_OUT = 1536
_ROUND_MS = 15
_WATCH_MS = 100
_NET_MS = 500
_BACKOFF_LEAST_MS = 250
_BACKOFF_MOST_MS = 15_000
_CALM_MS = 20_000
_STUCK_MS = 15_000
"""A peer that takes nothing for so long is gone, whatever it may still say."""
_ASK_AGAIN_MS = 3_000
"""After a broker's restart we may be back before the gateway: `hello` is said again until somebody answers.
"""


class Link:
    """One broker, one connection at a time."""

    def __init__(
        self,
        identity: Identity,
        recorder: Recorder,
        holdings: Holdings,
        desired: Desired,
        commands: Commands,
        clock: Time,
        uplinks: "Sequence[Uplink]",
        connector: "Connector",
        describer: "Describer",
        renewer: "Renewer",
        heart: Heart,
    ) -> None:
        self._identity = identity
        self._recorder = recorder
        self._holdings = holdings
        self._desired = desired
        self._commands = commands
        self._clock = clock
        self._uplinks = uplinks
        self._connector = connector
        self._describer = describer
        self._renewer = renewer
        self._heart = heart
        self._client = Client(identity.device, KEEPALIVE_S, _MAX_IN, _MAX_OUT)
        self._buffer = bytearray(512)
        self._connects = 0
        self._subscribed = False
        self._say_state = False
        self._answered = False
        self._greeted_ms = 0
        self._moved_ms = 0
        self._fault: Exception | None = None
        self.sessions = 0
        """Connections that the broker accepted."""
        self.faults = 0
        """Connections that ended or could not be made."""
        self.foreign = 0
        """Messages put aside: foreign topics, unreadable or retained acknowledgements."""

    def _topic(self, leaf: str) -> str:
        return topics.topic(self._identity.site, self._identity.device, leaf)

    # The connection's life.

    async def run(self) -> None:
        """Keep a connection for ever."""
        backoff_ms = _BACKOFF_LEAST_MS
        while True:
            self._heart.beat()
            if not self._network():
                await asyncio.sleep_ms(_NET_MS)
                continue
            begun_ms = self._recorder.uptime.ms()
            try:
                await self._session()
            except (OSError, MqttError) as error:
                self.faults += 1
                print("link:", type(error).__name__, error.args)
            if self._recorder.uptime.ms() - begun_ms > _CALM_MS:
                backoff_ms = _BACKOFF_LEAST_MS
            await self._wait(int.from_bytes(os.urandom(2), "little") * backoff_ms // 65536)
            backoff_ms = min(backoff_ms * 2, _BACKOFF_MOST_MS)

    def _network(self) -> bool:
        for uplink in self._uplinks:
            if uplink.step(_NET_MS):
                return True
        return False

    async def _wait(self, pause_ms: int) -> None:
        while pause_ms > 0:
            self._heart.beat()
            await asyncio.sleep_ms(min(pause_ms, 1000))
            pause_ms -= 1000

    async def _session(self) -> None:
        """One connection from its start to its end; raises what ended it."""
        connection = await self._connector()
        halves: list[asyncio.Task[None]] = []
        self._fault = None
        self._subscribed = False
        try:
            self._connects += 1
            self._moved_ms = self._recorder.uptime.ms()
            # Before any packet: the deadline for connecting runs from here, a stalled handshake included.
            packet = self._connect_packet()
            halves.append(asyncio.create_task(self._half(self._write(connection, packet))))
            halves.append(asyncio.create_task(self._half(self._read(connection))))
            while self._fault is None:
                self._heart.beat()
                now_ms = self._recorder.uptime.ms()
                if self._client.tick(now_ms) == mqtt.DEAD:
                    raise MqttError("silent")
                if now_ms - self._moved_ms > _STUCK_MS:
                    raise MqttError("stuck")
                await asyncio.sleep_ms(_WATCH_MS)
            raise self._fault
        finally:
            self._client.connected = False
            for half in halves:
                half.cancel()
            await connection.close()

    async def _half(self, work: "Coroutine[object, object, None]") -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - handed to the session, which raises it
            self._fault = error

    def _connect_packet(self) -> memoryview:
        will = records.encode(records.state("lost", self._recorder.journal.boot, self._connects))
        return self._client.connect(self._topic("state"), will, 1, True, self._recorder.uptime.ms())

    # What goes out.

    async def _write(self, connection: "Connection", packet: memoryview) -> None:
        await connection.send(packet)
        while not self._subscribed:
            self._moved_ms = self._recorder.uptime.ms()
            await asyncio.sleep_ms(_ROUND_MS)
        await self._greet(connection)
        up = self._topic("up")
        recorder = self._recorder
        while True:
            if self._say_state:
                self._say_state = False
                await self._send_state(connection)
            if self._desired.config_changed:
                self._desired.config_changed = False
                await self._send_desc(connection)
            now_ms = recorder.uptime.ms()
            self._moved_ms = now_ms
            if not self._answered and now_ms - self._greeted_ms >= _ASK_AGAIN_MS:
                await self._send_hello(connection)
            record: bytes | None = None
            for lane in records.LANES:
                # Events first: a reading goes out only when no event waits.
                record = recorder.journal.next_to_send(
                    lane, now_ms, recorder.clock.now(now_ms), recorder.clock.quality
                )
                if record is not None:
                    break
            if record is not None:
                await connection.send(self._client.publish(up, record))
            elif self._client.tick(now_ms) == mqtt.SEND_PING:
                await connection.send(self._client.ping(now_ms))
            else:
                await asyncio.sleep_ms(_ROUND_MS)

    async def _greet(self, connection: "Connection") -> None:
        """State, description, then `hello`: the lanes wait until the gateway has said what it holds."""
        await self._send_state(connection)
        await self._send_desc(connection)
        self._answered = False
        self._recorder.journal.connected(self._recorder.uptime.ms())
        await self._send_hello(connection)

    async def _send_hello(self, connection: "Connection") -> None:
        recorder, holdings = self._recorder, self._holdings
        self._greeted_ms = recorder.uptime.ms()
        greeting = records.hello(
            recorder.journal.epoch,
            recorder.journal.boot,
            self._greeted_ms,
            self._connects,
            recorder.journal.range_of(records.EVENTS),
            recorder.journal.range_of(records.READINGS),
            holdings.config.version,
            holdings.book.version,
            binascii.hexlify(holdings.book.digest).decode(),
        )
        await connection.send(self._client.publish(self._topic("up"), records.encode(greeting)))

    async def _send_state(self, connection: "Connection") -> None:
        word = records.encode(records.state("online", self._recorder.journal.boot, self._connects))
        await connection.send(self._client.publish(self._topic("state"), word, 1, True))

    async def _send_desc(self, connection: "Connection") -> None:
        await connection.send(
            self._client.publish(self._topic("desc"), records.encode(self._describer()), 1, True)
        )

    # What comes in.

    async def _read(self, connection: "Connection") -> None:
        buffer = self._buffer
        client = self._client
        while True:
            count = await connection.read_into(buffer)
            at = 0
            while at < count:
                at = client.receive(buffer, at, count, self._recorder.uptime.ms())
                event = client.take()
                if event is None:
                    continue
                if event.kind == mqtt.CONNECTED:
                    self.sessions += 1
                    await connection.send(client.subscribe(self._wanted()))
                elif event.kind == mqtt.SUBSCRIBED:
                    self._subscribed = True
                elif event.kind == mqtt.MESSAGE:
                    self._message(event)

    def _wanted(self) -> list[str]:
        wanted = [self._topic(leaf) for leaf in topics.TO_DEVICE]
        wanted.append(topics.topic(self._identity.site, topics.GATEWAY, "time"))
        wanted.append(self._topic("state"))
        return wanted

    def _message(self, event: Event) -> None:
        try:
            leaf = self._leaf(event.topic)
            if leaf == "ack":
                self._ack(event)
            elif leaf == "state":
                self._own_state(event.payload)
        except ContractError:
            self.foreign += 1
            return
        if leaf == "desired":
            self._desired.arrived(event.payload, event.retained)
        elif leaf == "cmd":
            self._commands.arrived(event.payload, event.retained)
        elif leaf == "time":
            self._clock.told(event.payload)

    def _leaf(self, name: str) -> str:
        """The leaf of a topic of this device or of the gateway; raises ContractError for any other."""
        site, device, leaf = topics.parse(name)
        if site != self._identity.site or device not in (self._identity.device, topics.GATEWAY):
            raise ContractError("topic")
        return leaf

    def _ack(self, event: Event) -> None:
        if event.retained:
            raise ContractError("retained")
        message = records.decode(event.payload)
        epoch = records.text(message, "e")
        lane, seq = records.integer(message, "l"), records.integer(message, "n")
        if lane not in records.LANES:
            raise ContractError("field")
        journal, now_ms = self._recorder.journal, self._recorder.uptime.ms()
        journal.acknowledged(epoch, lane, seq, now_ms)
        self._answered = not journal.outrun
        if journal.outrun:
            self._renewer()
            journal.connected(now_ms)
            self._greeted_ms = now_ms - _ASK_AGAIN_MS

    def _own_state(self, payload: bytes) -> None:
        """A `lost` of an older session that arrives after our `online` would stay: say it again (R-47)."""
        message = records.decode(payload)
        if records.text(message, "s") != "online":
            self._say_state = True
