"""Which view the settings choose, and what the background does for it. Connections live as long as the
process, or until `close`.
"""

from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

from server.foundation.context import Context
from server.foundation.database import Store
from server.telemetry.influx.feeder import Feeder
from server.telemetry.influx.view import FollowingView, InfluxView
from server.telemetry.sqlview import SqlView
from server.telemetry.store import TelemetryView


@dataclass
class _Chosen:
    view: TelemetryView
    feeder: Feeder | None = None
    outer: InfluxView | None = None


_chosen: WeakKeyDictionary[Store, _Chosen] = WeakKeyDictionary()
_lock = Lock()


def _of(context: Context) -> _Chosen:
    with _lock:
        found = _chosen.get(context.store)
        if found is None:
            found = _choose(context)
            _chosen[context.store] = found
        return found


def _choose(context: Context) -> _Chosen:
    if context.settings.telemetry_store == "sql":
        return _Chosen(SqlView())
    outer = InfluxView(context.settings, context.clock)
    return _Chosen(FollowingView(outer, context.clock), Feeder(context.settings), outer)


def view_of(context: Context) -> TelemetryView:
    """What charts of this server are drawn from."""
    return _of(context).view


def feed(context: Context) -> int:
    """Work of the background: brings the view outside up to the ledger, if the settings name one; returns the
    number of records written."""
    feeder = _of(context).feeder
    return feeder.round(context) if feeder is not None else 0


def feeder_of(context: Context) -> Feeder | None:
    """Who feeds the view outside from this process; None without one."""
    return _of(context).feeder


def close(context: Context) -> None:
    """Closes the connections of a context's view, and lets another process feed it."""
    with _lock:
        found = _chosen.pop(context.store, None)
    if found is not None and found.feeder is not None and found.outer is not None:
        found.feeder.close(context)
        found.outer.close()
