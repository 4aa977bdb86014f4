"""Faults planted in the running programs: each replaces one function by a version with a plausible mistake.

They run inside the program's process before it starts (`simulator.story.broken`). What a fault replaces must
be there, or the fault can't be planted: a sabotage that changes nothing would prove nothing.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, cast


class SabotageError(Exception):
    """The fault can't be planted: what it changes is not there any more."""


def _target(place: str) -> Any:
    module, _, owner = place.partition(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise SabotageError(f"there is no module {module}") from error
    return getattr(found, owner, None) if owner else found


def need(place: str, name: str) -> Callable[..., Any]:
    """The function `name` of `place` (`module` or `module:Class`); raises SabotageError if there is none."""
    found = getattr(_target(place), name, None)
    if not callable(found):
        raise SabotageError(f"{place} has no function {name}")
    return cast(Callable[..., Any], found)


def put(place: str, name: str, broken: Callable[..., Any]) -> Callable[..., Any]:
    """Replace a function; returns the sound one. Raises SabotageError if there is none."""
    sound = need(place, name)
    setattr(_target(place), name, broken)
    return sound


def nothing(*_arguments: object, **_named: object) -> None:
    """A function that forgets to do its work."""


def forged_payments() -> None:
    """The webhook's signature is not compared."""
    parse = need("server.payments.provider", "parse_event")
    put("server.payments.provider:TestProvider", "verify", lambda _self, raw, _seal: parse(raw))


def late_payments_kept() -> None:
    """A payment for a lapsed order is taken, and nothing follows."""
    states = import_module("server.orders.states")

    def on_captured(session: Any, context: Any, order: Any) -> Any:
        return "already" if order.state == states.LAPSED else sound(session, context, order)

    sound = put("server.orders.paying", "on_captured", on_captured)


def any_zone_will_do() -> None:
    """The climate of a product is not looked at when a compartment is chosen."""

    def candidates(session: Any, bank: str, _climate: str, size: str, limit: Any) -> Iterator[Any]:
        for climate in ("ambient", "chilled", "frozen"):
            yield from sound(session, bank, climate, size, limit)

    sound = put("server.orders.capacity", "candidates", candidates)


def one_code_for_all_loaders() -> None:
    """Grants for loading are made for the order's first producer, whoever's line it is."""
    door_grant = need("server.grants.service", "DoorGrant")

    def issue(*arguments: Any) -> Any:
        doors = arguments[4]
        shared = [
            door_grant(door.claim_id, door.door, door.load, doors[0].producer_id, door.label)
            for door in doors
        ]
        return sound(*arguments[:4], shared, *arguments[5:])

    sound = put("server.grants.service", "issue", issue)


def doubt_is_empty() -> None:
    """A contact cycle alone frees a compartment, whatever its sensor says."""
    collected = need("server.orders.evidence", "_collected")

    def doubtful(session: Any, context: Any, door: Any, claim: Any, actor: str, _why: str) -> None:
        collected(session, context, door, claim, actor)

    put("server.orders.evidence", "_doubtful", doubtful)


def hello_is_a_receipt() -> None:
    """A gateway that starts again believes that it has all that a controller it knows says it holds."""
    lanes = import_module("firmware.contract.records").LANES
    cursor_of = need("gateway.cursor", "Cursor")
    read = need("gateway.hello", "read")
    cursor = need("gateway.intake:Intake", "_cursor")
    move = need("gateway.intake:Intake", "_move")
    greeted: set[str] = set()

    def hello(self: Any, arrival: Any, message: Any, effects: Any) -> None:
        said = read(message)
        if arrival.device not in greeted:
            greeted.add(arrival.device)
            for lane in lanes:
                key = (arrival.device, said.epoch, lane)
                if 0 < cursor(self, key).seq < said.last[lane]:
                    move(self, key, cursor_of(said.boot, said.last[lane]), arrival.at)
        sound(self, arrival, message, effects)

    sound = put("gateway.intake:Intake", "_hello", hello)


def forced_is_no_alarm() -> None:
    """An opening that nobody asked for is written down, and nobody is told."""
    forced = import_module("server.alarms.rules").FORCED

    def from_record(device: str, record: Any) -> list[Any]:
        return [change for change in sound(device, record) if change.kind != forced]

    sound = put("server.alarms.rules", "from_record", from_record)


def alarms_not_mailed() -> None:
    """Alarms stand on the page and wake nobody."""
    put("server.alarms.service", "tell_managers", nothing)


def release_needs_no_reason() -> None:
    """A command without a reason is sent all the same."""

    def send(*arguments: Any, **named: Any) -> Any:
        return sound(*arguments[:5], arguments[5].strip() or "-", *arguments[6:], **named)

    sound = put("server.lockers.commands", "_send", send)


def warm_rooms_take_lots() -> None:
    """A room's excursion does not concern its lots."""
    put("server.coldchain.service", "is_breached", lambda _session, _zone: False)


def acknowledged_before_the_commit() -> None:
    """Transactions are gathered for ten seconds, their acknowledgements are not."""

    class Lazy:
        """The store's connection, which commits every ten seconds at most."""

        def __init__(self, database: sqlite3.Connection) -> None:
            self._database = database
            self._committed = time.monotonic()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._database, name)

        def execute(self, statement: str, *values: Any) -> Any:
            if statement.startswith("BEGIN") and self._database.in_transaction:
                return None
            if statement == "COMMIT":
                if time.monotonic() - self._committed < 10:
                    return None
                self._committed = time.monotonic()
            return self._database.execute(statement, *values)

    def begin(self: Any, database: sqlite3.Connection, *rest: Any) -> None:
        sound(self, Lazy(database), *rest)

    sound = put("gateway.writer:Writer", "__init__", begin)


def gaps_are_bridged() -> None:
    """The table of a zone says nothing of the times without a temperature."""
    put("server.telemetry.series", "gaps", lambda *_rows, **_named: [])


PATCHES: dict[str, Callable[[], None]] = {
    "forged-payments": forged_payments,
    "late-payments-kept": late_payments_kept,
    "any-zone-will-do": any_zone_will_do,
    "one-code-for-all-loaders": one_code_for_all_loaders,
    "doubt-is-empty": doubt_is_empty,
    "hello-is-a-receipt": hello_is_a_receipt,
    "forced-is-no-alarm": forced_is_no_alarm,
    "alarms-not-mailed": alarms_not_mailed,
    "release-needs-no-reason": release_needs_no_reason,
    "warm-rooms-take-lots": warm_rooms_take_lots,
    "acknowledged-before-the-commit": acknowledged_before_the_commit,
    "gaps-are-bridged": gaps_are_bridged,
}
"""Name of a sabotage → what plants it."""
