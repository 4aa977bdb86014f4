"""The first message of a connection: what the device holds (R-46)."""

from dataclasses import dataclass

from firmware.contract import records
from firmware.contract.errors import ContractError


@dataclass(frozen=True)
class Hello:
    """`first` and `last`: held numbers by lane, last < first if none."""

    epoch: str
    boot: int
    uptime_ms: int
    connects: int
    first: tuple[int, int]
    last: tuple[int, int]
    config: int
    grants: int


def read(message: dict[str, object]) -> Hello:
    """The hello in a message; raises ContractError("field")."""
    epoch = records.text(message, "e")
    records.text(message, "dg")
    events, readings = _held(message, "ev"), _held(message, "rd")
    hello = Hello(
        epoch=epoch,
        boot=records.count(message, "b"),
        uptime_ms=records.count(message, "u"),
        connects=records.count(message, "cc"),
        first=(events[0], readings[0]),
        last=(events[1], readings[1]),
        config=records.integer(message, "cfg"),
        grants=records.integer(message, "gr"),
    )
    if len(epoch) != 8 or hello.boot < 1 or min(hello.config, hello.grants) < 0:
        raise ContractError("field")
    return hello


def _held(message: dict[str, object], key: str) -> tuple[int, int]:
    pair = message.get(key)
    if not isinstance(pair, list) or len(pair) != 2:
        raise ContractError("field")
    first, last = pair
    for value in (first, last):
        if not isinstance(value, int) or isinstance(value, bool) or not -1 <= value < 1 << 53:
            raise ContractError("field")
    return first, last
