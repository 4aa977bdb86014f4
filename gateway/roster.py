"""The site's devices as they are now: presence and uptimes, kept across restarts, told to the server on
change.
"""

import sqlite3
from dataclasses import replace

from gateway import lanes
from gateway.moment import Moment
from gateway.presence import LOST, ONLINE, Heard, Presence, after, hear

MAX_ONLINE = 512
"""Devices named in one poll, as many as the server reads (docs/interfaces.md section 2)."""
CONFIRM_MS = 60_000
"""After a new broker connection: how long a device may stay silent before it counts as lost."""


class Roster:
    """Presence and uptimes over the store. `machine` names this host's own boot, to which monotonic time is
    tied.
    """

    def __init__(self, database: sqlite3.Connection, machine: str) -> None:
        self._database = database
        self._machine = machine
        self._presences: dict[str, Presence] = {}
        self._heard: dict[str, Heard] = {}
        self._confirmed: set[str] = set()
        self._linked_ms: int | None = None
        self.load()

    def load(self) -> None:
        """Take everything from the store again, after a transaction that failed."""
        rows = self._database.execute("SELECT device, word, boot, connects FROM presence")
        self._presences = {device: Presence(word, boot, connects) for device, word, boot, connects in rows}
        rows = self._database.execute(
            "SELECT device, boot, ahead_ms FROM heard WHERE machine = ?", (self._machine,)
        )
        kept = {device: Heard(boot, ahead_ms) for device, boot, ahead_ms in rows}
        self._heard = {**kept, **self._heard}

    def linked(self, now: Moment) -> None:
        """The broker connection is new: every device has yet to show that it is still there."""
        self._confirmed.clear()
        self._linked_ms = now.mono_ms

    def unlinked(self) -> None:
        """The broker connection is gone: nobody can be reached, nobody is judged."""
        self._confirmed.clear()
        self._linked_ms = None

    @property
    def is_linked(self) -> bool:
        """Whether there is a broker connection."""
        return self._linked_ms is not None

    def say(self, device: str, said: Presence, now: Moment) -> None:
        """A device's `state`, or `online` by its hello."""
        known = self._presences.get(device)
        current = after(known, said)
        if current.word == ONLINE and current == said:
            self._confirmed.add(device)
        if current.word != ONLINE:
            self._confirmed.discard(device)
        if current != known:
            self._set(device, known, current, now)

    def hear(self, device: str, boot: int, uptime_ms: int, now: Moment, renewed: bool = False) -> None:
        """A device's own uptime, in a hello or a record. `renewed`: its journal is new, older boots mean
        nothing.
        """
        known = None if renewed else self._heard.get(device)
        self._heard[device] = hear(known, boot, uptime_ms, now.mono_ms)
        presence = self._presences.get(device)
        if presence is not None and presence.word == ONLINE and presence.boot == boot:
            self._confirmed.add(device)

    def keep_uptime(self, device: str) -> None:
        """Write a device's uptime down, so that a restarted gateway knows it at once."""
        heard = self._heard[device]
        self._database.execute(
            "INSERT OR REPLACE INTO heard (device, boot, ahead_ms, machine) VALUES (?, ?, ?, ?)",
            (device, heard.boot, heard.ahead_ms, self._machine),
        )

    def uptime_ms(self, device: str, boot: int, now: Moment) -> int | None:
        """A device's uptime now, if that boot is the one heard last."""
        heard = self._heard.get(device)
        return heard.uptime_ms(now.mono_ms) if heard is not None and heard.boot == boot else None

    def heard(self, device: str) -> Heard | None:
        """The uptime heard last from a device."""
        return self._heard.get(device)

    def reachable(self, device: str) -> Presence | None:
        """The presence of a device that has shown on this broker connection that it is there; else None."""
        return self._presences.get(device) if device in self._confirmed else None

    def online(self, now: Moment) -> list[tuple[str, int, int]]:
        """(device, boot, uptime in ms) of everybody who can be reached now, MAX_ONLINE at most."""
        found = []
        for device in sorted(self._confirmed):
            presence = self._presences.get(device)
            if presence is None or presence.word != ONLINE:
                continue
            uptime = self.uptime_ms(device, presence.boot, now)
            if uptime is not None:
                found.append((device, presence.boot, uptime))
        return found[:MAX_ONLINE]

    def reset(self, device: str) -> None:
        """A device whose journal is new counts its boots anew: forget which session was the newest."""
        self._presences.pop(device, None)

    def remove(self, device: str, now: Moment) -> None:
        """A device whose access was taken away is lost."""
        self._lose(device, now)
        self._heard.pop(device, None)

    def judge(self, now: Moment) -> None:
        """Whoever was online and has not shown up on a new broker connection in time is lost."""
        if self._linked_ms is None or now.mono_ms - self._linked_ms < CONFIRM_MS:
            return
        for device, presence in list(self._presences.items()):
            if presence.word == ONLINE and device not in self._confirmed:
                self._lose(device, now)

    def _lose(self, device: str, now: Moment) -> None:
        self._confirmed.discard(device)
        known = self._presences.get(device)
        if known is not None and known.word == ONLINE:
            self._set(device, known, replace(known, word=LOST), now)

    def _set(self, device: str, known: Presence | None, current: Presence, now: Moment) -> None:
        self._presences[device] = current
        self._database.execute(
            "INSERT OR REPLACE INTO presence (device, word, boot, connects) VALUES (?, ?, ?, ?)",
            (device, current.word, current.boot, current.connects),
        )
        if known is None or (known.word, known.boot) != (current.word, current.boot):
            event: dict[str, object] = {
                "v": 1,
                "k": "presence",
                "d": device,
                "s": current.word,
                "b": current.boot,
                "t": now.unix_s,
            }
            lanes.add(self._database, lanes.Lane.EVENTS, "gw", now.wall_ms, event)
