"""One site's gateway without threads or sockets: everything it decides, over one connection to its store.

The caller (the writer thread, a test, the simulation) opens a transaction, calls in, commits, and only then
carries out the effects.
"""

import json
import sqlite3
from collections.abc import Callable

from firmware.contract import records, topics
from gateway import lanes
from gateway.clock import SiteClock
from gateway.documents import Documents
from gateway.effects import Effects
from gateway.feed import Answer, Feed
from gateway.flow import SETTLE_MS, Flow
from gateway.gate import QUOTA, Arrival
from gateway.intake import Intake
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.roster import Roster
from gateway.tally import Tally

TIME_MS = 30_000
COUNT_MS = 60_000
PRUNE_MS = 600_000
COMMANDS_KEPT_MS = lanes.KEEP_MS


class Site:
    """The core. `machine` names this host's boot; `random_hex(n)` gives n random hex digits."""

    def __init__(
        self,
        site: str,
        database: sqlite3.Connection,
        tally: Tally,
        machine: str,
        random_hex: Callable[[int], str],
    ) -> None:
        self.site = site
        self.database = database
        self.tally = tally
        self.clock = SiteClock(lambda: random_hex(8))
        self.roster = Roster(database, machine)
        self.documents = Documents(database, self.roster)
        self.flow = Flow(database)
        self.intake = Intake(database, self.roster, self.documents, self.clock, tally, self.flow)
        self.feed = Feed(database, self.roster, self.documents, tally)
        self._random_hex = random_hex
        self._due: dict[str, int] = {"prune": 0}  # at once: one that is restarted often prunes all the same
        self._broker_down_since: int | None = None

    def rolled_back(self) -> None:
        """The transaction failed: the store is the truth, what was remembered of it is not."""
        self.intake.forget()
        self.flow.forget()
        self.roster.load()

    def take(self, arrival: Arrival, effects: Effects) -> None:
        """A message from the broker that passed the gate."""
        self.intake.take(arrival, effects)

    def linked(self, now: Moment, effects: Effects) -> None:
        """The broker connection is up: an outage is over."""
        self.roster.linked(now)
        self._due["time"] = now.mono_ms
        if self._broker_down_since is not None:
            self.outage("broker", self._broker_down_since, now, effects)
        self._broker_down_since = None

    def unlinked(self, now: Moment) -> None:
        """The broker connection is gone, or was never there."""
        self.roster.unlinked()
        if self._broker_down_since is None:
            self._broker_down_since = now.unix_s

    def outage(self, what: str, since_s: int, now: Moment, effects: Effects) -> None:
        """An outage of the broker or the server is over: an event says from when to when."""
        self._event({"v": 1, "k": "outage", "what": what, "f": since_s, "t": now.unix_s}, now)
        effects.upstream = True

    def apply(
        self, answer: Answer, snapshot: bool, sent: Moment | None, now: Moment, effects: Effects
    ) -> None:
        """An answer of the feed, to a request of `sent` (None: it may have waited). Raises FeedError: another
        epoch.
        """
        if sent is not None:
            self.clock.hear(answer.now_ms, sent, now)
        if snapshot and self.feed.position().epoch not in ("", answer.epoch):
            self.flow.close(now.wall_ms)
            lanes.doubt(self.database)
            effects.upstream = True
        self.feed.apply(answer, snapshot, now, effects)

    def tick(self, now: Moment, disciplined: bool, effects: Effects) -> None:
        """Call it every second or so: time, reminders, counts, pruning."""
        self.clock.look(now, disciplined)
        self.roster.judge(now)
        self.documents.remind(now, effects)
        if self.roster.is_linked and self._is_due("time", TIME_MS, now):
            effects.publish(topics.GATEWAY, "time", records.encode(self.clock.message(now)))
        if self._is_due("count", COUNT_MS, now):
            self.count(now, effects)
        if self._is_due("settle", SETTLE_MS, now):
            self.settle(now)
        if self._is_due("prune", PRUNE_MS, now):
            lanes.prune(self.database, now.wall_ms - lanes.KEEP_MS)
            self.database.execute("DELETE FROM command WHERE at_ms < ?", (now.wall_ms - COMMANDS_KEPT_MS,))

    def count(self, now: Moment, effects: Effects) -> None:
        """Turn the counts of the past minute into events."""
        for (device, reason, lane), count in sorted(self.tally.drain().items(), key=str):
            event: dict[str, object] = {
                "v": 1,
                "k": "aside",
                "d": device,
                "r": reason,
                "x": count,
                "t": now.unix_s,
            }
            if reason == QUOTA:
                event = {"v": 1, "k": "quota", "d": device, "l": lane, "x": count, "t": now.unix_s}
            self._event(event, now)
            effects.upstream = True

    def batch(self, lane: Lane, limit: int, now: Moment) -> tuple[str, list[lanes.Row]]:
        """The stream's epoch and the next rows of a lane."""
        if lane in (Lane.LIVE, Lane.BACKFILL):
            lanes.demote(self.database, now.wall_ms - lanes.FRESH_MS)
        epoch = lanes.epoch(self.database, self._random_hex(16))
        return epoch, lanes.batch(self.database, lane, limit, self.flow.acked(lane))

    def acknowledged(self, lane: Lane, upto: int, now: Moment) -> None:
        """The server has a lane up to a number."""
        if not self.flow.acknowledge(lane, upto, now.wall_ms):
            self.flow.close(now.wall_ms)
            lanes.renumber(self.database, self._random_hex(16))

    def settle(self, now: Moment) -> None:
        """Write down what the server has acknowledged: from time to time, and before an orderly end."""
        self.flow.settle(now.wall_ms)

    def fenced(self, now: Moment) -> None:
        """Another gateway with this one's identity has sent numbers of this stream: all that is kept gets new
        ones, for the day on which this one is heard again.
        """
        self.flow.close(now.wall_ms)
        lanes.renumber(self.database, self._random_hex(16))

    def stream(self, lane: Lane) -> tuple[str, int]:
        """The stream's epoch, and the last number given in a lane."""
        return lanes.epoch(self.database, self._random_hex(16)), lanes.numbered(self.database, lane)

    def expected(self, lane: Lane, expect: int, now: Moment) -> None:
        """The server wants another number next."""
        self.flow.close(now.wall_ms)
        if lanes.rewind(self.database, lane, expect):
            lanes.doubt(self.database, besides=lane)
        else:
            lanes.renumber(self.database, self._random_hex(16))

    def unacceptable(self, lane: Lane, row: lanes.Row, code: str, now: Moment) -> None:
        """The server can't take a record by itself: it is kept aside, and what stands in its place lets the
        lane go on: a gap record for readings, whose history has no holes, else a note of the gateway's own.
        """
        record: dict[str, object] = json.loads(row.record)
        if row.device == topics.GATEWAY and record.get("k") == "aside":
            return  # not even our own note is taken: no record was to blame, and no other is given up
        self.intake.keep(row.device, row.record.encode(), code, now)
        if record.get("k") == "r":
            gap = {key: record[key] for key in ("v", "e", "l", "b", "n", "u")}
            gap |= {"t": now.unix_s if self.clock.trusted(now) else 0, "q": self.clock.quality(now)}
            gap |= {"k": "gap", "f": record["n"], "r": code}
            lanes.replace(self.database, lane, row.seq, row.device, gap)
            return
        note: dict[str, object] = {"v": 1, "k": "aside", "d": row.device, "r": code, "x": 1, "t": now.unix_s}
        lanes.replace(self.database, lane, row.seq, topics.GATEWAY, note)

    def revoked(self) -> list[str]:
        """Devices whose access was taken away."""
        return [row[0] for row in self.database.execute("SELECT device FROM revoked ORDER BY device")]

    def _event(self, event: dict[str, object], now: Moment) -> None:
        lanes.add(self.database, Lane.EVENTS, topics.GATEWAY, now.wall_ms, event)

    def _is_due(self, what: str, every_ms: int, now: Moment) -> bool:
        if now.mono_ms < self._due.setdefault(what, now.mono_ms + every_ms):
            return False
        self._due[what] = now.mono_ms + every_ms
        return True
