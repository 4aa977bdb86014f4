"""Commands: acts that must not be repeated. The only question the gateway decides is whether one may still be
sent (R-50, R-54).
"""

from dataclasses import dataclass

from gateway.presence import ONLINE, Heard, Presence

OFFLINE, LATE = "offline", "late"


@dataclass(frozen=True)
class Command:
    """A sealed act as the feed brought it. `not_after_ms`: uptime of that boot after which it is dead."""

    command_id: str
    device: str
    boot: int
    not_after_ms: int
    payload: bytes


def obstacle(
    command: Command, presence: Presence | None, heard: Heard | None, now_mono_ms: int
) -> str | None:
    """Why a command can't be delivered now, or None if it can. Another boot is not the one meant."""
    if presence is None or presence.word != ONLINE or presence.boot != command.boot:
        return OFFLINE
    if heard is None or heard.boot != command.boot:
        return OFFLINE
    if heard.uptime_ms(now_mono_ms) >= command.not_after_ms:
        return LATE
    return None
