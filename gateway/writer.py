"""The single writer: one thread owns the store; tasks are grouped into transactions; effects follow the
commit.

A group is what arrives within GROUP_MS of its first task, at most GROUP_ROWS; somebody who waits for an
answer ends it at once. A store that can't be written (disk full) acknowledges nothing: devices and server
send again. A disk that reports an error, or a damaged store, is another matter: after a failed fsync the
kernel forgets what it could not write and the next fsync "succeeds" (https://wiki.postgresql.org/wiki/Fsync_Errors),
so nothing is tried again on the open file. The thread ends, the process with it, and the next one believes
only what it reads from the disk.
"""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from gateway.effects import Effects
from gateway.errors import GatewayError, StoreError

GROUP_MS = 50
GROUP_ROWS = 500
QUEUED = 10_000
"""Tasks that may wait; a message beyond is dropped, unacknowledged, and comes again."""
RETRY_S = 1.0
LOOK_S = 1.0
"""How often a thread without work says that it is there."""
DISK_ERRORS = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""After these nothing more is written by this process. The low byte of an extended code is its kind."""

Task = Callable[[Effects], object]
Result = TypeVar("Result")
log = logging.getLogger("gateway.writer")


class _Job:
    def __init__(self, task: Task, future: "Future[object] | None") -> None:
        self.task = task
        self.future = future
        self.outcome: object = None
        self.error: Exception | None = None


class Writer:
    """Runs tasks in transactions. `carry_out` gets the effects of a committed group, on this thread."""

    def __init__(
        self,
        database: sqlite3.Connection,
        new_effects: Callable[[], Effects],
        carry_out: Callable[[Effects], None],
        rolled_back: Callable[[], None],
    ) -> None:
        self._database = database
        self._new_effects = new_effects
        self._carry_out = carry_out
        self._rolled_back = rolled_back
        self._queue: queue.Queue[_Job | None] = queue.Queue(QUEUED)
        self._closed = False
        self._gave_up = ""
        self.is_damaged = False
        """Whether the store itself was found damaged, not only its disk."""
        self.beat = time.monotonic()
        """When the thread last went round: waiting for work counts, waiting for the disk does not."""
        self.thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.failed_groups = 0

    def start(self) -> None:
        """Start the thread."""
        self.thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end the thread."""
        self._closed = True
        self._queue.put(None)
        self.thread.join()

    def offer(self, task: Task) -> bool:
        """Queue a task nobody waits for; False if the queue is full."""
        if self._closed:
            return False
        try:
            self._queue.put_nowait(_Job(task, None))
        except queue.Full:
            return False
        return True

    def post(self, task: Task) -> None:
        """Queue a task that must not be dropped; waits for room."""
        self._queue.put(_Job(task, None))

    def call(self, task: Callable[[Effects], Result]) -> Result:
        """Run a task and wait until it is on disk; its result. Raises what it raised, or StoreError."""
        if self._closed:
            raise StoreError(self._gave_up or "the gateway is stopping")
        future: Future[object] = Future()
        self._queue.put(_Job(task, future))
        if self._gave_up:
            self._refuse_queued()
        return future.result()  # type: ignore[return-value]

    @property
    def queued(self) -> int:
        """Tasks waiting."""
        return self._queue.qsize()

    def _run(self) -> None:
        going = True
        while going and not self._gave_up:
            self.beat = time.monotonic()
            jobs, going = self._group()
            if jobs and not self._transact(jobs) and not self._gave_up:
                time.sleep(RETRY_S)
        if self._gave_up:
            self._closed = True
            self._refuse_queued()

    def _refuse_queued(self) -> None:
        """Nobody will take these any more: whoever waits for one is told."""
        while True:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            if job is not None and job.future is not None:
                job.future.set_exception(StoreError(self._gave_up))

    def _group(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        deadline = 0.0
        while len(jobs) < GROUP_ROWS:
            try:
                job = self._queue.get(timeout=max(0.0, deadline - time.monotonic()) if jobs else LOOK_S)
            except queue.Empty:
                break
            if job is None:
                return jobs, False
            if not jobs:
                deadline = time.monotonic() + GROUP_MS / 1000
            jobs.append(job)
            if job.future is not None:
                break
        return jobs, True

    def _transact(self, jobs: list[_Job]) -> bool:
        effects = self._new_effects()
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._one(job, effects)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed(error, jobs)
            return False
        self._carry_out(effects)
        for job in jobs:
            if job.future is not None:
                if job.error is not None:
                    job.future.set_exception(job.error)
                else:
                    job.future.set_result(job.outcome)
        return True

    def _failed(self, error: sqlite3.Error, jobs: list[_Job]) -> None:
        self.failed_groups += 1
        log.critical("store not written", extra={"error": str(error), "tasks": len(jobs)})
        if not self._gives_up(error):
            try:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                self._rolled_back()
            except sqlite3.Error as worse:
                self._gives_up(worse)
        for job in jobs:
            if job.future is not None and not job.future.done():
                job.future.set_exception(StoreError(self._gave_up or f"the store can't be written: {error}"))

    def _gives_up(self, error: sqlite3.Error) -> bool:
        # sqlite3 gives the code of errors that SQLite itself reported, and of no others.
        kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if kind in DISK_ERRORS:
            self.is_damaged = kind != sqlite3.SQLITE_IOERR
            self._gave_up = f"the store's disk has an error, nothing more is written: {error}"
        return bool(self._gave_up)

    def _one(self, job: _Job, effects: Effects) -> None:
        """Run one task inside the group. One that fails leaves nothing behind and stops nobody else's."""
        self._database.execute("SAVEPOINT task")
        try:
            job.outcome = job.task(effects)
        except sqlite3.Error:
            raise
        except Exception as error:
            self._database.execute("ROLLBACK TO task")
            self._rolled_back()
            job.error = error
            if not isinstance(error, GatewayError):
                log.exception("a task failed")
        self._database.execute("RELEASE task")
