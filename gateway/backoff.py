"""When to try again: exponential with full jitter, reset only after the link was stable.

A link that connects and fails at once must not be tried without pause, and five hundred sites that lost one
server must not come back in the same second.
"""

from collections.abc import Callable


class Backoff:
    """Delays between tries, in seconds; `random` gives a number in [0, 1)."""

    def __init__(self, random: Callable[[], float], first_s: float, cap_s: float, stable_s: float) -> None:
        self._random = random
        self._first_s = first_s
        self._cap_s = cap_s
        self._stable_s = stable_s
        self._failures = 0
        self._good_since: float | None = None

    def good(self, now_s: float) -> None:
        """A try succeeded at `now_s` (monotonic). Forgets the failures once it has stayed good for
        `stable_s`.
        """
        if self._good_since is None:
            self._good_since = now_s
        if now_s - self._good_since >= self._stable_s:
            self._failures = 0

    def bad(self) -> float:
        """A try failed: seconds to wait before the next. At least a tenth of the full delay, so never a busy
        loop.
        """
        self._good_since = None
        delay = min(self._cap_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return delay * (0.1 + 0.9 * self._random())
