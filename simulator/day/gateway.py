"""The gateway of a simulated site: its whole core over a store in memory, its threads' work done by turns.

A group of tasks is a transaction, its effects follow the commit, as in `gateway.writer`. What is idle in
truth is skipped: a poll that changes nothing, a reminder of the time to clocks that are right.
"""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

from firmware.contract import topics
from gateway import lanes, store
from gateway.effects import Effects, Publish
from gateway.feed import read_answer
from gateway.gate import Gate
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.pace import Pace
from gateway.quota import Quotas
from gateway.site import Site
from gateway.tally import Tally
from server.foundation.errors import Conflict, Gone
from server.gateways.bell import Listener
from simulator.day.link import LATENCY_S
from simulator.day.office import Office
from simulator.day.timeline import BEGIN, Timeline

TICK_S, CALM_TICK_S = 30.0, 600.0
"""How often time and reminders go out: in the minutes after something happened, and when nothing does."""
_STIR_S = 1200.0
"""A clock that is wrong is believed after ten minutes of agreeing words."""
POLL_S = 1800.0
"""How long an idle poll waits here. In truth 25 s: whoever is about to depend on what the last one said
(somebody who opens a door from afar) has it made first, see `Gateway.poll`.
"""
LINGER_S = 165.0
"""Live readings wait for those of the site's other controllers: a batch costs as much as ten readings. Below
the three minutes after which a reading is no longer news (`gateway.lanes.FRESH_MS`).
"""
REQUEST_S = 3.0
"""A request to the server over a farm's mobile line: what comes meanwhile goes with the next one."""
_UPTIME_MS = 7_000_000
"""The box had been running for a while."""

Result = TypeVar("Result")


class Gateway:
    """One site's. `down` carries its messages to the controllers: topic and payload; `acked` hears of each
    acknowledgement before it leaves.
    """

    def __init__(
        self,
        site: str,
        devices: list[str],
        timeline: Timeline,
        office: Office,
        down: Callable[[str, bytes], None],
    ) -> None:
        self.id = site
        self.devices = devices
        self._timeline = timeline
        self._office = office
        self._down = down
        self._chance = timeline.chance(f"gateway {site}")
        self.database = store.connect(None)
        self.on_publish: Callable[[Publish], None] = lambda _message: None
        self.on_taken: Callable[[str, Lane, int], None] = lambda _epoch, _lane, _upto: None
        self.offset_s = 0
        """How far its clock is wrong."""
        self.is_on = True
        self.line_is_whole = True
        self._mended = asyncio.Event()
        self._more = asyncio.Event()
        self._resync = False
        self._down_since: int | None = None
        self._stirred = -_STIR_S
        self._live_may_go = False
        self._lingering: asyncio.TimerHandle | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._retained: dict[str, bytes] = {}
        self._started_s = 0.0
        self._start()

    def _start(self) -> None:
        """A process begins: all it knows is in its store."""
        self._started_s = self._timeline.seconds
        chance: random.Random = self._chance
        tally = Tally()
        self.site = Site(
            self.id, self.database, tally, "this machine", lambda digits: chance.randbytes(digits // 2).hex()
        )
        self._gate = Gate(self.id, lambda name: name in self.devices, Quotas(), tally)
        self._pace = Pace()
        self._do(lambda effects: self.site.linked(self.now(), effects))
        for device, payload in self._retained.items():
            self._take(device, "state", payload, True)
        self.stir()

    def now(self) -> Moment:
        """Both clocks of this host."""
        passed = self._timeline.monotonic_ms()
        return Moment(int((BEGIN.timestamp() + self.offset_s) * 1000) + passed, _UPTIME_MS + passed)

    @property
    def runs_s(self) -> float:
        """How long it has been running."""
        return self._timeline.seconds - self._started_s

    @property
    def reaches_server(self) -> bool:
        """Whether what it has gets through."""
        return self.is_on and self.line_is_whole and self._office.is_up

    def power(self, on: bool) -> None:
        """The box is switched off, or starts again."""
        if on == self.is_on:
            return
        self.is_on = on
        if on:
            self._start()
            self._retry()

    def wire(self, whole: bool) -> None:
        """Cut or mend the line to the server."""
        self.line_is_whole = whole
        if whole:
            self._retry()

    def server_is_back(self) -> None:
        """It can be reached again."""
        self._retry()

    def _retry(self) -> None:
        if self.reaches_server:
            self._live_may_go = True
            self._mended.set()
            self._more.set()
            self.stir()

    def stir(self) -> None:
        """Something happened: for a while the time is told every 30 s."""
        self._stirred = self._timeline.seconds
        if self._ticking is not None:
            self._ticking.cancel()
        self._ticking = self._timeline.loop.call_later(1.0, self._tick)

    def _tick(self) -> None:
        if self.is_on:
            self._do(lambda effects: self.site.tick(self.now(), not self.offset_s, effects))
            self._more.set()  # in truth it looks every second
        calm = self._timeline.seconds - self._stirred > _STIR_S
        self._ticking = self._timeline.loop.call_later(CALM_TICK_S if calm else TICK_S, self._tick)

    def heard(self, device: str, leaf: str, payload: bytes) -> None:
        """A message of a controller's. The broker retains its `state` for a gateway that is not there."""
        if leaf == "state":
            self._retained[device] = payload
        if self.is_on:
            self._take(device, leaf, payload, False)

    def _take(self, device: str, leaf: str, payload: bytes, retained: bool) -> None:
        arrival = self._gate.pass_in(topics.topic(self.id, device, leaf), payload, retained, self.now())
        if arrival is not None:
            self._do(lambda effects: self.site.take(arrival, effects))
            if leaf == "state" or (arrival.message is not None and arrival.message.get("k") == "hello"):
                self.stir()
                self._more.set()

    def waiting(self) -> int:
        """Items that the server does not have yet."""
        return sum(self.site.flow.depth(lane)[0] for lane in Lane)

    async def upstream(self) -> None:
        """Batches to the server, one after the other, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            await asyncio.sleep(REQUEST_S)
            if not self.reaches_server:
                self._note_outage()
            elif any(self._one_batch(lane) for lane in self._due()):
                self._more.set()

    def _note_outage(self) -> None:
        if self.is_on and self._down_since is None:
            self._down_since = self.now().unix_s

    def _due(self) -> list[Lane]:
        """Lanes in which something waits that may go now; live readings not before their turn."""
        waiting = self.site.flow.waiting()
        if Lane.LIVE in waiting and not self._live_may_go:
            waiting.discard(Lane.LIVE)
            if self._lingering is None:
                self._lingering = self._timeline.loop.call_later(LINGER_S, self._let_live_go)
        elif self._live_may_go:
            self._live_may_go = Lane.LIVE in waiting
        return [lane for lane in self._pace.due(self._timeline.seconds) if lane in waiting]

    def hurry(self) -> None:
        """Readings are waited for: they linger no longer."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._let_live_go()

    def _let_live_go(self) -> None:
        self._lingering = None
        self._live_may_go = True
        self._more.set()

    def _one_batch(self, lane: Lane) -> bool:
        """Deliver the next rows of a lane; False if it has none."""
        limit = self._pace.limit(lane)
        epoch, rows = self._do(lambda _effects: self.site.batch(lane, limit, self.now()))
        if not rows:
            return False
        items = [row.item() for row in rows]
        try:
            sent = self.now()
            upto, server_ms = self._office.batch(self.id, epoch, lanes.NAMES[lane], items)
        except Conflict as refusal:
            expect = int(str(refusal.extra["expect"]))
            self._do(lambda _effects: self.site.expected(lane, expect, self.now()))
            return True
        self.on_taken(epoch, lane, upto)
        self.site.clock.hear(server_ms, sent, self.now())
        self._do(lambda effects: self._delivered(lane, upto, effects))
        return True

    def _delivered(self, lane: Lane, upto: int, effects: Effects) -> None:
        self.site.acknowledged(lane, upto, self.now())
        if self._down_since is not None:
            self.site.outage("server", self._down_since, self.now(), effects)
            self._down_since = None

    async def downstream(self) -> None:
        """The change feed by long poll, for ever."""
        async with Listener(self.id) as bell:
            while True:
                while not self.reaches_server:
                    self._mended.clear()
                    await self._mended.wait()
                self._poll()
                await bell.wait(POLL_S)
                await asyncio.sleep(LATENCY_S)

    def poll(self) -> None:
        """The poll that would have been made a moment ago."""
        if self.reaches_server:
            self._poll()

    def _poll(self) -> None:
        position = self.site.feed.position()
        online = self.site.roster.online(self.now())
        snapshot = self._resync or not position.epoch
        body = None
        if not snapshot:
            try:
                body = self._office.changes(self.id, position.epoch, position.cursor, online)
            except Gone:
                snapshot = True
        if body is None:
            self._resync = False
            body = self._office.snapshot(self.id)
        answer = read_answer(body)
        self._do(lambda effects: self.site.apply(answer, snapshot, None, self.now(), effects))

    def _do(self, task: Callable[[Effects], Result]) -> Result:
        """One transaction, then its effects."""
        effects = Effects(self.id)
        self.database.execute("BEGIN IMMEDIATE")
        result = task(effects)
        self.database.execute("COMMIT")
        for message in effects.messages():
            self.on_publish(message)
            self._timeline.loop.call_later(LATENCY_S, self._down, message.topic, message.payload)
        if effects.upstream:
            self._more.set()
        self._resync = self._resync or effects.resync
        return result

    def close(self) -> None:
        """Forget everything."""
        self.database.close()
