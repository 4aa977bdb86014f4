"""The sealed documents of each device: kept as the feed brought them, sent again until the device has applied
them.

What a device holds is known from its `hello` and its `applied` events; both are kept, so a restarted gateway
goes on.
"""

import base64
import json
import sqlite3
from dataclasses import dataclass, replace

from firmware.contract import records
from gateway.desired import (
    CONFIG,
    GRANTS,
    MAX_CHAIN,
    RESEND_CAP_MS,
    RESEND_MS,
    Held,
    Step,
    extended,
    fits,
    missing,
)
from gateway.effects import Effects
from gateway.moment import Moment
from gateway.roster import Roster


@dataclass(frozen=True)
class _Sent:
    """The last sending to a device: when (monotonic), how often since it had everything, up to which
    versions.
    """

    at_ms: int
    tries: int
    config: int
    grants: int


_APPLIED = {"cfg": CONFIG, "config": CONFIG, GRANTS: GRANTS}
"""How an `applied` record names a document."""


class Documents:
    """Desired state over the store."""

    def __init__(self, database: sqlite3.Connection, roster: Roster) -> None:
        self._database = database
        self._roster = roster
        self._sent: dict[str, _Sent] = {}

    def put(self, device: str, doc: str, step: Step, effects: Effects) -> None:
        """Keep a step from the feed (`send` it when all of them are kept). One that fits nothing asks for a
        snapshot.
        """
        chain = self.chain(device, doc)
        if any(known.version == step.version and known.base == step.base for known in chain):
            return
        if not fits(chain, step):
            effects.resync = True
            return
        if step.base == 0:
            self._database.execute("DELETE FROM document WHERE device = ? AND doc = ?", (device, doc))
        self._database.execute(
            "INSERT OR REPLACE INTO document (device, doc, version, base, payloads) VALUES (?, ?, ?, ?, ?)",
            (device, doc, step.version, step.base, _text(step.payloads)),
        )
        if len(extended(chain, step)) > MAX_CHAIN:
            effects.resync = True

    def clear(self, device: str | None = None) -> None:
        """Forget the documents of one device, or of all: a snapshot replaces them."""
        if device is None:
            self._database.execute("DELETE FROM document")
        else:
            self._database.execute("DELETE FROM document WHERE device = ?", (device,))

    def chain(self, device: str, doc: str) -> tuple[Step, ...]:
        """The kept steps of a device's document, snapshot first."""
        rows = self._database.execute(
            "SELECT version, base, payloads FROM document WHERE device = ? AND doc = ? ORDER BY version",
            (device, doc),
        )
        return tuple(Step(version, base, _payloads(text)) for version, base, text in rows)

    def greet(self, device: str, epoch: str, config: int, grants: int, now: Moment, effects: Effects) -> None:
        """A hello: what the device says it holds is what it holds."""
        self._keep(device, epoch, Held(config, grants))
        self._sent.pop(device, None)
        self.send(device, now, effects)

    def epoch(self, device: str) -> str | None:
        """The journal epoch of a device's last hello."""
        row = self._database.execute("SELECT epoch FROM held WHERE device = ?", (device,)).fetchone()
        return None if row is None else str(row[0])

    def applied(self, device: str, message: dict[str, object], now: Moment, effects: Effects) -> None:
        """An `applied` event: one that succeeded moves what is held; one refused for its base needs the whole
        set.
        """
        doc = _APPLIED.get(records.text(message, "d"))
        epoch, held = self._held(device)
        version = records.integer(message, "ver")
        if message.get("ok") == 1:
            if doc == CONFIG and version > held.config:
                held = replace(held, config=version)
            if doc == GRANTS and version >= held.grants:
                held = replace(held, grants=version, refused=False)
            self._keep(device, epoch, held)
        elif doc == GRANTS and message.get("r") in ("base", "digest") and not held.refused:
            # One from a backlog costs a snapshot that the device ignores.
            self._keep(device, epoch, replace(held, refused=True))
            self._sent.pop(device, None)
            self.send(device, now, effects)

    def send(self, device: str, now: Moment, effects: Effects) -> None:
        """Publish what a reachable device lacks and was not sent yet."""
        if self._roster.reachable(device) is None:
            return
        _, held = self._held(device)
        sent = self._sent.get(device) or _Sent(now.mono_ms, 0, held.config, held.grants)
        config = self.chain(device, CONFIG)[-1:]
        grants = missing(self.chain(device, GRANTS), max(held.grants, sent.grants), held.refused)
        if grants is None:
            effects.resync = True
            grants = ()
        steps = (*(step for step in config if step.version > max(held.config, sent.config)), *grants)
        for step in steps:
            for payload in step.payloads:
                effects.publish(device, "desired", payload)
        if steps:
            self._sent[device] = _Sent(
                now.mono_ms,
                sent.tries + 1,
                config[-1].version if config else sent.config,
                grants[-1].version if grants else sent.grants,
            )

    def remind(self, now: Moment, effects: Effects) -> None:
        """Send again what was sent and not applied, with growing pauses."""
        for device, sent in list(self._sent.items()):
            _, held = self._held(device)
            if held.config >= sent.config and held.grants >= sent.grants and not held.refused:
                del self._sent[device]
                continue
            pause = min(RESEND_CAP_MS, RESEND_MS * 2 ** min(sent.tries - 1, 10))
            if now.mono_ms - sent.at_ms >= pause:
                self._sent[device] = replace(sent, config=held.config, grants=held.grants)
                self.send(device, now, effects)

    def _held(self, device: str) -> tuple[str, Held]:
        row = self._database.execute(
            "SELECT epoch, config, grants, refused FROM held WHERE device = ?", (device,)
        ).fetchone()
        return ("", Held()) if row is None else (str(row[0]), Held(row[1], row[2], bool(row[3])))

    def _keep(self, device: str, epoch: str, held: Held) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO held (device, epoch, config, grants, refused) VALUES (?, ?, ?, ?, ?)",
            (device, epoch, held.config, held.grants, int(held.refused)),
        )


def _text(payloads: tuple[bytes, ...]) -> str:
    return json.dumps([base64.b64encode(payload).decode() for payload in payloads])


def _payloads(text: str) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(payload) for payload in json.loads(text))
