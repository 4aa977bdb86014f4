"""What the server says, into the store: the change feed, its cursor written with its effect.

Items are judged one by one: one that can't be read is counted and passed over, for a feed must not block on
it.
"""

import base64
import binascii
import sqlite3
from dataclasses import dataclass
from typing import cast

from firmware.contract import topics
from gateway import lanes, store
from gateway.commands import Command, obstacle
from gateway.desired import CONFIG, GRANTS, Step
from gateway.documents import Documents
from gateway.effects import Effects
from gateway.errors import FeedError
from gateway.moment import Moment
from gateway.roster import Roster
from gateway.tally import Tally

Item = dict[str, object]


@dataclass(frozen=True)
class Position:
    """Where the feed was read to. `epoch` "": never."""

    epoch: str
    cursor: int


@dataclass(frozen=True)
class Answer:
    """An answer of the server to `changes` or `snapshot`."""

    epoch: str
    cursor: int
    now_ms: int
    items: tuple[Item, ...]


def read_answer(body: object) -> Answer:
    """The answer in a decoded JSON body. Raises FeedError."""
    if not isinstance(body, dict):
        raise FeedError("the server's answer is not an object")
    epoch, items = body.get("epoch"), body.get("items")
    if not isinstance(epoch, str) or not 0 < len(epoch) <= 64:
        raise FeedError("the server's answer has no epoch")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise FeedError("the server's answer has no list of items")
    return Answer(epoch, _number(body, "cursor"), _number(body, "now_ms"), tuple(cast(list[Item], items)))


class Feed:
    """Applies answers within the caller's transaction."""

    def __init__(
        self, database: sqlite3.Connection, roster: Roster, documents: Documents, tally: Tally
    ) -> None:
        self._database = database
        self._roster = roster
        self._documents = documents
        self._tally = tally

    def position(self) -> Position:
        """Where to go on reading."""
        epoch = store.read_meta(self._database, "feed_epoch")
        cursor = store.read_meta(self._database, "feed_cursor")
        return Position(epoch or "", int(cursor or 0))

    def apply(self, answer: Answer, snapshot: bool, now: Moment, effects: Effects) -> None:
        """The items of an answer and the cursor after them. Raises FeedError for changes of another epoch."""
        position = self.position()
        if snapshot:
            self._documents.clear()
        elif answer.epoch != position.epoch:
            raise FeedError("the feed's epoch changed")
        last = 0 if snapshot else position.cursor
        changed: set[str] = set()
        for item in answer.items:
            try:
                number = _number(item, "c")
                if not snapshot and number <= last:
                    continue
                last = max(last, number)
                self._item(item, snapshot, now, effects)
                changed.add(str(item.get("device")))
            except FeedError:
                self._tally.add(topics.GATEWAY, "feed")
        for device in sorted(changed):
            self._documents.send(device, now, effects)
        store.write_meta(self._database, "feed_epoch", answer.epoch)
        store.write_meta(
            self._database, "feed_cursor", str(answer.cursor if snapshot else max(last, answer.cursor))
        )

    def _item(self, item: Item, snapshot: bool, now: Moment, effects: Effects) -> None:
        kind, device = item.get("kind"), item.get("device")
        if not isinstance(device, str) or not topics.is_id(device) or device == topics.GATEWAY:
            raise FeedError("no device")
        if kind == "desired":
            doc = item.get("doc")
            if doc not in (CONFIG, GRANTS):
                raise FeedError("no document")
            step = Step(_number(item, "version"), _number(item, "base"), _payloads(item.get("payloads")))
            self._documents.put(device, str(doc), step, effects)
        elif kind == "command" and not snapshot:
            self._command(
                Command(
                    _word(item, "id"),
                    device,
                    _number(item, "boot"),
                    _number(item, "not_after_ms"),
                    _payload(item.get("payload")),
                ),
                now,
                effects,
            )
        elif kind == "revoke":
            self._database.execute(
                "INSERT OR IGNORE INTO revoked (device, at_ms) VALUES (?, ?)", (device, now.wall_ms)
            )
            self._documents.clear(device)
            self._roster.remove(device, now)
            effects.revoked.append(device)
            effects.upstream = True
        else:
            raise FeedError("unknown kind")

    def _command(self, command: Command, now: Moment, effects: Effects) -> None:
        known = self._database.execute("SELECT 1 FROM command WHERE id = ?", (command.command_id,)).fetchone()
        if known is not None:
            return
        device = command.device
        reason = obstacle(command, self._roster.reachable(device), self._roster.heard(device), now.mono_ms)
        # Marked before it is published: after a crash in between it is never sent, rather than perhaps twice.
        self._database.execute(
            "INSERT INTO command (id, device, outcome, at_ms) VALUES (?, ?, ?, ?)",
            (command.command_id, device, reason or "sent", now.wall_ms),
        )
        if reason is None:
            effects.publish(device, "cmd", command.payload)
            return
        event: dict[str, object] = {
            "v": 1,
            "k": "undelivered",
            "id": command.command_id,
            "r": reason,
            "t": now.unix_s,
        }
        lanes.add(self._database, lanes.Lane.EVENTS, topics.GATEWAY, now.wall_ms, event)
        effects.upstream = True


def _number(item: Item, key: str) -> int:
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise FeedError(f"no number {key}")
    return value


def _word(item: Item, key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise FeedError(f"no {key}")
    return value


def _payload(value: object) -> bytes:
    if not isinstance(value, str):
        raise FeedError("no payload")
    try:
        payload = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FeedError("the payload is not base64") from error
    if not 0 < len(payload) <= topics.MAX_MESSAGE:
        raise FeedError("the payload is empty or too large")
    return payload


def _payloads(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= 255:
        raise FeedError("no payloads")
    return tuple(_payload(payload) for payload in value)
