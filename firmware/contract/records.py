"""Records: everything a controller tells, numbered, in two lanes (R-40 to R-49).

A record's number is (journal epoch, lane, boot, seq). `seq` grows by one a lane and is never reset within
an epoch; the receiver acknowledges the highest contiguous number that is on its disk. Keys are short
because they cross a radio.

Common keys: `v` version 1 · `e` journal epoch, 8 hex digits · `l` lane · `b` boot · `n` seq · `u` uptime in
ms of this boot · `t` Unix seconds, 0 if unknown · `q` quality of `t` · `k` kind.
"""

import json

from firmware.contract.errors import ContractError
from firmware.contract.topics import MAX_MESSAGE

EVENTS = 0
READINGS = 1
LANES = (EVENTS, READINGS)
WINDOW = 32
"""Records published ahead of the last acknowledgement, a lane (R-44)."""
AHEAD_S = 300
"""Seconds by which a period of readings may end after the receiver's own present (R-49)."""
MAX_PERIOD_S = 86_400

UNKNOWN, FLOOR, RTC, DISCIPLINED = 0, 1, 2, 3
"""Quality of a time: none; the last persisted floor; the battery clock; the battery clock set by the
gateway.
"""

ABSENT, PRESENT, BLIND = 0, 1, 2
"""What an item sensor says of a compartment."""

# Lock outcomes: five honest ones, never "pulse sent".
OPENED, JAMMED, ALREADY_OPEN, NO_ANSWER, REFUSED = "opened", "jammed", "already", "noanswer", "refused"

# What a contact cycle ended in.
COLLECTED, KEPT, DOUBTFUL, LOADED, NOT_LOADED, CHECKED = (
    "collected",
    "kept",
    "doubtful",
    "loaded",
    "notloaded",
    "checked",
)

# Answers to an attempt at the keypad (`try`), never with digits.
ACCEPTED, SLIP, UNKNOWN_CODE, EARLY, USED, EXPIRED = "ok", "slip", "unknown", "early", "used", "expired"
BLOCKED, THROTTLED, NOT_YET, CLOCKLESS = "blocked", "throttled", "notyet", "noclock"

# How a command ended.
DONE, FAILED, LATE, OTHER_BOOT, DUPLICATE, BAD_SEAL, MALFORMED, RETAINED = (
    "done",
    "failed",
    "late",
    "otherboot",
    "duplicate",
    "badseal",
    "malformed",
    "retained",
)

# Probe health in readings and `probe` events.
GOOD, SILENT, CRC, POWER_ON, SHORTED, OUT_OF_RANGE, STUCK = 0, 1, 2, 3, 4, 5, 6

# Local alarms.
WARM, COLD, PROBE, NO_DATA, JAM, FORCED, AJAR, POWER, WRONG_CODES, FLASH = (
    "warm",
    "cold",
    "probe",
    "nodata",
    "jam",
    "forced",
    "ajar",
    "power",
    "wrongcodes",
    "flash",
)

_INT = (int,)
_TEXT = (str,)
_REF = (int, str)
_LIST = (list,)


def required() -> dict[str, dict[str, tuple[type, ...]]]:
    """Kind → the keys a record of it must have, beside the common ones.

    `boot`: cause, firmware, previous boot's last event and reading seq, interval of readings that may be
    missing (Unix s, 0 if unknown). `gap`: numbers `f`..`n` will never come, reason. `applied`: "cfg" or
    "grants" with version, set digest and count. `try`: `w` tries left, `x` attempts before it that were
    only counted. `use`: "grant" or "cmd" with its id, written before the coil. `lock`: outcome after `x`
    tries. `door`: 1 open, 0 closed, `x` 1 if nobody asked for it. `after`: a contact cycle ended: item
    sensor and result, load concerned (0 none). `cmd`: a command's result (`st1`: the first result, in
    answer to a duplicate). `block`/`release`: a zone's doors (z) or all (z ""). `alarm`: kind, 1 start 0
    end; `val` of an alarm or a block: hundredths of a degree. `r`: period start (Unix s, 0 unknown) and
    length s, rows [zone, probe no, min, mean, max, samples, health] in hundredths of a degree; a row
    without samples has three zeros and 0 samples, which are no temperature.
    """
    return {
        "boot": {"c": _TEXT, "fw": _TEXT, "pe": _INT, "pr": _INT, "m0": _INT, "m1": _INT},
        "gap": {"f": _INT, "r": _TEXT},
        "applied": {"d": _TEXT, "ver": _INT, "ok": _INT},
        "try": {"r": _TEXT, "c": _INT, "w": _INT},
        "use": {"a": _TEXT, "g": _REF, "c": _INT, "d": _INT},
        "lock": {"a": _TEXT, "g": _REF, "d": _INT, "o": _TEXT, "x": _INT},
        "door": {"d": _INT, "s": _INT, "x": _INT},
        "after": {"d": _INT, "g": _REF, "c": _INT, "i": _INT, "r": _TEXT, "ld": _INT},
        "cmd": {"id": _TEXT, "st": _TEXT},
        "block": {"id": _TEXT, "z": _TEXT, "r": _TEXT},
        "release": {"id": _TEXT, "by": _TEXT},
        "alarm": {"a": _TEXT, "s": _INT},
        "probe": {"z": _TEXT, "p": _INT, "h": _INT},
        "power": {"s": _INT},
        "r": {"p0": _INT, "s": _INT, "z": _LIST},
    }


def optional() -> dict[str, dict[str, tuple[type, ...]]]:
    """Kind → the keys a record of it may have."""
    return {
        "boot": {"rtc": _INT},
        "applied": {"dg": _TEXT, "cnt": _INT, "r": _TEXT},
        "try": {"x": _INT},
        "lock": {"r": _TEXT},
        "cmd": {"op": _TEXT, "r": _TEXT, "d": _INT, "o": _TEXT, "st1": _TEXT},
        "block": {"val": _INT},
        "alarm": {"z": _TEXT, "d": _INT, "val": _INT, "p": _INT},
    }


_COMMON = ("v", "e", "l", "b", "n", "u", "t", "q", "k")
_REQUIRED: dict[str, dict[str, tuple[type, ...]]] = {}
_OPTIONAL: dict[str, dict[str, tuple[type, ...]]] = {}
"""Filled by the first check: a controller, which checks no records, has no memory to spare for them."""


def encode(message: dict[str, object]) -> bytes:
    """A message as compact JSON."""
    return json.dumps(message, separators=(",", ":")).encode()


def decode(payload: bytes) -> dict[str, object]:
    """The JSON object in a payload; raises ContractError("size"), ("json") or ("version") (R-05, R-06)."""
    if len(payload) > MAX_MESSAGE:
        raise ContractError("size")
    message: object = None
    try:
        message = json.loads(payload)
    except (ValueError, RuntimeError):
        # Not JSON, not UTF-8, or nested beyond the interpreter's stack (RecursionError is a RuntimeError).
        message = None
    if not isinstance(message, dict):
        raise ContractError("json")
    if message.get("v") != 1:
        raise ContractError("version")
    return message


def integer(message: dict[str, object], key: str) -> int:
    """The integer under `key`; raises ContractError("field"). A JSON true is not an integer."""
    value = message.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 63) <= value < 1 << 63:
        raise ContractError("field")
    return value


def count(message: dict[str, object], key: str) -> int:
    """The number under `key` that counts something: 0 to 2**53 - 1, what every JSON reader holds exactly
    (R-41); raises ContractError("field").
    """
    value = integer(message, key)
    if not 0 <= value < 1 << 53:
        raise ContractError("field")
    return value


def _moment(message: dict[str, object], key: str) -> int:
    value = integer(message, key)
    if not 0 <= value < 1 << 32:
        raise ContractError("field")
    return value


def text(message: dict[str, object], key: str) -> str:
    """The string under `key`, at most 64 characters; raises ContractError("field")."""
    value = message.get(key)
    if not isinstance(value, str) or len(value) > 64 or not is_clean(value):
        raise ContractError("field")
    return value


def is_clean(value: str) -> bool:
    """False for control characters and half surrogates: what no store, log or page should have to survive."""
    for char in value:
        if char < " " or 0xD800 <= ord(char) <= 0xDFFF:
            return False
    return True


def _check(message: dict[str, object], key: str, types: tuple[type, ...]) -> None:
    if types is _INT:
        integer(message, key)
    elif types is _TEXT:
        text(message, key)
    elif types is _REF:
        if isinstance(message.get(key), str):
            text(message, key)
        else:
            integer(message, key)
    elif not isinstance(message.get(key), list):
        raise ContractError("field")


def check(message: dict[str, object]) -> None:
    """Refuses what is not a record of a known kind with its fields: ContractError("kind") or ("field")
    (R-41).

    Unknown extra keys are refused too: a record means one thing. Moments are Unix seconds below 2**32, a
    period of readings is 1 s to a day.
    """
    if not _REQUIRED:
        _OPTIONAL.update(optional())
        _REQUIRED.update(required())
    for key in _COMMON:
        _check(message, key, _TEXT if key in ("e", "k") else _INT)
    kind = text(message, "k")
    if kind not in _REQUIRED:
        raise ContractError("kind")
    if integer(message, "l") not in LANES or count(message, "n") < 1 or count(message, "b") < 1:
        raise ContractError("field")
    count(message, "u")
    _moment(message, "t")
    epoch = text(message, "e")
    if len(epoch) != 8:
        raise ContractError("field")
    must = _REQUIRED[kind]
    may = _OPTIONAL.get(kind, {})
    for key, types in must.items():
        _check(message, key, types)
    for key in message:
        if key in _COMMON or key in must:
            continue
        if key not in may:
            raise ContractError("field")
        _check(message, key, may[key])
    if kind == "r":
        _moment(message, "p0")
        if not 1 <= integer(message, "s") <= MAX_PERIOD_S:
            raise ContractError("field")
        check_rows(message["z"])
    elif kind == "boot":
        _moment(message, "m0")
        _moment(message, "m1")


def check_rows(rows: object) -> None:
    """Refuses readings rows of another shape than [zone, probe no, min, mean, max, samples, health]."""
    if not isinstance(rows, list) or len(rows) > 16:
        raise ContractError("field")
    for row in rows:
        if not isinstance(row, list) or len(row) != 7:
            raise ContractError("field")
        zone = row[0]
        if not isinstance(zone, str) or len(zone) > 32 or not is_clean(zone):
            raise ContractError("field")
        for value in row[1:]:
            if not isinstance(value, int) or isinstance(value, bool) or not -100000 < value < 100000:
                raise ContractError("field")
        if row[5] > 0 and not row[2] <= row[3] <= row[4]:
            raise ContractError("field")


def first_seq(message: dict[str, object]) -> int:
    """The first number a record stands for: its own, or the start of the hole that a gap record closes
    (R-45).
    """
    if message.get("k") == "gap":
        return integer(message, "f")
    return integer(message, "n")


def is_ahead(message: dict[str, object], now_s: int) -> bool:
    """True for a checked readings record whose period ends more than AHEAD_S after `now_s`, a trusted
    present in Unix seconds (R-49).
    """
    if message.get("k") != "r":
        return False
    begun = integer(message, "p0")
    return begun > 0 and begun + integer(message, "s") > now_s + AHEAD_S


def hello(
    epoch: str,
    boot: int,
    uptime_ms: int,
    connects: int,
    events: tuple[int, int],
    readings: tuple[int, int],
    config: int,
    grants: int,
    set_digest: str,
) -> dict[str, object]:
    """The first message of each connection: what the device holds (R-46). Ranges are (first, last) seq,
    last < first if empty.
    """
    return {
        "v": 1,
        "k": "hello",
        "e": epoch,
        "b": boot,
        "u": uptime_ms,
        "cc": connects,
        "ev": [events[0], events[1]],
        "rd": [readings[0], readings[1]],
        "cfg": config,
        "gr": grants,
        "dg": set_digest,
    }


def ack(epoch: str, lane: int, boot: int, seq: int) -> dict[str, object]:
    """The highest contiguous number on the gateway's disk (R-43). `seq` 0: nothing yet."""
    return {"v": 1, "e": epoch, "l": lane, "b": boot, "n": seq}


def state(word: str, boot: int, connects: int) -> dict[str, object]:
    """Retained presence: `online`, `off` (said goodbye) or `lost` (the will) (R-47)."""
    return {"v": 1, "s": word, "b": boot, "cc": connects}
