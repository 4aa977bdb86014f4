"""A moment on both clocks of this host: never compare one with the other."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Moment:
    """`wall_ms`: Unix time in ms, may be wrong and may step. `mono_ms`: monotonic, for delays and ages."""

    wall_ms: int
    mono_ms: int

    @property
    def unix_s(self) -> int:
        """Unix time in whole seconds."""
        return self.wall_ms // 1000
