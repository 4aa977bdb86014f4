"""How long ago a poll named a controller, by the clock that never jumps where this process took that poll.

The wall clock stands in after a restart, or for a poll that another process took; a command's life is bounded
by `HEARD_WITHIN_MS` all the same.
"""

from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from server.foundation.clock import Clock
from server.lockers.models import Controller

HEARD_WITHIN_MS = 90_000
"""A device of which no poll spoke for so long is taken as offline: its uptime is no longer known well
enough."""

_LAST: WeakKeyDictionary[Clock, dict[str, tuple[datetime, int]]] = WeakKeyDictionary()
"""By clock and site: the moment of the last poll, and the monotonic milliseconds then."""


def mark(clock: Clock, site_id: str, polled_at: datetime) -> None:
    """A poll of a site's gateway was taken now; `polled_at` became `heard_at` of the controllers it named."""
    _LAST.setdefault(clock, {})[site_id] = (polled_at, clock.monotonic_ms())


def elapsed_ms(clock: Clock, controller: Controller) -> int | None:
    """Milliseconds since the controller's uptime was told; None if it never was."""
    if controller.heard_at is None:
        return None
    polled_at, monotonic_ms = _LAST.get(clock, {}).get(controller.site_id, (None, 0))
    if polled_at == controller.heard_at:
        return clock.monotonic_ms() - monotonic_ms
    return max(0, (clock.now() - controller.heard_at) // timedelta(milliseconds=1))
