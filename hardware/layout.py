"""Where what lies in a controller's flash (`flash.toml`): one rule for who writes a board, who simulates one,
and the firmware's own labels.
"""

from functools import cache

from pydantic import BaseModel, ConfigDict

from hardware.board import HERE, read_toml

BLOCK = 4096


class Partition(BaseModel):
    """A data partition. `start` in bytes from the flash's beginning, `blocks` of 4096 bytes, `subtype` as in
    ESP-IDF's partition tables.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    subtype: int
    start: int
    blocks: int
    holds: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.blocks * BLOCK


class Layout(BaseModel):
    """The whole flash: `table_at` is where ESP-IDF's boot loader looks for the partition table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flash_mb: int
    table_at: int
    partitions: tuple[Partition, ...]

    @property
    def flash_bytes(self) -> int:
        """The size that a module must have at least."""
        return self.flash_mb << 20

    @property
    def program_end(self) -> int:
        """Where the image's own program slots must have ended."""
        return self.partitions[0].start


PROGRAM = "vfs"
"""Label of the partition that holds the program; the others are the program's own."""


@cache
def load_layout() -> Layout:
    """Read the layout."""
    return Layout.model_validate(read_toml(HERE / "flash.toml"))


def state_partitions() -> tuple[tuple[str, int], ...]:
    """Label and blocks of what the program keeps its state in, in the flash's order."""
    return tuple((each.label, each.blocks) for each in load_layout().partitions if each.label != PROGRAM)
