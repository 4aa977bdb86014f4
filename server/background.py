"""The background thread: timers that are due, mails and refunds that wait, views that are behind. All of it
is rows; this only claims them. What waits for a telemetry store has a thread of its own: an alarm's timer
must not wait for it.
"""

import logging
import threading
import time
from collections.abc import Callable

from server.foundation import outbox, timers
from server.foundation.context import Context
from server.payments import refunds
from server.telemetry import choice, rebuilding

log = logging.getLogger(__name__)

_TICK_S = 0.2
_PAUSE_S = 5.0
"""A kind of work that failed as a whole rests this long, so that its log stays readable."""

WORKS = (timers.run_due, refunds.send_due, outbox.deliver_due, rebuilding.catch_up)
"""What there is to do; each returns how many things it did."""
FEEDS = (choice.feed,)
"""The same, in the other thread."""
_FEED_STOP_S = 3.0


class Background:
    """`start()` and `stop()`; the constructor does nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, args=(WORKS,), name="background", daemon=True)
        self._feeds = threading.Thread(target=self._loop, args=(FEEDS,), name="feeds", daemon=True)

    def start(self) -> None:
        """Starts the threads."""
        timers.ensure_periodic(self._context)
        self._thread.start()
        self._feeds.start()

    def stop(self) -> None:
        """Ends the threads after what they are doing; what waits for a telemetry store is left waiting."""
        self._stop.set()
        self._thread.join(timeout=20)
        self._feeds.join(timeout=_FEED_STOP_S)
        if not self._feeds.is_alive():
            choice.close(self._context)

    @property
    def alive(self) -> bool:
        """False if the thread is not there: nothing lapses, is mailed or refunded. `/readyz` says so."""
        return self._thread.is_alive()

    def _loop(self, works: tuple[Callable[[Context], int], ...]) -> None:
        rests_until = dict.fromkeys(works, 0.0)
        while not self._stop.wait(_TICK_S):
            for work in works:
                if time.monotonic() < rests_until[work]:
                    continue
                try:
                    work(self._context)
                except Exception:  # without this thread there is no refund, no mail, no alarm
                    log.exception("%s failed and is tried again", work.__module__)
                    rests_until[work] = time.monotonic() + _PAUSE_S


def tick(context: Context) -> int:
    """One round; returns how many things were done. The simulated way of running calls it by its own
    clock."""
    return sum(work(context) for work in (*WORKS, *FEEDS))
