"""The hash chain over a device's readings: change, removal and reordering show to anyone who recomputes it.

Pure, and small enough to re-write in another language: link = SHA-256 of (previous link, position,
canonical body).
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

GENESIS = "0" * 64
"""The link before the first record."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical(record: dict[str, object]) -> str:
    """The one spelling of a record that is hashed and stored: sorted keys, no spaces, plain ASCII."""
    return _ENCODER.encode(record)


def is_of_boot(body: str, boot: int) -> bool:
    """Whether the record in a stored body was told in this boot: with its epoch and number that makes it one
    and no other. Cheaper than to decode it: `b` comes first in the one spelling of a record."""
    return f'"r":{{"b":{boot},' in body


def link(previous: str, position: int, body: str) -> str:
    """The link of the record at `position` (from 1), as 64 hex digits."""
    return hashlib.sha256(f"{previous}\n{position}\n{body}".encode()).hexdigest()


def first_break(rows: Iterable[tuple[int, str, str]], start: str = GENESIS, after: int = 0) -> int | None:
    """The first position whose (position, body, link) does not follow from the row before; None if all do.

    A cut tail shows only against a head written down elsewhere: compare the last link with the printed one.
    """
    previous, expected = start, after + 1
    for position, body, stored in rows:
        if position != expected or link(previous, position, body) != stored:
            return expected
        previous, expected = stored, position + 1
    return None


def record_of(body: str) -> dict[str, Any]:
    """The device's record in a stored body."""
    stored: dict[str, Any] = json.loads(body)["r"]
    return stored
