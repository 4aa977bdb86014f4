"""Invariant 13: a true excursion, or silence, sounds at the controller and reaches a person in time, and no
alarm ends before its cause.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from server.sitefile.document import ZonePart
from simulator.day.gateway import LINGER_S
from simulator.day.judge.broken import hold
from simulator.day.judge.watched import Watched
from simulator.day.timeline import BEGIN

TICK_S, CALM_TICK_S = 150.0, 900.0
"""How often the simulated server looks at its timers: while something is wrong with a zone, and else."""
_LOOKS_S = 150.0
"""Looks of a controller that stands still are this far apart at most, twice."""
_OVER_C = 0.6
"""Above the limit by as much, every probe is, wherever it hangs and however it lags."""
_TRANSPORT_S = 20.0
_FRESH_S = 240.0
"""After a link has come back, everything that waited has arrived."""


@dataclass
class Trouble:
    """What is wrong with one zone, in truth: since when (virtual seconds), None if nothing is."""

    hot_s: float | None = None
    """Over its limit, with a probe that feels it."""
    blind_s: float | None = None
    """No probe says anything sound to a controller that runs."""
    cut_s: float | None = None
    """Nothing of it can reach the server: no current, no wire, no gateway, no line."""
    was_blocked: bool = False
    """Whether the controller has blocked the zone since it is hot or blind; a person may have lifted it."""

    @property
    def dark_s(self) -> float | None:
        """Since when the server can know nothing of it."""
        return min((since for since in (self.cut_s, self.blind_s) if since is not None), default=None)


class Cold:
    """Follows the truth of every zone with probes."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.zones: dict[tuple[str, str], Trouble] = {}
        self.server_since_s = 0.0
        """Since when the server has been up, its clock right."""

    @property
    def is_troubled(self) -> bool:
        """Whether anything is wrong anywhere."""
        return any((each.hot_s or each.blind_s or each.dark_s) is not None for each in self.zones.values())

    def stepped(self, seen: Watched) -> None:
        """Time has passed at a controller, or something there has changed."""
        now = seen.now_s
        for part in seen.part.zones:
            if not part.probes:
                continue
            trouble = self.zones.setdefault((seen.id, part.id), Trouble())
            zone = seen.wall.zones[part.id]
            feels = [not (p.unplugged or p.garbled or p.resets or p.stuck) for p in zone.probes]
            hot = seen.board.is_on and all(feels) and zone.celsius > part.high_c + _OVER_C
            blind = seen.board.is_on and all(p.unplugged or p.garbled or p.resets for p in zone.probes)
            cut = not (seen.board.is_linked and seen.gateway.is_on and seen.gateway.line_is_whole)
            trouble.hot_s = (trouble.hot_s if trouble.hot_s is not None else now) if hot else None
            trouble.blind_s = (trouble.blind_s if trouble.blind_s is not None else now) if blind else None
            is_bad = trouble.hot_s is not None or trouble.blind_s is not None
            trouble.was_blocked = is_bad and (trouble.was_blocked or seen.is_blocked(part.id))
            trouble.cut_s = (trouble.cut_s if trouble.cut_s is not None else now) if cut else None

    def check(self, seen: Watched, server_is_up: bool) -> None:
        """Whatever has lasted too long has been said. Raises InvariantError."""
        now = seen.now_s
        for part in seen.part.zones:
            trouble = self.zones.get((seen.id, part.id))
            if trouble is None:
                continue
            looks_s = 2 * seen.part.sample_s + _LOOKS_S
            self._at_the_board(seen, part, trouble, looks_s)
            if not server_is_up:
                continue
            ready_s = max(self.server_since_s + TICK_S + 60, 0.0)
            if trouble.hot_s is not None and seen.reaches_server:
                due = max(trouble.hot_s + part.delay_s + looks_s, seen.reached_s + _FRESH_S, ready_s)
                hold(
                    now <= due or self._is_told(seen.id, part.id, ("breach",), trouble.hot_s),
                    f"13: nobody knows that {part.id} of {seen.id} is warm, for {now - trouble.hot_s:.0f} s",
                )
            if trouble.dark_s is not None:
                after_s = (
                    part.silence_s + 2 * seen.part.period_s + _TRANSPORT_S + LINGER_S + TICK_S + _LOOKS_S
                )
                hold(
                    now <= max(trouble.dark_s + after_s, seen.changed_s + _FRESH_S + TICK_S, ready_s)
                    or self._is_told(seen.id, part.id, ("nodata", "lost"), trouble.dark_s),
                    f"13: nobody knows that {part.id} of {seen.id} is silent, {now - trouble.dark_s:.0f} s",
                )

    def _at_the_board(self, seen: Watched, part: ZonePart, trouble: Trouble, looks_s: float) -> None:
        now = seen.now_s
        for since, after_s, what in (
            (trouble.hot_s, part.delay_s, "too warm"),
            (trouble.blind_s, part.silence_s, "without a probe"),
        ):
            if since is not None and now > since + after_s + looks_s:
                hold(
                    trouble.was_blocked,
                    f"13: {part.id} of {seen.id} is {what} for {now - since:.0f} s and not blocked",
                )

    def _is_told(self, device: str, zone: str, kinds: tuple[str, ...], since_s: float) -> bool:
        """Whether an alarm about it stands open, and a mail was asked for about it, or about another that
        stood open meanwhile: a controller that is lost and comes back blind is one trouble for its manager.
        Nor is a mail due about one that a person had taken note of before this began.
        """
        marks = ",".join("?" * len(kinds))
        since = (BEGIN + timedelta(seconds=since_s)).replace(tzinfo=None).isoformat(" ")
        row = self._database.execute(
            "SELECT 1 FROM alarms a WHERE a.controller_id = ? AND a.closed_at IS NULL"
            f" AND a.kind IN ({marks})"
            " AND a.zone_key IN (?, '') AND (a.acknowledged_at <= ? OR EXISTS"
            " (SELECT 1 FROM alarms b JOIN audit_entries e"
            " ON e.subject = 'alarm:' || b.id AND e.action = 'mail.requested'"
            f" WHERE b.controller_id = a.controller_id AND b.kind IN ({marks})"
            " AND (b.closed_at IS NULL OR b.closed_at >= ?)))",
            (device, *kinds, zone, since, *kinds, since),
        ).fetchone()
        return row is not None

    def closed(self, touched: dict[str, list[Any]], walls: dict[str, Watched]) -> None:
        """No alarm about silence ends while it lasts."""
        for key in touched.get("alarms", ()):
            row = self._database.execute(
                "SELECT controller_id, kind, zone_key, over_at FROM alarms"
                " WHERE id = ? AND closed_at IS NOT NULL",
                (key,),
            ).fetchone()
            if row is None or row[1] not in ("nodata", "breach") or row[3] is None:
                continue
            over_s = (datetime.fromisoformat(row[3]).replace(tzinfo=UTC) - BEGIN).total_seconds()
            trouble, seen = self.zones.get((row[0], row[2])), walls[row[0]]
            if trouble is None:
                continue
            since = trouble.hot_s if row[1] == "breach" else trouble.dark_s
            # One of long ago may end late: its record waited somewhere.
            settled = since is not None and over_s - since > _FRESH_S + seen.part.period_s
            hold(not settled, f"13: the alarm {row[1]} of {row[2]} at {row[0]} ends, its cause does not")
