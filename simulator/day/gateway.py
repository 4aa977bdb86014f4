"""The gateway of a simulated day: its whole core over a store in memory, its threads' work done by turns.

A group of tasks is a transaction, its effects follow the commit, as in `gateway.writer`.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from firmware.contract import topics
from gateway import lanes, store
from gateway.effects import Effects
from gateway.feed import read_answer
from gateway.gate import Gate
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.pace import Pace
from gateway.quota import Quotas
from gateway.site import Site
from gateway.tally import Tally
from server.gateways.bell import Listener
from simulator.day.board import LATENCY_S
from simulator.day.office import Office
from simulator.day.timeline import BEGIN, Timeline

_TICK_S = 10.0
_POLL_S = 80.0
"""A poll waits so long at the server; in truth 25 s, at which a quiet day would be mostly polls. Below the
90 s after which the server takes a silent controller for gone.
"""
_UPTIME_MS = 7_000_000
"""The box had been running for a while."""

Result = TypeVar("Result")


class Gateway:
    """One site's. `down` carries its messages to the controller: topic and payload."""

    def __init__(
        self, site: str, device: str, timeline: Timeline, office: Office, down: Callable[[str, bytes], None]
    ) -> None:
        self._timeline = timeline
        self._office = office
        self._down = down
        self._site_id = site
        self._device = device
        chance = timeline.chance("gateway")
        self._database = store.connect(None)
        tally = Tally()
        self.site = Site(
            site, self._database, tally, "this machine", lambda digits: chance.randbytes(digits // 2).hex()
        )
        self._gate = Gate(site, lambda name: name == device, Quotas(), tally)
        self._pace = Pace()
        self._more = asyncio.Event()
        self._down_since: int | None = None
        self._resync = False
        self.server_is_there = True
        self._mended = asyncio.Event()

    def now(self) -> Moment:
        """Both clocks of this host."""
        passed = self._timeline.monotonic_ms()
        return Moment(int(BEGIN.timestamp() * 1000) + passed, _UPTIME_MS + passed)

    def heard(self, leaf: str, payload: bytes) -> None:
        """A message of the controller's."""
        topic = topics.topic(self._site_id, self._device, leaf)
        arrival = self._gate.pass_in(topic, payload, False, self.now())
        if arrival is not None:
            self._do(lambda effects: self.site.take(arrival, effects))

    def wire(self, whole: bool) -> None:
        """Cut or mend the line to the server."""
        self.server_is_there = whole
        if whole:
            self._mended.set()
            self._more.set()
        else:
            self._mended.clear()
            self._down_since = self.now().unix_s

    def waiting(self) -> int:
        """Items that the server does not have yet."""
        return sum(lanes.depth(self._database, lane)[0] for lane in Lane)

    async def tick(self) -> None:
        """Time, reminders, counts, for ever."""
        self._do(lambda effects: self.site.linked(self.now(), effects))
        while True:
            self._do(lambda effects: self.site.tick(self.now(), True, effects))
            await asyncio.sleep(_TICK_S)

    async def upstream(self) -> None:
        """Batches to the server, one after the other, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            await asyncio.sleep(LATENCY_S)
            if self.server_is_there and any(self._one_batch(lane) for lane in self._due()):
                self._more.set()

    def _due(self) -> list[Lane]:
        return self._pace.due(self._timeline.seconds)

    def _one_batch(self, lane: Lane) -> bool:
        """Deliver the next rows of a lane; False if it has none."""
        limit = self._pace.limit(lane)
        epoch, rows = self._do(lambda _effects: self.site.batch(lane, limit, self.now()))
        if rows:
            items = [row.item() for row in rows]
            upto = self._office.batch(self._site_id, epoch, lanes.NAMES[lane], items)
            self._do(lambda effects: self._delivered(lane, upto, effects))
        return bool(rows)

    def _delivered(self, lane: Lane, upto: int, effects: Effects) -> None:
        self.site.acknowledged(lane, upto, self.now())
        if self._down_since is not None:
            self.site.outage("server", self._down_since, self.now(), effects)
            self._down_since = None

    async def downstream(self) -> None:
        """The change feed by long poll, for ever."""
        async with Listener(self._site_id) as bell:
            while True:
                if not self.server_is_there:
                    await self._mended.wait()
                self._poll()
                await bell.wait(_POLL_S)
                await asyncio.sleep(LATENCY_S)

    def poll(self) -> None:
        """Ask the server now what changed."""
        if self.server_is_there:
            self._poll()

    def _poll(self) -> None:
        position = self.site.feed.position()
        snapshot = self._resync or not position.epoch
        self._resync = False
        if snapshot:
            body = self._office.snapshot(self._site_id)
        else:
            online = self.site.roster.online(self.now())
            body = self._office.changes(self._site_id, position.epoch, position.cursor, online)
        answer = read_answer(body)
        self._do(lambda effects: self.site.apply(answer, snapshot, None, self.now(), effects))

    def _do(self, task: Callable[[Effects], Result]) -> Result:
        """One transaction, then its effects."""
        effects = Effects(self._site_id)
        self._database.execute("BEGIN IMMEDIATE")
        result = task(effects)
        self._database.execute("COMMIT")
        for message in effects.messages():
            self._timeline.loop.call_later(LATENCY_S, self._down, message.topic, message.payload)
        if effects.upstream:
            self._more.set()
        self._resync = self._resync or effects.resync
        return result
