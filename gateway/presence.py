"""Who is there: presence from `state` and `hello`, and each device's uptime (R-46, R-47, R-50)."""

from dataclasses import dataclass

ONLINE, OFF, LOST = "online", "off", "lost"
WORDS = (ONLINE, OFF, LOST)


@dataclass(frozen=True)
class Presence:
    """What is known of a device's connection; `boot` and `connects` name the session."""

    word: str
    boot: int
    connects: int


def after(known: Presence | None, said: Presence) -> Presence:
    """The presence after a `state` message.

    A device's own `online` is always the truth. A goodbye or a will counts only for the session known or a
    newer one: the will of an older session can arrive after the next session has begun (R-47).
    """
    if known is None or said.word == ONLINE:
        return said
    if (said.boot, said.connects) < (known.boot, known.connects):
        return known
    return said


@dataclass(frozen=True)
class Heard:
    """The highest (uptime - our monotonic clock) heard from a boot.

    A record's uptime is that of its making, in the past by an unknown while, so every one is a lower bound,
    and the highest bound is the nearest. A bound that is too low only makes a command expire earlier.
    """

    boot: int
    ahead_ms: int

    def uptime_ms(self, now_mono_ms: int) -> int:
        """The device's uptime now."""
        return self.ahead_ms + now_mono_ms


def hear(known: Heard | None, boot: int, uptime_ms: int, now_mono_ms: int) -> Heard:
    """What is known after a message of `boot` with `uptime_ms`; one of an older boot changes nothing."""
    fresh = Heard(boot, uptime_ms - now_mono_ms)
    if known is None or boot > known.boot:
        return fresh
    if boot == known.boot and fresh.ahead_ms > known.ahead_ms:
        return fresh
    return known
