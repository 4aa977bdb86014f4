"""A site's core over an in-memory store: one transaction per message, what it publishes is kept."""

import base64
import json
from typing import Any

from firmware.contract import records, topics
from gateway import store
from gateway.effects import Effects, Publish
from gateway.feed import read_answer
from gateway.gate import Gate
from gateway.lanes import Lane
from gateway.moment import Moment
from gateway.quota import Quotas, Rate
from gateway.site import Site
from gateway.tally import Tally

SITE = "ferme"


EPOCH = "0badcafe"


class Bench:
    """A site with its gate, one transaction per message."""

    def __init__(self) -> None:
        self.database = store.connect(None)
        self.tally = Tally()
        self.numbers = iter(range(10**6))
        self.site = Site(SITE, self.database, self.tally, "machine", lambda n: f"{next(self.numbers):0{n}x}")
        self.gate = Gate(
            SITE, lambda name: name != "stranger", Quotas(Rate(100, 1000), Rate(100, 10_000)), self.tally
        )
        self.now = Moment(1_790_000_000_000, 1_000_000)
        self.published: list[Publish] = []
        self.effects = Effects(SITE)
        self.run(lambda effects: self.site.linked(self.now, effects))

    def run(self, task: Any) -> Effects:
        effects = Effects(SITE)
        self.database.execute("BEGIN IMMEDIATE")
        try:
            task(effects)
        finally:
            self.database.execute("COMMIT")
        self.published += effects.messages()
        self.effects = effects
        return effects

    def wait(self, milliseconds: int) -> None:
        self.now = Moment(self.now.wall_ms + milliseconds, self.now.mono_ms + milliseconds)

    def hear(
        self, leaf: str, payload: bytes | dict[str, Any], device: str = "wall-1", retained: bool = False
    ) -> None:
        if isinstance(payload, dict):
            payload = records.encode(payload)
        arrival = self.gate.pass_in(topics.topic(SITE, device, leaf), payload, retained, self.now)
        if arrival is not None:
            self.run(lambda effects: self.site.take(arrival, effects))

    def hello(
        self, boot: int = 1, uptime: int = 5_000, config: int = 0, grants: int = 0, epoch: str = EPOCH
    ) -> None:
        self.hear("up", records.hello(epoch, boot, uptime, 1, (1, 0), (1, 0), config, grants, ""))

    def apply(
        self, items: list[dict[str, Any]], snapshot: bool = False, epoch: str = "f1", cursor: int = 0
    ) -> None:
        numbered = [{"c": at, **item} for at, item in enumerate(items, self.site.feed.position().cursor + 1)]
        body = {
            "epoch": epoch,
            "cursor": cursor or len(numbered),
            "now_ms": self.now.wall_ms,
            "items": numbered,
        }
        answer = read_answer(json.loads(json.dumps(body)))
        self.run(lambda effects: self.site.apply(answer, snapshot, self.now, self.now, effects))

    def tick(self) -> None:
        self.run(lambda effects: self.site.tick(self.now, False, effects))

    def trust(self) -> None:
        self.site.clock.look(self.now, True)

    def said(self, leaf: str, device: str = "wall-1") -> list[bytes]:
        """What was published on a leaf since the last look."""
        found = [each.payload for each in self.published if each.topic == topics.topic(SITE, device, leaf)]
        self.published = [each for each in self.published if each.topic != topics.topic(SITE, device, leaf)]
        return found

    def acks(self) -> list[tuple[int, int]]:
        """(lane, number) of the acknowledgements since the last look."""
        said = [records.decode(payload) for payload in self.said("ack")]
        return [(records.integer(each, "l"), records.integer(each, "n")) for each in said]

    def rows(self, lane: Lane = Lane.EVENTS) -> list[dict[str, Any]]:
        """Records in a lane that is not sent yet."""
        found = self.database.execute("SELECT record FROM out WHERE lane = ? ORDER BY id", (lane,))
        return [json.loads(row[0]) for row in found]

    def kinds(self, *kinds: str) -> list[dict[str, Any]]:
        return [row for row in self.rows() if row["k"] in kinds]

    def resync(self) -> bool:
        """Whether the last message made a snapshot necessary."""
        return self.effects.resync

    def counts(self) -> dict[tuple[str, str], int]:
        return {(device, reason): count for (device, reason, _), count in self.tally.drain().items()}


def numbered(number: int, **other: Any) -> dict[str, Any]:
    common = {"v": 1, "e": EPOCH, "l": 0, "b": 1, "n": number, "u": 6_000, "t": 1_790_000_000, "q": 3}
    return {**common, **other}


def door(number: int, **other: Any) -> dict[str, Any]:
    return numbered(number, **{"k": "door", "d": 3, "s": 1, "x": 0, **other})


def reading(number: int, **other: Any) -> dict[str, Any]:
    return numbered(number, **{"l": 1, "k": "r", "p0": 0, "s": 60, "z": [], **other})


def payload(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
