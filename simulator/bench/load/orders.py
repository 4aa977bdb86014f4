"""What a crowd is told to do and what it tells afterwards: the two JSON files beside its process."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

from firmware.contract import records

Flow = Literal["acked", "counted", "puback"]
"""What lets a device send more: the gateway's acknowledgements with the firmware's window and go-back-N; a
counter that the receiver keeps in a shared file; the broker's own PUBACK of QoS 1."""


@dataclass(frozen=True)
class Orders:
    """A crowd's load. With `each`, that many records of each device as fast as the flow allows; else `rate` a
    second over all devices for `seconds` (0: until SIGTERM).
    """

    site: str
    port: int
    """Of a listener without TLS, for users with a password."""
    password: str
    devices: tuple[str, ...]
    result: str
    """File for the result."""
    flow: Flow = "acked"
    each: int = 0
    rate: int = 0
    seconds: float = 0.0
    readings_every: int = 5
    """Every n-th record is a minute of readings, the others are door events; 1: only readings."""
    minutes_ago: int = 0
    """The first reading began so many minutes before now (by the device's uptime too), one a minute."""
    window: int = records.WINDOW
    """Records in flight: of each device and lane, or (`counted`) of the whole crowd."""
    repeat_s: float = 5.0
    """Without progress for so long, what is not acknowledged is sent again (R-44)."""
    boot: int = 1
    counter: str = ""
    """`counted`: file of 8 bytes, little-endian."""
    topic: str = ""
    """`{}` stands for the device; empty: the contract's `up`."""
    qos: int = 0
    """1: the broker acknowledges each record; only for flows that don't acknowledge themselves."""
    patience_s: float = 60.0
    """Once everything is made: longest wait without one more acknowledgement."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Orders as written by `write`."""
        raw = json.loads(path.read_text())
        return cls(**{**raw, "devices": tuple(raw["devices"])})

    def write(self, path: Path) -> None:
        """Write them; the file has a password and is this user's alone."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))


@dataclass
class Result:
    """What a crowd did. Times are CLOCK_MONOTONIC, the same for every process of a machine."""

    made: dict[str, list[float]] = field(default_factory=dict)
    """`device/lane` → when each record was made, number 1 first (empty for `each`, where it says nothing)."""
    counts: dict[str, int] = field(default_factory=dict)
    """`device/lane` → records made."""
    acked: dict[str, int] = field(default_factory=dict)
    """`device/lane` → everything up to this number is acknowledged (`puback`: how many are)."""
    begun_s: float = 0.0
    ended_s: float = 0.0
    """First record sent, last one acknowledged."""
    cpu_s: float = 0.0
    connects: int = 0

    @property
    def total(self) -> int:
        """Records acknowledged."""
        return sum(self.acked.values())

    @property
    def per_second(self) -> float:
        """Records acknowledged a second."""
        return self.total / max(self.ended_s - self.begun_s, 1e-9)

    @classmethod
    def read(cls, path: Path) -> Self:
        """A result as written by `write`."""
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.rename(path)
