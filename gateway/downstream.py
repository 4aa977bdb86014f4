"""Downward: the change feed, by long poll; its cursor is on disk together with what it brought."""

import logging
import threading
import time
from collections.abc import Callable

from gateway.backoff import Backoff
from gateway.effects import Effects
from gateway.errors import FeedError, GatewayError
from gateway.feed import Answer
from gateway.moment import Moment
from gateway.server import GoneError, Server, ServerError
from gateway.site import Site
from gateway.writer import Writer

WAIT_S = 25
RESYNC_EVERY_S = 30.0
"""Snapshots asked for because a device's changes don't fit are fetched no more often than this."""
SHORT_S = 0.5
"""An empty answer sooner than this is no long poll: a pause keeps it from becoming a busy loop."""

log = logging.getLogger("gateway.downstream")


class Downstream:
    """One thread polls; while it waits at the server, the server's word comes within a round trip."""

    def __init__(
        self, site: Site, writer: Writer, server: Server, backoff: Backoff, now: Callable[[], Moment]
    ) -> None:
        self._site = site
        self._writer = writer
        self._server = server
        self._backoff = backoff
        self._now = now
        self._stopping = threading.Event()
        self._resync = threading.Event()
        self._woken = threading.Event()
        self.reached: Callable[[], None] = _nobody
        """Called when the server was out of reach and no longer is."""
        self._snapshot_at = -RESYNC_EVERY_S
        self.is_up = False
        self.beat = time.monotonic()
        self.thread = threading.Thread(target=self._run, name="downstream", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def stop(self) -> None:
        """End after the poll under way; the process need not wait for it."""
        self._stopping.set()
        self._woken.set()

    def hurry(self) -> None:
        """The server was reached again by another thread."""
        self._woken.set()

    def resync(self) -> None:
        """A device's changes do not fit: fetch a snapshot before the next poll."""
        self._resync.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.beat = time.monotonic()
            try:
                self._poll()
                if not self.is_up:
                    self.reached()
                self.is_up = True
                self._backoff.good(time.monotonic())
            except (ServerError, GatewayError) as error:
                if self.is_up:
                    log.warning("feed not read", extra={"error": str(error)})
                self.is_up = False
                self._pause(error)

    def _pause(self, error: ServerError | GatewayError) -> None:
        """Wait before the next try; a server that could not be reached is tried at once if another thread was
        luckier.
        """
        pause = self._backoff.bad()
        if isinstance(error, ServerError) and error.status:
            self._stopping.wait(max(pause, error.retry_after_s or 0.0))
            return
        self._woken.clear()
        self._woken.wait(pause)

    def _poll(self) -> None:
        position, online = self._writer.call(
            lambda _e: (self._site.feed.position(), self._site.roster.online(self._now()))
        )
        wants = self._resync.is_set() and time.monotonic() - self._snapshot_at >= RESYNC_EVERY_S
        if not position.epoch or wants:
            self._fetch_snapshot()
            return
        asked = time.monotonic()
        try:
            answer = self._server.changes(position.epoch, position.cursor, WAIT_S, online)
        except GoneError:
            self._fetch_snapshot()
            return
        if answer.epoch != position.epoch:
            self._fetch_snapshot()
            return
        # How long the poll waited at the server is not known, so it says nothing of the clocks.
        self._apply(answer, snapshot=False, sent=None)
        if not answer.items and time.monotonic() - asked < SHORT_S:
            self._stopping.wait(SHORT_S)

    def _fetch_snapshot(self) -> None:
        log.info("fetching a snapshot")
        self._resync.clear()
        self._snapshot_at = time.monotonic()
        sent = self._now()
        self._apply(self._server.snapshot(), snapshot=True, sent=sent)

    def _apply(self, answer: Answer, snapshot: bool, sent: Moment | None) -> None:
        def put(effects: Effects) -> None:
            self._site.apply(answer, snapshot, sent, self._now(), effects)

        try:
            self._writer.call(put)
        except FeedError:
            self._resync.set()
            raise


def _nobody() -> None:
    """Nobody else waits for the server."""
