"""Upward: what waits in the lanes goes to the server in batches, until it says that it has them."""

import logging
import threading
import time
from collections.abc import Callable

from gateway.backoff import Backoff
from gateway.effects import Effects
from gateway.errors import GatewayError
from gateway.lanes import Lane, Row
from gateway.moment import Moment
from gateway.pace import Pace
from gateway.server import (
    ExpectedError,
    FencedError,
    Receipt,
    Server,
    ServerError,
    TooLargeError,
    UnacceptableError,
)
from gateway.site import Site
from gateway.suspicion import FAULT, Suspicion
from gateway.writer import Writer

IDLE_S = 1.0
"""How often it looks without being woken."""

_WORDS: dict[type[ServerError], str] = {TooLargeError: "toolarge", UnacceptableError: "unacceptable"}
"""Why a record was replaced by a note; any other reason is `fault`."""

log = logging.getLogger("gateway.upstream")


class Upstream:
    """One thread serves all lanes, in their order, batch by batch: backfill never makes live wait for more
    than one.
    """

    def __init__(
        self, site: Site, writer: Writer, server: Server, backoff: Backoff, now: Callable[[], Moment]
    ) -> None:
        self._site = site
        self._writer = writer
        self._server = server
        self._backoff = backoff
        self._now = now
        self._pace = Pace()
        self._suspicion = Suspicion()
        self._unasked = set(Lane)
        """Lanes of which the server has not yet said how far it is: this store may be an older copy, and must
        not give numbers a second time.
        """
        self._is_fenced = False
        self._woken = threading.Event()
        self.reached: Callable[[], None] = _nobody
        """Called when the server was out of reach and no longer is."""
        self._stopping = threading.Event()
        self._down_since: int | None = None
        self.is_up = False
        """Whether the last try reached the server."""
        self.beat = time.monotonic()
        self.thread = threading.Thread(target=self._run, name="upstream", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def wake(self) -> None:
        """Something new waits."""
        self._woken.set()

    def hurry(self) -> None:
        """The server was reached again by another thread."""
        self._pace.hurry()
        self._woken.set()

    def stop(self) -> None:
        """End after the batch under way."""
        self._stopping.set()
        self._woken.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.beat = time.monotonic()
            self._woken.clear()
            try:
                if self._one_batch():
                    continue
            except GatewayError as error:
                log.warning("upstream stopped for a moment", extra={"error": str(error)})
                self._pace.pause(IDLE_S, time.monotonic())
            self._woken.wait(self._pace.wait_s(time.monotonic(), IDLE_S))
            # In a pause, what newly waits is no reason to look.
            while self._pace.due(time.monotonic()) == [] and not self._stopping.is_set():
                self._woken.clear()
                self._woken.wait(self._pace.wait_s(time.monotonic(), IDLE_S))
                self.beat = time.monotonic()

    def _one_batch(self) -> bool:
        """Send the most urgent batch; False if nothing may or need be sent."""
        for lane in self._pace.due(time.monotonic()):
            if lane in self._unasked and not self._ask(lane):
                return True
            epoch, rows = self._next(lane)
            if rows:
                self._deliver(epoch, lane, rows)
                return True
        return False

    def _ask(self, lane: Lane) -> bool:
        """How far is the server in this lane? Whether it said so. A store that is new has nothing to ask."""
        epoch, numbered = self._writer.call(lambda _e: self._site.stream(lane))
        if numbered:
            try:
                receipt = self._server.batch(epoch, lane, [])
            except ServerError as error:
                self._failed(error)
                return False
            self._writer.call(lambda _e: self._site.acknowledged(lane, receipt.upto, self._now()))
        self._unasked.discard(lane)
        return True

    def _next(self, lane: Lane) -> tuple[str, list[Row]]:
        limit = self._pace.limit(lane)
        return self._writer.call(lambda _e: self._site.batch(lane, limit, self._now()))

    def _deliver(self, epoch: str, lane: Lane, rows: list[Row]) -> None:
        sent = self._now()
        try:
            receipt = self._server.batch(epoch, lane, rows)
        except ExpectedError as error:
            self._reached()
            expect = error.expect
            log.warning("server wants another number", extra={"lane": lane.name, "expect": expect})
            self._writer.call(lambda _e: self._site.expected(lane, expect, self._now()))
            # Two sides that never agree must not spin.
            self._pace.pause(self._backoff.bad(), time.monotonic())
        except (TooLargeError, UnacceptableError) as error:
            self._reached()
            self._smaller(lane, rows, error)
        except ServerError as error:
            if error.status == FAULT and self._is_to_blame(epoch, lane, rows):
                self._reached()
                self._smaller(lane, rows, error)
            else:
                if error.is_cut:
                    self._pace.shrink(lane, len(rows))
                self._failed(error)
        else:
            self._reached()
            self._accept(lane, receipt, sent)

    def _accept(self, lane: Lane, receipt: Receipt, sent: Moment) -> None:
        def settle(effects: Effects) -> None:
            now = self._now()
            self._site.clock.hear(receipt.now_ms, sent, now)
            self._site.acknowledged(lane, receipt.upto, now)
            if self._down_since is not None:
                self._site.outage("server", self._down_since, now, effects)

        for seq, code in receipt.rejected:
            log.warning("server put a record aside", extra={"lane": lane.name, "seq": seq, "code": code})
            self._site.tally.add("gw", "rejected")
        self._writer.call(settle)
        self._down_since = None
        self._is_fenced = False
        self._pace.wished(lane, receipt.max_batch, receipt.min_ms, time.monotonic())
        self._backoff.good(time.monotonic())

    def _is_to_blame(self, epoch: str, lane: Lane, rows: list[Row]) -> bool:
        """Whether the server fails at these rows alone: it has done so before, and takes a batch without
        any.
        """
        if not self._suspicion.failed(lane, rows[0].seq, len(rows)):
            return False
        try:
            self._server.batch(epoch, lane, [])
        except ServerError as error:
            log.warning("server fails at an empty batch too", extra={"lane": lane.name, "error": str(error)})
            self._suspicion.innocent()
            return False
        self._suspicion.guilty(lane, len(rows))
        return True

    def _smaller(self, lane: Lane, rows: list[Row], error: ServerError) -> None:
        log.warning(
            "server can't take the batch",
            extra={"lane": lane.name, "rows": len(rows), "status": error.status},
        )
        while self._pace.limit(lane) > len(rows):
            self._pace.halve(lane)
        if not self._pace.halve(lane):
            code = _WORDS.get(type(error), "fault")
            self._site.tally.add(rows[0].device, code)
            self._writer.call(lambda _e: self._site.unacceptable(lane, rows[0], code, self._now()))
            self._pace.pause(self._backoff.bad(), time.monotonic())

    def _reached(self) -> None:
        if not self.is_up:
            self.reached()
        self.is_up = True

    def _failed(self, error: ServerError) -> None:
        self.is_up = False
        if isinstance(error, FencedError) and not self._is_fenced:
            log.critical("another gateway speaks for this site: switch one of them off")
            self._site.tally.add("gw", "fenced")
            self._writer.call(lambda _e: self._site.fenced(self._now()))
            self._is_fenced = True
        if self._down_since is None:
            self._down_since = self._now().unix_s
            log.warning("server not reached", extra={"error": str(error)})
        pause = max(self._backoff.bad(), error.retry_after_s or 0.0)
        self._pace.pause(pause, time.monotonic(), until_reached=error.status == 0)


def _nobody() -> None:
    """Nobody else waits for the server."""
