"""What came of a run, as it is kept in `figures.json` so that two runs can be compared."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from simulator.bench.figure import Bar, Figure, Measured, Verdict

FORMAT = 1


class OutcomeError(Exception):
    """A file that is no outcome of a bench; the text names it and says why."""


@dataclass
class Outcome:
    """One line as measured. `failure`: why it ended before its time; what it had measured stays."""

    name: str
    title: str
    command: str
    figures: list[Figure]
    measured: dict[str, Measured]
    at: str
    """UTC, ISO 8601."""
    seconds: float
    quick: bool
    notes: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    unjudged: dict[str, str] = field(default_factory=dict)
    """Figure → why its load was less than its bar asks for."""
    versions: dict[str, str] = field(default_factory=dict)
    """On which it was measured: a report may hold lines of several days."""

    def verdict(self, figure: Figure) -> Verdict:
        """Whether a figure's bar is met. What was measured under less than the bar asks for is not judged; a
        line of which a run failed meets nothing, and may well fall short by what it had measured before.
        """
        verdict = figure.verdict(self.measured)
        if verdict not in ("met", "falls short"):
            return verdict
        if self.quick:
            return "quick: not judged"
        if figure.name in self.unjudged:
            return "too short: not judged"
        if self.failure and verdict == "met":
            return "a run failed: not judged"
        return verdict


@dataclass
class Report:
    """A machine and the lines measured on it."""

    machine: dict[str, str]
    versions: dict[str, str]
    """Of the newest run; each outcome has its own."""
    outcomes: list[Outcome]

    def merged_into(self, before: "Report | None", order: list[str]) -> "Report":
        """This run's lines, and those of an older report of the same machine that this run did not play."""
        kept: list[Outcome] = []
        if before is not None and before.machine == self.machine:
            mine = {outcome.name for outcome in self.outcomes}
            kept = [outcome for outcome in before.outcomes if outcome.name not in mine]
        places = {name: at for at, name in enumerate(order)}
        together = sorted([*kept, *self.outcomes], key=lambda each: places.get(each.name, len(order)))
        return Report(self.machine, self.versions, together)


def save(report: Report, path: Path) -> None:
    """Write a report as JSON, whole or not at all."""
    document = {"format": FORMAT, **asdict(report)}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    fresh.rename(path)


def load(path: Path) -> Report:
    """A report as written by `save`. Raises OutcomeError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise OutcomeError(f"{path} has format {raw['format']}, this bench reads {FORMAT}")
        outcomes = [_outcome({"versions": raw["versions"], **each}) for each in raw["outcomes"]]
        return Report(raw["machine"], raw["versions"], outcomes)
    except OSError as error:
        raise OutcomeError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise OutcomeError(f"{path} is no report of ./loquet bench ({error!r})") from error


def _outcome(raw: dict[str, Any]) -> Outcome:
    figures = [
        Figure(each["name"], each["unit"], Bar(**each["bar"]) if each["bar"] else None, each["worst"])
        for each in raw["figures"]
    ]
    measured = {name: Measured(tuple(each["values"])) for name, each in raw["measured"].items()}
    return Outcome(**{**raw, "figures": figures, "measured": measured})
