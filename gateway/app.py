"""Puts a gateway together and keeps it running: threads, timers, watchdog, signals."""

import logging
import random
import signal
import threading
import time
from types import FrameType

from firmware.contract import records, topics
from gateway import health, host, lanes, store
from gateway.backoff import Backoff
from gateway.broker import passwords
from gateway.broker.keeper import Keeper
from gateway.downstream import WAIT_S, Downstream
from gateway.effects import Effects
from gateway.gate import Gate
from gateway.link import Link
from gateway.quota import Quotas
from gateway.server import LONGEST_PAUSE_S, TIMEOUT_S, Server, trust
from gateway.settings import Settings
from gateway.site import Site
from gateway.tally import Tally
from gateway.upstream import Upstream
from gateway.writer import Writer

TICK_S = 1.0
GRACE_S = 3.0
"""How long an orderly end waits for the batch under way; what the server did not confirm is sent again."""
HEALTH_S = 60.0
STUCK_S = 30.0
"""A thread that has not gone round for so long is stuck: the process ends and is started anew by its
supervisor.
"""
DISK_S = 60.0
"""The writer waits for a disk: a memory card may take its time, but not for ever."""
KEEPER_S = 120.0
"""The keeper speaks to the broker for every device whose session it ends."""
LEAST_FREE_MB = 100
LARGEST_STORE_BYTES = 4 * 1024**3

log = logging.getLogger("gateway")


class Gateway:
    """All parts of one running gateway. The constructor opens the store and starts nothing."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError, BrokerFilesError or StoreError."""
        token = settings.token()
        self._settings = settings
        self._database, is_new = store.connect_or_begin_anew(settings.store)
        self._tally = Tally()
        if is_new:
            log.critical("the store was damaged: it is set aside, and begun anew")
            self._tally.add(topics.GATEWAY, "damaged")
        self._site = Site(settings.site, self._database, self._tally, host.machine(), host.random_hex)
        self._keeper = Keeper(settings, self._site.revoked())
        self._gate = Gate(settings.site, self._keeper.knows, Quotas(), self._tally)
        self._writer = Writer(
            self._database, lambda: Effects(settings.site), self._carry_out, self._site.rolled_back
        )
        # Each thread has a client of its own: a poll that waits must not hold back a batch.
        trusted = trust(settings.server_ca_file)
        run = host.random_hex(16)
        self._run = run[:8]
        self._servers = tuple(Server(settings.server_url, token, trusted, run) for _ in range(2))
        self._upstream = Upstream(self._site, self._writer, self._servers[0], _patient(), host.now)
        self._downstream = Downstream(self._site, self._writer, self._servers[1], _patient(), host.now)
        self._upstream.reached = self._downstream.hurry
        self._downstream.reached = self._upstream.hurry
        self._link = Link(
            settings.broker,
            topics.GATEWAY,
            passwords.kept(settings.persist_dir),
            [(topics.topic(settings.site, "+", "state"), 1), (topics.topic(settings.site, "+", "up"), 0)],
            self._heard,
            self._up,
            self._down,
            Backoff(random.random, first_s=0.2, cap_s=5.0, stable_s=60.0),
        )
        self._is_full = False
        self._stopping = threading.Event()
        self._health_due = 0.0

    def run(self) -> int:
        """Run until SIGTERM or SIGINT: exit status 0; 1 if a thread died or is stuck."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._on_signal)
        for part in (self._writer, self._keeper, self._link, self._upstream, self._downstream):
            part.start()
        known = {"site": self._settings.site, "devices": len(self._keeper.devices), "run": self._run}
        log.info("gateway runs", extra=known)
        status = 0
        while not self._stopping.wait(TICK_S):
            self._tick()
            stuck = self._stuck()
            if stuck:
                log.error("a thread is dead or stuck", extra={"part": stuck})
                status = 1
                break
        self._end(status)
        return status

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _end(self, status: int) -> None:
        self._downstream.stop()
        self._upstream.stop()
        if status == 0:
            self._keeper.stop()
            self._link.stop()
            self._upstream.thread.join(GRACE_S)
            self._writer.post(lambda _effects: self._site.settle(host.now()))
            self._writer.stop()
            self._database.close()
        elif self._writer.is_damaged:
            # The next start begins a new store at once, whatever page is damaged.
            log.critical("the store is damaged: it is set aside")
            store.set_aside(self._settings.store)
        log.info("gateway ends")

    def _tick(self) -> None:
        self._writer.offer(lambda effects: self._site.tick(host.now(), host.is_disciplined(), effects))
        if time.monotonic() >= self._health_due:
            self._health_due = time.monotonic() + HEALTH_S
            self._is_full = host.free_mb(self._settings.store.parent) < LEAST_FREE_MB
            self._writer.offer(self._health)

    def _health(self, effects: Effects) -> None:
        now = host.now()
        vitals = health.Vitals(
            server_up=self._upstream.is_up,
            feed_up=self._downstream.is_up,
            queued=self._writer.queued,
            failed_groups=self._writer.failed_groups,
            resident_kb=host.resident_kb(),
            free_mb=host.free_mb(self._settings.store.parent),
            certificate_ends=self._servers[0].certificate_ends,
        )
        document = health.document(self._site, vitals, now)
        self._site.flow.add(lanes.Lane.HEALTH, topics.GATEWAY, now.wall_ms, document)
        lanes.drop_old_health(self._database)
        effects.upstream = True
        effects.publish(topics.GATEWAY, "health", records.encode(document), qos=1, retain=True)
        if store.size_bytes(self._database) > LARGEST_STORE_BYTES or self._is_full:
            # What the server has goes first, a day earlier each time it is not enough.
            self._site.settle(now)
            lanes.prune_oldest(self._database, 50_000)
            self._is_full = self._is_full or store.size_bytes(self._database) > LARGEST_STORE_BYTES

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:
        """On the link's thread: what passes the gate is queued; what finds no room comes again,
        unacknowledged.
        """
        arrival = self._gate.pass_in(topic, payload, retained, host.now())
        if arrival is None:
            return
        if self._is_full and arrival.leaf == "up":
            self._tally.refuse(arrival.device, "full", arrival.at.mono_ms)
        elif not self._writer.offer(lambda effects: self._site.take(arrival, effects)):
            self._tally.refuse(arrival.device, "busy", arrival.at.mono_ms)

    def _up(self) -> None:
        self._writer.post(lambda effects: self._site.linked(host.now(), effects))
        self._health_due = 0.0

    def _down(self) -> None:
        self._writer.post(lambda _effects: self._site.unlinked(host.now()))

    def _carry_out(self, effects: Effects) -> None:
        """On the writer's thread, after the commit."""
        self._link.send(effects.messages())
        if effects.upstream:
            self._upstream.wake()
        if effects.resync:
            self._downstream.resync()
        if effects.revoked:
            self._keeper.revoke(effects.revoked)

    def _stuck(self) -> str:
        now = time.monotonic()
        limits: tuple[tuple[Link | Upstream | Downstream | Writer | Keeper, float], ...] = (
            (self._writer, DISK_S),
            (self._keeper, KEEPER_S),
            (self._link, STUCK_S),
            (self._upstream, 3 * TIMEOUT_S),
            (self._downstream, LONGEST_PAUSE_S + WAIT_S + 3 * TIMEOUT_S),
        )
        for part, limit in limits:
            if not part.thread.is_alive() or now - part.beat > limit:
                return str(part.thread.name)
        return ""


def _patient() -> Backoff:
    return Backoff(random.random, first_s=0.5, cap_s=20.0, stable_s=30.0)
