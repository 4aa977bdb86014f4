"""A view made anew from the ledger by command, with a line for each step of the way; the server may run.

Interrupted, it is gone on with by the server's background thread, or by the same command.
"""

import time
from collections.abc import Callable

from server.foundation.context import Context
from server.foundation.errors import ConfigurationError
from server.telemetry import choice, rebuilding
from server.telemetry.influx import feeder
from server.telemetry.store import TROUBLES, State

Tell = Callable[[str], None]

_LOOK_S = 0.5
_SAY_EVERY = 4000
"""Records between two lines."""


def make_sql(context: Context, tell: Tell) -> None:
    """The rows by minute, hour and day."""
    with context.store.read() as session:
        under_way = rebuilding.is_under_way(session)
    if under_way:
        tell("sql: goes on with the rebuild that was interrupted")
    else:
        rebuilding.begin(context)
    said = -_SAY_EVERY

    def hear(far: rebuilding.Progress) -> None:
        nonlocal said
        if far.shown - said >= _SAY_EVERY or far.shown == far.records:
            said = far.shown
            tell(f"sql: {far.shown} of {far.records} records")

    rebuilding.run(context, hear)


def make_influx(context: Context, tell: Tell) -> None:
    """What InfluxDB holds. Raises ConfigurationError if the settings name none, or if it is in trouble: the
    rest is then done by the server as soon as it is well again.
    """
    feeds = choice.feeder_of(context)
    if feeds is None:
        raise ConfigurationError("telemetry_store is sql: there is no InfluxDB to write anew")
    view = choice.view_of(context)
    with context.store.write() as session:
        feeder.ask_for_rebuild(session)
    said = -1
    while True:
        rebuilding.catch_up(context)  # it follows the SQL views
        done = choice.feed(context)
        with context.store.read() as session:
            status = view.status(session)
            total = rebuilding.progress(session).records
        if status.state in TROUBLES:
            raise ConfigurationError(
                f"InfluxDB is {status.state} ({status.last_error}); the server goes on once it is well again"
            )
        if total - status.lag != said:
            said = total - status.lag
            tell(f"influx: {said} of {total} records")
        if status.state is State.LEVEL:
            return
        if not done:
            time.sleep(_LOOK_S)  # the server's own thread does it, or the next look is not due yet
