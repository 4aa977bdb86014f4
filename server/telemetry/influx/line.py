"""What is written to InfluxDB, as line protocol, and how it is named there. Pure.

Measurements `minute`, `hour` and `day` in a bucket each; tags `site`, `device` and `probe` and no other, so
that the number of series is the number of probes. A controller numbers the probes of each zone from 0; the
tag is `ZONE/NUMBER`, which is the probe's name at its controller. Timestamps are whole seconds, always
written with that precision: read as nanoseconds they would lie in 1970. The same tags and timestamp
overwrite.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from server.telemetry.series import Point
from server.telemetry.store import Step

DAY_S = 86_400
MARKER = "loquet_marker"
"""A measurement without tags in each bucket: by it we see that a bucket was emptied or put back."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe's place in the world."""

    site: str
    device: str
    zone: str
    number: int

    @property
    def tag(self) -> str:
        """Its name at its controller."""
        return f"{self.zone}/{self.number}"


@dataclass(frozen=True, slots=True)
class Sum:
    """An hour or day of a probe: hundredths of a degree; `weighted` is the sum of mean times seconds."""

    at: int
    low: int
    high: int
    weighted: int
    seconds: int


def bucket_of(name: str, step: Step) -> str:
    """The bucket of a step, for the name in the settings."""
    return {Step.MINUTE: name, Step.HOUR: f"{name}_hours", Step.DAY: f"{name}_days"}[step]


def _escaped(value: str) -> str:
    for char in ("\\", ",", "=", " "):
        value = value.replace(char, "\\" + char)
    return value


def _head(measurement: str, probe: Probe) -> str:
    tags = f"device={_escaped(probe.device)},probe={_escaped(probe.tag)},site={_escaped(probe.site)}"
    return f"{measurement},{tags}"


def minute(probe: Probe, point: Point) -> str:
    """A period as told. Without samples it has no temperature, and so no such field: a zero would be one."""
    degrees = f"low={point.low}i,mean={point.mean}i,high={point.high}i," if point.samples > 0 else ""
    fields = f"{degrees}samples={point.samples}i,health={point.health}i,length={point.length}i"
    return f"{_head(Step.MINUTE, probe)} {fields} {point.at}"


def summed(step: Step, probe: Probe, row: Sum) -> str:
    """An hour or day; its mean is there for other programs, ours reckon from the sums."""
    mean = round(row.weighted / row.seconds)
    fields = f"low={row.low}i,mean={mean}i,high={row.high}i,weighted={row.weighted}i,seconds={row.seconds}i"
    return f"{_head(step, probe)} {fields} {row.at}"


@dataclass(frozen=True, slots=True)
class Mark:
    """The marker: which rebuild this is, and how often the marker was renewed since."""

    generation: str
    marks: int

    def line(self, now: int) -> str:
        """As it is written, one a day: the same day overwrites, so there are few of them."""
        at = now - now % DAY_S
        return f'{MARKER} generation="{self.generation}",marks={self.marks}i {at}'

    def is_shown_by(self, found: Iterable["Mark"]) -> bool:
        """Whether a bucket with the marks `found` is the one that we wrote, and not an older copy of it."""
        return any(one.generation == self.generation and one.marks >= self.marks for one in found)


def flux_text(value: str) -> str:
    """A string literal of Flux."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'
