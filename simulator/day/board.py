"""The controller of a simulated day: the firmware's own services on a virtual wall, with flash in memory.

Left out are MQTT's bytes and TLS: `Link` hands topics and payloads to the gateway as they are.
"""

import asyncio
import binascii
from collections.abc import Callable, Coroutine
from typing import Any

from firmware.contract import config as configuration
from firmware.contract import records, topics
from firmware.contract.seals import derive
from firmware.core.journal import Journal
from firmware.core.ring import Device, Ring
from firmware.core.timekeeping import Clock
from firmware.drivers.clock_ds3231 import ClockDs3231
from firmware.drivers.ds18b20 import ProbeBus
from firmware.drivers.leds import Leds
from firmware.services.clock import Time
from firmware.services.coil import Coil
from firmware.services.commands import Commands
from firmware.services.desired import Desired
from firmware.services.doors import Doors
from firmware.services.holdings import Holdings
from firmware.services.identity import Identity
from firmware.services.indicators import Indicators
from firmware.services.keypad import Entry
from firmware.services.looks import Looks
from firmware.services.probes import Probes
from firmware.services.recorder import Recorder, Uptime
from firmware.services.screen import Screen
from firmware.services.storage import Files
from firmware.supervisor import Heart
from simulator.day.timeline import Timeline
from simulator.day.wall import Bus, Eyes, Keys, Locks, Wall

LATENCY_S = 0.02
KEEPALIVE_S = 25.0
"""After so long the broker takes a silent connection for dead and speaks its will."""
_ASK_AGAIN_S = 3.0
_RESEND_S = 5.0

Record = dict[str, object]
Up = Callable[[str, bytes], None]
"""What a device publishes: leaf and payload."""


class Blocks(Device):
    """NOR flash in memory: a program clears bits, an erase sets a block to ones."""

    def __init__(self, count: int) -> None:
        self.block_size = 4096
        self.block_count = count
        self._blocks = [bytearray(b"\xff" * 4096) for _ in range(count)]

    def read(self, block: int, buffer: bytearray | memoryview, offset: int) -> None:
        """Copy what lies there."""
        buffer[:] = self._blocks[block][offset : offset + len(buffer)]

    def write(self, block: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Program without erasing."""
        target = self._blocks[block]
        for at, byte in enumerate(bytes(data), offset):
            target[at] &= byte

    def erase(self, block: int) -> None:
        """All ones."""
        self._blocks[block][:] = b"\xff" * self.block_size


class Folder(Files):
    """State files in memory."""

    def __init__(self) -> None:
        super().__init__("")
        self._files: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        """The content, empty if there is none."""
        return self._files.get(name, b"")

    def write(self, name: str, content: bytes | bytearray | memoryview) -> bool:
        """Replace the content."""
        self._files[name] = bytes(content)
        return True


class Battery(ClockDs3231):
    """The battery clock: right, as long as it was set once."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._is_set = False

    def read(self) -> int:
        """Unix seconds, 0 if it was never set."""
        return int(self._timeline.now().timestamp()) if self._is_set else 0

    def set(self, unix: int) -> bool:  # noqa: ARG002 - it can only be told the right time
        """Set it."""
        self._is_set = True
        return True


class Silent:
    """A buzzer or a lamp that nobody looks at."""

    def value(self, level: int) -> None:
        """Drive the pin."""


class Pen(Recorder):
    """The firmware's pen, which tells what it has written once it is in flash."""

    def __init__(
        self, journal: Journal, uptime: Uptime, clock: Clock, told: Callable[[str, Record], None]
    ) -> None:
        super().__init__(journal, uptime, clock)
        self._told = told

    def event(self, kind: str, fields: Record) -> int:
        """Append to the events lane."""
        number = super().event(kind, fields)
        self._told(kind, fields)
        return number

    def readings(self, fields: Record) -> int:
        """Append a readings record."""
        number = super().readings(fields)
        self._told("r", fields)
        return number


class Keep:
    """What survives a power cut: two rings of flash, the state files, the battery clock."""

    def __init__(self, timeline: Timeline) -> None:
        self.events = Blocks(64)
        self.readings = Blocks(256)
        self.files = Folder()
        self.battery = Battery(timeline)


class Board:
    """One controller; `power(False)` forgets everything but its flash.

    `told` hears each record when it is durable, `up` carries what it publishes.
    """

    def __init__(self, wall: Wall, identity: Identity, told: Callable[[str, Record], None], up: Up) -> None:
        self.wall = wall
        self.identity = identity
        self.keep = Keep(wall.timeline)
        self._told = told
        self._up = up
        self._epoch = wall.timeline.chance("journal").getrandbits(32) | 1
        self._tasks: list[asyncio.Task[None]] = []
        self.failure: BaseException | None = None
        """What ended a service: none of them ever ends."""
        self.link: Link | None = None
        self.wire_is_whole = True

    @property
    def is_on(self) -> bool:
        """Whether it runs."""
        return bool(self._tasks)

    def power(self, on: bool) -> None:
        """Switch the mains."""
        if on == self.is_on:
            return
        if on:
            self._boot()
            return
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self.wall.all_off()
        if self.link is not None:
            self.link.hang_up()
            self.link = None

    def wire(self, whole: bool) -> None:
        """Cut or mend the network between controller and gateway."""
        self.wire_is_whole = whole
        if self.link is not None:
            self.link.hang_up() if not whole else self.link.dial()

    def flash(self) -> Ring:
        """The events ring as a reader finds it who knows nothing of the running program."""
        ring = Ring(self.keep.events, records.EVENTS)
        ring.mount()
        return ring

    def _run(self, service: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(service)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            self.failure = task.exception() or RuntimeError("a service of the firmware ended")

    def _boot(self) -> None:
        files, wall = self.keep.files, self.wall
        uptime, clock = Uptime(), Clock(files.number("floor"))
        journal = Journal(Ring(self.keep.events, records.EVENTS), Ring(self.keep.readings, records.READINGS))
        journal.mount(self._epoch)
        journal.boot = files.number("boot") + 1
        files.put_number("boot", journal.boot)
        pen = Pen(journal, uptime, clock, self._heard)
        holdings = Holdings(files)
        holdings.load()
        screen = Screen(None, uptime, Heart())
        indicators = Indicators(Silent(), Silent(), Heart())
        doors = Doors(holdings, pen, screen, indicators, Leds([]), self._lock_board, Heart())
        doc_key = derive(self.identity.key, b"doc")
        time = Time(clock, self.keep.battery, uptime, files, Heart())
        desired = Desired(self.identity, doc_key, holdings, pen)
        commands = Commands(self.identity, doc_key, holdings, pen, doors)
        self.link = Link(wall.timeline, holdings, pen, desired, commands, time, self._up)
        valid = time.at_boot()
        pen.event(
            "boot",
            {
                "c": "power",
                "fw": "simulated",
                "pe": journal.rings[records.EVENTS].last,
                "pr": journal.rings[records.READINGS].last,
                "m0": 0,
                "m1": 0,
                "rtc": int(valid),
            },
        )
        keys = Entry(Keys(wall), derive(self.identity.key, b"code"), holdings, pen, doors, screen, Heart())
        buses: list[ProbeBus] = [Bus(wall, number) for number in range(2)]
        probes = Probes(buses, [], holdings, pen, indicators, screen, Heart())
        for service in (doors, Coil(doors, Heart()), Looks(doors, Eyes(wall), Heart()), keys, probes, time):
            self._run(service.run())
        self._run(self.link.run())
        if self.wire_is_whole:
            self.link.dial()

    def _lock_board(self, board: configuration.Board) -> Locks | None:
        for number, plan in enumerate(self.wall.plan.boards):
            if (plan.kind, plan.address) == (board.kind, board.address):
                return Locks(self.wall, number)
        return None

    def _heard(self, kind: str, fields: Record) -> None:
        self._told(kind, fields)
        if self.link is not None:
            self.link.wake()


class Link:
    """What `firmware.services.link` does, without MQTT: greets, sends the journal, takes what comes."""

    def __init__(
        self,
        timeline: Timeline,
        holdings: Holdings,
        pen: Pen,
        desired: Desired,
        commands: Commands,
        time: Time,
        up: Up,
    ) -> None:
        self._timeline = timeline
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
        """Send what waits, for ever."""
        while True:
            # Also without news it must be seen whether something is to be sent again.
            again = self._timeline.loop.call_later(_RESEND_S, self._more.set)
            await self._more.wait()
            again.cancel()
            self._more.clear()
            if self.connected:
                self._send()

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

    def _publish(self, leaf: str, message: Record) -> None:
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

    def receive(self, topic: str, payload: bytes) -> None:
        """A message of the gateway's arrives."""
        _, _, leaf = topics.parse(topic)
        if leaf == "desired":
            self._desired.arrived(payload, False)
        elif leaf == "cmd":
            self._commands.arrived(payload, False)
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
            self._timeline.moved()
