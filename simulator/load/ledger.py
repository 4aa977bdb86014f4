"""What a load device wrote down of itself: the outside truth that the other end of the chain is held
against.
"""

from dataclasses import dataclass, field
from pathlib import Path


class LedgerError(Exception):
    """A line of a ledger that no load device writes; the text names it."""


@dataclass
class Ledger:
    """A ledger as it is now."""

    made: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Lane to (boot, seq) of each record, in the order of making."""
    acked: dict[int, int] = field(default_factory=dict)
    """Lane to the highest seq acknowledged."""
    links: int = 0
    """Connections that the broker accepted."""
    losses: list[str] = field(default_factory=list)
    """Why each connection, or try at one, ended."""
    has_ended: bool = False
    """Everything made was acknowledged."""

    @property
    def count(self) -> int:
        """Records made."""
        return sum(map(len, self.made.values()))


def read(path: Path) -> Ledger:
    """The ledger in a file; empty if there is none yet. A last line that is still being written is left out.

    Raises LedgerError.
    """
    ledger = Ledger()
    text = path.read_text() if path.exists() else ""
    for line in text[: text.rfind("\n") + 1].splitlines():
        word, _, rest = line.partition(" ")
        match word, rest.split():
            case "made", [lane, boot, seq]:
                ledger.made.setdefault(int(lane), []).append((int(boot), int(seq)))
            case "ack", [lane, _, seq]:
                ledger.acked[int(lane)] = int(seq)
            case "link", [_]:
                ledger.links += 1
            case "lost", _:
                ledger.losses.append(rest)
            case "end", []:
                ledger.has_ended = True
            case _:
                raise LedgerError(f"{path}: not a line of a ledger: {line!r}")
    return ledger
