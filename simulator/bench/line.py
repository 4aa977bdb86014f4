"""One line of the table: what it measures, with which command, and one run of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulator.bench.figure import Figure


class NotHereError(Exception):
    """This line, or a part of it, can't be measured on this machine; the text says why."""


@dataclass
class Round:
    """One run of a line: an empty folder, and the place where it leaves what it measured."""

    folder: Path
    number: int
    """From 0."""
    quick: bool
    options: "Options"
    figures: tuple[Figure, ...]
    values: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    """Peer or part that could not be measured → why."""
    unjudged: dict[str, str] = field(default_factory=dict)
    """Figure that was measured under less than its bar asks for → why: it gets no verdict."""
    say: Callable[[str], None] = print

    def put(self, name: str, value: float) -> None:
        """Keep a value. LookupError for a figure that the line does not declare."""
        if all(figure.name != name for figure in self.figures):
            raise LookupError(f"this line declares no figure {name!r}")
        self.values[name] = float(value)

    def note(self, text: str) -> None:
        """A sentence under the line's table: under what load, what was left out."""
        if text not in self.notes:
            self.notes.append(text)

    def leave_unjudged(self, name: str, why: str) -> None:
        """A figure whose load was smaller or shorter than its bar asks for: it is shown, and not judged."""
        self.unjudged[name] = why

    def lacks(self, what: str, why: str) -> None:
        """A part of the line that can't be measured here."""
        self.absent[what] = why


@dataclass(frozen=True)
class Options:
    """What the person at the terminal may choose beside the lines."""

    kills: int
    """SIGKILLs of the gateway, and as many of the broker, in one run of the line `kills`."""
    peers: bool
    """Whether other people's programs are installed and measured too."""


@dataclass(frozen=True)
class Line:
    """`measure` plays one run; `runs`: how many, unless the person says so (`--quick`: one)."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    measure: Callable[[Round], Awaitable[None]]
    runs: int = 3

    @property
    def command(self) -> str:
        """What measures this line alone."""
        return f"./loquet bench --only {self.name}"
