"""Rate quotas: one babbling device never starves another, nor fills the disk.

An obedient device has at most 32 records unacknowledged (R-44), so its pace is that of our commits; the
quotas lie above that and bound what a device that ignores acknowledgements can cost.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """Tokens a second, and how many may be saved up."""

    per_s: float
    burst: float


FAST = Rate(1000, 2000)
"""Protects the queue: above what 32 records per group commit can reach."""
SLOW = Rate(20, 60_000)
"""Protects the disk: a backlog of ten days of minutes at once is welcome, babble day after day is not."""


class Bucket:
    """A token bucket on a monotonic clock, full at first."""

    def __init__(self, rate: Rate, now_ms: int) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at_ms = now_ms

    def refill(self, now_ms: int) -> None:
        """Bring the tokens to `now_ms`."""
        gained = max(0, now_ms - self._at_ms) * self._rate.per_s / 1000
        self._tokens = min(self._rate.burst, self._tokens + gained)
        self._at_ms = max(self._at_ms, now_ms)

    @property
    def has_token(self) -> bool:
        """Whether one more is allowed now."""
        return self._tokens >= 1

    def take(self) -> None:
        """Use one token."""
        self._tokens -= 1


class Quotas:
    """The buckets of every device and lane."""

    def __init__(self, fast: Rate = FAST, slow: Rate = SLOW) -> None:
        self._rates = (fast, slow)
        self._buckets: dict[tuple[str, int], tuple[Bucket, Bucket]] = {}

    def admits(self, device: str, lane: int, now_ms: int) -> bool:
        """Whether one more message of a device's lane may be taken now; takes its tokens if so."""
        key = (device, lane)
        if key not in self._buckets:
            fast, slow = self._rates
            self._buckets[key] = (Bucket(fast, now_ms), Bucket(slow, now_ms))
        pair = self._buckets[key]
        for bucket in pair:
            bucket.refill(now_ms)
        if not all(bucket.has_token for bucket in pair):
            return False
        for bucket in pair:
            bucket.take()
        return True
