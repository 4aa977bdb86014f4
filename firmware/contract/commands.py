"""Commands: acts that must not be repeated, sealed, with an id and an expiry in the device's own uptime
(R-50 to R-57).
"""

from firmware.contract.errors import ContractError
from firmware.contract.records import decode, encode, integer, text

OPEN = "open"
BLOCK = "block"
RELEASE = "release"
OPERATIONS = (OPEN, BLOCK, RELEASE)

REMEMBERED = 32
"""Command ids a controller keeps in flash, with their first result."""
MAX_TTL_MS = 120_000


class Command:
    """One act. `open`: door. `block`: zone ("" = all doors), block_id, reason. `release`: block_id, by (a
    person's name).
    """

    def __init__(
        self,
        command_id: str,
        op: str,
        boot: int,
        not_after_ms: int,
        door: int = 0,
        zone: str = "",
        block_id: str = "",
        by: str = "",
    ) -> None:
        self.command_id = command_id
        """16 hex digits, random."""
        self.op = op
        self.boot = boot
        self.not_after_ms = not_after_ms
        """The device's uptime, in ms of that boot, after which the act is dead."""
        self.door = door
        self.zone = zone
        self.block_id = block_id
        self.by = by

    def pack(self) -> bytes:
        """The body to seal for the topic `cmd`."""
        return encode(
            {
                "v": 1,
                "id": self.command_id,
                "op": self.op,
                "b": self.boot,
                "na": self.not_after_ms,
                "d": self.door,
                "z": self.zone,
                "bl": self.block_id,
                "by": self.by,
            }
        )


def unpack(body: bytes) -> Command:
    """The command in an unsealed body; raises ContractError for another shape."""
    message = decode(body)
    op = text(message, "op")
    command = Command(
        text(message, "id"),
        op,
        integer(message, "b"),
        integer(message, "na"),
        integer(message, "d"),
        text(message, "z"),
        text(message, "bl"),
        text(message, "by"),
    )
    if op not in OPERATIONS or len(command.command_id) != 16:
        raise ContractError("field")
    for char in command.command_id:
        if char not in "0123456789abcdef":
            raise ContractError("field")
    if op == OPEN and not 0 < command.door < 256:
        raise ContractError("field")
    if op == RELEASE and (not command.block_id or not command.by):
        raise ContractError("field")
    return command
