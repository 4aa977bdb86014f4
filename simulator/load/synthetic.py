"""What a load device tells: records of the kinds a controller makes most, the same for the same seed.

Runs under MicroPython and CPython; imports nothing of ours.
"""

MINUTE_S = 60


def journal_epoch(seed: int) -> int:
    """The epoch of the journal that a seed makes, 1 to 2^32 - 1: another seed is another journal."""
    return (seed * 2654435761 + 1) % 0xFFFFFFFF + 1


def door(number: int, doors: int) -> dict[str, object]:
    """Fields of the `number`-th `door` record (from 0): all `doors` open one after the other, then all
    close, and so on.
    """
    return {"d": number % doors + 1, "s": 1 - number // doors % 2, "x": 0}


def boot(firmware: str) -> dict[str, object]:
    """Fields of the `boot` record that begins the events: power came, and no record is missing."""
    return {"c": "power", "fw": firmware, "pe": 0, "pr": 0, "m0": 0, "m1": 0}


def reading(number: int, seed: int, start: int, zones: list[str]) -> dict[str, object]:
    """Fields of the `number`-th readings record (from 0): one minute of each zone's first probe, the minutes
    one after the other from `start` (Unix s); 2 to 4 degrees, in hundredths.
    """
    mean = 300 + (number * 7919 + seed) % 201 - 100
    rows: list[object] = [[zone, 0, mean - 12, mean, mean + 15, 12, 0] for zone in zones]
    return {"p0": start + number * MINUTE_S, "s": MINUTE_S, "z": rows}
