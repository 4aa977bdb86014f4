"""The one background thread: timers that are due, mails and refunds that wait. All of it is rows; this only
claims them."""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from server.foundation import outbox, timers
from server.foundation.context import Context
from server.payments import refunds

log = logging.getLogger(__name__)

_TICK_S = 0.2


class Background:
    """`start()` and `stop()`; the constructor does nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="background", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        timers.ensure_periodic(self._context)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after what it is doing."""
        self._stop.set()
        self._thread.join(timeout=20)

    def _loop(self) -> None:
        while not self._stop.wait(_TICK_S):
            try:
                tick(self._context)
            except (SQLAlchemyError, OSError):
                log.exception("the background work failed and goes on")


def tick(context: Context) -> int:
    """One round; returns how many things were done. The simulated way of running calls it by its own
    clock."""
    return timers.run_due(context) + refunds.send_due(context) + outbox.deliver_due(context)
