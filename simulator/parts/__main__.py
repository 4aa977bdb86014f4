"""`python3 -m simulator.parts VERB`: set up what a verb of ./loquet needs; silent if it is all there."""

import errno
import fcntl
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from simulator.parts import apt, broker, environment, influxd, postgres, scratch
from simulator.parts.places import PRIVATE
from simulator.parts.progress import SetupError, stop

NEEDS_BROKER = {"demo", "simulator", "gateway", "bench"}
NEEDS_BOARDS = {"flash", "provision", "test"}
VERBS = {
    "demo",
    "test",
    "server",
    "gateway",
    "simulator",
    "bench",
    "postgres",
    "influx",
    "flash",
    "provision",
}


STORES = ("postgres", "influx")
"""What `demo --postgres` and `demo --influx` start themselves, unless an address follows."""


def stores_to_start(words: list[str]) -> list[str]:
    """The stores that a demo called with `words` starts for the occasion."""
    following = [*words[1:], ""][: len(words)]
    return [
        store
        for store in STORES
        for word, after in zip(words, following, strict=True)
        if word == f"--{store}" and (not after or after.startswith("-"))
    ]


def main(arguments: list[str]) -> None:
    """Set up for the verb in `arguments` (a demo's own arguments may follow it); exit 2 with one line if it
    can't be, 130 if interrupted.
    """
    if not arguments or arguments[0] not in VERBS or (len(arguments) > 1 and arguments[0] != "demo"):
        stop(f"usage: ./loquet setup [{'|'.join(sorted(VERBS))}]", 2)
    signal.signal(signal.SIGTERM, _interrupt)
    fresh = not PRIVATE.exists()
    try:
        for verb in (arguments[0], *stores_to_start(arguments[1:])):
            _set_up(verb)
    except KeyboardInterrupt:
        _leave_nothing(fresh)
        stop("set-up interrupted; run the same command to start it again", 130)
    except SetupError as error:
        _leave_nothing(fresh)
        stop(str(error), 2)
    except OSError as error:
        _leave_nothing(fresh)
        stop(refused(error, arguments[0]), 2)


def refused(error: OSError, verb: str) -> str:
    """What a file system that does not take the set-up says. A service's user meets a checkout of root's, or
    one mounted read-only, after an update whose new packages nobody has installed yet."""
    said = f"{error.filename or PRIVATE}: {error.strerror or error}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        said += f"; whoever owns this checkout must set it up: {PRIVATE.parent}/loquet setup {verb}"
    return said


def _set_up(verb: str) -> None:
    sets = [environment.RUN, environment.TEST] if verb == "test" else [environment.RUN]
    steps: list[Callable[[], None]] = []
    if not environment.is_ready(sets):
        steps.append(lambda: environment.prepare(sets))
    if verb == "test" and not environment.stubs_are_ready():
        steps.append(environment.prepare_stubs)
    if (verb in NEEDS_BROKER or verb == "test") and broker.find() is None:
        steps.append(_broker_for_the_suite if verb == "test" else broker.prepare)
    if (
        verb in ("postgres", "test", "bench")
        and postgres.there() is None
        and not environment.postgres_is_ready()
    ):
        steps.append(environment.prepare_postgres)
    if verb == "influx" and influxd.find() is None:
        steps.append(_influx)
    if verb in NEEDS_BOARDS and not environment.boards_are_ready():
        steps.append(environment.prepare_boards)
    if not steps:
        return
    PRIVATE.mkdir(exist_ok=True)
    with (PRIVATE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another set-up of this checkout is running; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        scratch.sweep()
        started = time.monotonic()
        print(f"Setting up Loquet in {PRIVATE} (once):", flush=True)
        for each in steps:
            each()
        print(f"  ready after {time.monotonic() - started:.1f} s", flush=True)


def _broker_for_the_suite() -> None:
    """The suite runs without a broker and names it among the missing parts."""
    try:
        broker.prepare()
    except apt.AptError as error:
        print(f"  going on without a broker: {error}", flush=True)


def _influx() -> None:
    influxd.build()


def _leave_nothing(fresh: bool) -> None:
    if fresh and PRIVATE.exists():
        (PRIVATE / "setup.lock").unlink(missing_ok=True)
        if not any(PRIVATE.iterdir()):
            PRIVATE.rmdir()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(sys.argv[1:])
