"""What is measured, what it must be, and whether it is: pure arithmetic on the values of several runs."""

from dataclasses import dataclass
from statistics import median
from typing import Literal

Verdict = Literal[
    "met",
    "falls short",
    "not measured",
    "quick: not judged",
    "too short: not judged",
    "a run failed: not judged",
    "",
]
"""Empty: there is no bar."""


@dataclass(frozen=True)
class Bar:
    """A limit, or a multiple of another figure of the same line measured in the same run (`of`)."""

    sense: Literal["at least", "at most"]
    limit: float
    of: str = ""
    """Name of the figure that `limit` multiplies; empty: `limit` is the value itself."""

    def value(self, measured: "dict[str, Measured]") -> float | None:
        """The limit in the figure's unit; None if the peer it refers to was not measured."""
        if not self.of:
            return self.limit
        peer = measured.get(self.of)
        return None if peer is None or not peer.values else self.limit * peer.middle


@dataclass(frozen=True)
class Figure:
    """One thing that a line measures. `worst`: it is judged by its worst run, not by its median (losses)."""

    name: str
    unit: str
    bar: Bar | None = None
    worst: bool = False

    def judged(self, measured: "Measured") -> float:
        """The value that is held against the bar."""
        if not self.worst:
            return measured.middle
        highest_is_worst = self.bar is None or self.bar.sense == "at most"
        return max(measured.values) if highest_is_worst else min(measured.values)

    def verdict(self, measured: "dict[str, Measured]") -> Verdict:
        """Whether the bar is met by the values of this run."""
        if self.bar is None:
            return ""
        mine, limit = measured.get(self.name), self.bar.value(measured)
        if mine is None or not mine.values or limit is None:
            return "not measured"
        value = self.judged(mine)
        return (
            "met" if (value >= limit if self.bar.sense == "at least" else value <= limit) else "falls short"
        )


@dataclass(frozen=True)
class Measured:
    """The values of one figure, one for each run."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        """Their median."""
        return median(self.values)

    @property
    def least(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def most(self) -> float:
        """The largest."""
        return max(self.values)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all values do not exceed. ValueError if there is none."""
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    at = max(1, -(-len(ordered) * share // 1))
    return ordered[min(len(ordered), int(at)) - 1]
