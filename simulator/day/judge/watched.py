"""What the judge sees of one controller: its world, its board, its gateway, and what its records said."""

from dataclasses import dataclass, field
from typing import Any

from firmware.contract import records
from server.sitefile.document import ControllerPart
from simulator.day.board import Board
from simulator.day.gateway import Gateway
from simulator.day.wall import Wall

FLASH_GRACE_S = 660.0
"""What a board's flash refused is said again within ten minutes (`gateway.desired.RESEND_CAP_MS`)."""


@dataclass
class Watched:
    """One controller. The fields below `part` follow its own durable records, as anybody could read them."""

    wall: Wall
    board: Board
    gateway: Gateway
    part: ControllerPart
    applied: int = 0
    """Version of the newest set of grants it has told to be in force."""
    blocks: dict[str, str] = field(default_factory=dict)
    """Zone by block id."""
    ended: set[int] = field(default_factory=set)
    """Grants whose use ended in a collection."""
    commanded: set[str] = field(default_factory=set)
    """Commands that were used."""
    flash_s: float = -FLASH_GRACE_S
    """Since when its flash takes what it is given."""
    reached_s: float = 0.0
    """Since when the whole way to the server has been whole without a break."""
    changed_s: float = 0.0
    """When mains, boxes or wires on that way last changed."""
    is_cut_off: bool = True
    """Whether it was not when last looked at."""
    is_linked: bool = False
    """Whether its gateway could be reached then."""

    @property
    def id(self) -> str:
        """The controller's id."""
        return self.board.id

    @property
    def now_s(self) -> float:
        """Virtual seconds."""
        return self.wall.timeline.seconds

    def told(self, kind: str, fields: dict[str, Any]) -> None:
        """A record is in its flash."""
        if kind == "applied" and fields["d"] == "grants" and fields["ok"] == 1:
            self.applied = max(self.applied, fields["ver"])
        elif kind == "block":
            self.blocks[fields["id"]] = fields["z"]
        elif kind == "release":
            self.blocks.pop(fields["id"], None)
        elif kind == "after" and fields["r"] == records.COLLECTED:
            self.ended.add(fields["g"])

    def is_blocked(self, zone: str) -> bool:
        """Whether its records say that a zone's doors stay shut."""
        return any(each in ("", zone) for each in self.blocks.values())

    @property
    def reaches_server(self) -> bool:
        """Whether what it says gets through at once."""
        return self.board.is_linked and self.gateway.reaches_server
