"""When each lane may send, and how much: the server's wishes, our back-off, and live before backfill."""

from dataclasses import dataclass

from gateway.lanes import Lane

LARGEST = 500
BACKFILL_LARGEST = 250
"""A backfill batch on its way delays what is live by one batch at most."""
BACKFILL_PAUSE_S = 0.01
LIVE_PAUSE_S = 0.15
"""While the past is sent, live readings go together, so often: each by itself would cost the server a
transaction, between two batches of the past a dozen of them, and all would wait longer.
"""
BACKFILLS_S = 1.0
"""So long after a backfill batch it counts as being sent."""


@dataclass
class LanePace:
    """One lane's limit (rows a batch) and the monotonic time before which it stays quiet."""

    limit: int
    not_before_s: float = 0.0


class Pace:
    """The pace of all lanes; link-wide pauses apply to each."""

    def __init__(self) -> None:
        self._lanes = {
            lane: LanePace(BACKFILL_LARGEST if lane is Lane.BACKFILL else LARGEST) for lane in Lane
        }
        self._not_before_s = 0.0
        self._may_hurry = False
        self._backfilled_s = -BACKFILLS_S

    def due(self, now_s: float) -> list[Lane]:
        """Lanes that may send now, first the one to be served first."""
        if now_s < self._not_before_s:
            return []
        return [lane for lane in Lane if now_s >= self._lanes[lane].not_before_s]

    def limit(self, lane: Lane) -> int:
        """Rows a batch of this lane may have."""
        return self._lanes[lane].limit

    def wait_s(self, now_s: float, longest_s: float) -> float:
        """Seconds until a lane that is quiet now may send again; `longest_s` if none is."""
        times = [max(pace.not_before_s, self._not_before_s) for pace in self._lanes.values()]
        return min([longest_s, *(at - now_s for at in times if at > now_s)])

    def wished(self, lane: Lane, max_batch: int | None, min_ms: int, now_s: float) -> None:
        """The server's wish, in a receipt."""
        pace = self._lanes[lane]
        most = BACKFILL_LARGEST if lane is Lane.BACKFILL else LARGEST
        # After a 413 the limit grows again, a quarter at a time.
        pace.limit = min(most, max_batch or most, pace.limit + max(1, pace.limit // 4))
        pause = min_ms / 1000
        if lane is Lane.BACKFILL:
            pause = max(pause, BACKFILL_PAUSE_S)
            self._backfilled_s = now_s
        elif lane is Lane.LIVE and now_s - self._backfilled_s < BACKFILLS_S:
            pause = max(pause, LIVE_PAUSE_S)
        pace.not_before_s = now_s + pause

    def shrink(self, lane: Lane, rows: int) -> None:
        """The link broke, or was too slow, under a batch of so many rows: the next has half of them, so that
        a link which never lasts for a large batch carries a small one. It grows again with success.
        """
        self._lanes[lane].limit = max(1, rows // 2)

    def halve(self, lane: Lane) -> bool:
        """The batch was too large: half of it. False if it was one row."""
        pace = self._lanes[lane]
        if pace.limit == 1:
            return False
        pace.limit = max(1, pace.limit // 2)
        return True

    def pause(self, seconds: float, now_s: float, until_reached: bool = False) -> None:
        """Nothing is sent for a while; `until_reached`: unless somebody else reaches the server sooner."""
        self._not_before_s = now_s + seconds
        self._may_hurry = until_reached

    def hurry(self) -> None:
        """Somebody else reached the server: a pause that waited for that is over."""
        if self._may_hurry:
            self._not_before_s = 0.0
