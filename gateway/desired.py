"""Which sealed documents a device lacks (R-32, R-33, R-46, R-61)."""

from collections.abc import Sequence
from dataclasses import dataclass

CONFIG, GRANTS = "config", "grants"
RESEND_MS = 5_000
"""Silence after a document was sent, until it is sent again; doubled each time."""
RESEND_CAP_MS = 600_000
MAX_CHAIN = 200
"""Changes kept per device before a snapshot is asked for instead."""


@dataclass(frozen=True)
class Step:
    """A version of a document, from version `base` (0: whole), as sealed payloads in the order to send."""

    version: int
    base: int
    payloads: tuple[bytes, ...]


def fits(chain: Sequence[Step], step: Step) -> bool:
    """Whether a change continues the chain; a snapshot always does, as it replaces it."""
    return step.base == 0 or (bool(chain) and chain[-1].version == step.base)


def extended(chain: Sequence[Step], step: Step) -> tuple[Step, ...]:
    """The chain with a step that `fits`; it always begins with a snapshot."""
    return (step,) if step.base == 0 else (*chain, step)


def missing(chain: Sequence[Step], held: int, refused: bool) -> tuple[Step, ...] | None:
    """The steps a device with version `held` lacks, in order; None if only a newer snapshot from the server
    can help.

    `refused`: the device could not apply a change, so it needs the whole set; a snapshot that is not above
    what it holds would be ignored (R-33).
    """
    if not chain or (chain[-1].version <= held and not refused):
        return ()
    if not refused:
        for at, step in enumerate(chain):
            if step.base == held and at > 0:
                return tuple(chain[at:])
    if chain[0].version > held:
        return tuple(chain)
    return None


@dataclass(frozen=True)
class Held:
    """What a device is known to hold, and how its last answer was. -1: not known, it has not said hello to
    this store.
    """

    config: int = -1
    grants: int = -1
    refused: bool = False
