"""A compartment's door: latch, spring, contact, goods. Pure: seconds and chance come from outside.

The spring pushes the door ajar 40 to 150 ms after the latch lets go; a hand opens it wide and pushes it shut.
A contact bounces for some milliseconds at each edge.
"""

import random
from dataclasses import dataclass, field
from enum import Enum

RELEASE_S = 0.03
"""A coil shorter than this does not move the latch."""

SPRING_S = (0.04, 0.15)
SHUT_S = 0.08
BOUNCE_S = (0.003, 0.015)


class Stand(Enum):
    """Where the door stands."""

    LATCHED = "latched"
    AJAR = "ajar"
    WIDE = "wide"


@dataclass(frozen=True)
class Happening:
    """What the door did: `latch`, `door_open`, `door_close`, `item_in`, `item_out`, and when."""

    kind: str
    at: float
    detail: str = ""


@dataclass
class Door:
    """One door with what lies behind it."""

    number: int
    chance: random.Random
    stand: Stand = Stand.LATCHED
    items: list[str] = field(default_factory=list)
    jammed: bool = False
    """The latch lets go, the door does not move."""
    blocked: bool = False
    """Something keeps it from closing."""
    _coil_since: float | None = None
    _released: bool = False
    _springs_at: float | None = None
    _shuts_at: float | None = None
    _bounces: tuple[float, float] = (0.0, 0.0)

    @property
    def is_open(self) -> bool:
        """Whether the door is away from its frame."""
        return self.stand is not Stand.LATCHED

    def contact(self, now: float) -> bool:
        """The switch's reading, 1 = open; while it bounces, either."""
        if self._bounces[0] <= now < self._bounces[1]:
            return bool(self.chance.getrandbits(1))
        return self.is_open

    def coil(self, on: bool, now: float) -> list[Happening]:
        """The coil's current has changed."""
        done = self.advance(now)
        if on and self._coil_since is None:
            self._coil_since = now
        elif not on:
            self._coil_since = None
            self._released = False
        return done

    def next_change(self, now: float) -> float | None:
        """When `advance` will have something to do; None: never by itself."""
        times = [self._springs_at, self._shuts_at]
        if self._coil_since is not None and not self._released:
            times.append(self._coil_since + RELEASE_S)
        return min((max(now, at) for at in times if at is not None), default=None)

    def advance(self, now: float) -> list[Happening]:
        """Let springs and hands finish what is due by `now`."""
        done: list[Happening] = []
        since = self._coil_since
        if since is not None and not self._released and now >= since + RELEASE_S:
            self._released = True
            at = since + RELEASE_S
            if self.stand is Stand.LATCHED:
                done.append(Happening("latch", at, "jammed" if self.jammed else "released"))
                if not self.jammed:
                    self._springs_at = at - RELEASE_S + self.chance.uniform(*SPRING_S)
        if self._springs_at is not None and now >= self._springs_at:
            at, self._springs_at = self._springs_at, None
            self._open(Stand.AJAR, at)
            done.append(Happening("door_open", at, "spring"))
        if self._shuts_at is not None and now >= self._shuts_at:
            at, self._shuts_at = self._shuts_at, None
            self.stand = Stand.LATCHED
            self._bounce(at)
            done.append(Happening("door_close", at))
        return done

    def pull(self, now: float) -> tuple[bool, list[Happening]]:
        """A hand pulls: a door that is ajar opens wide, a latched one holds. Whether it is wide now."""
        done = self.advance(now)
        if self.stand is Stand.LATCHED:
            return False, done
        self.stand = Stand.WIDE
        self._shuts_at = None
        return True, done

    def push(self, now: float) -> list[Happening]:
        """A hand pushes the door shut; it takes a moment, and a latch that is held back does not catch."""
        done = self.advance(now)
        if self.is_open and not self.blocked:
            self._shuts_at = now + SHUT_S
        return done

    def force(self, now: float) -> list[Happening]:
        """Somebody breaks it open: no coil."""
        done = self.advance(now)
        if not self.is_open:
            self._open(Stand.WIDE, now)
            done.append(Happening("door_open", now, "forced"))
        return done

    def put(self, item: str, now: float) -> list[Happening]:
        """Goods go in. ValueError if the door is shut."""
        done = self.advance(now)
        if not self.is_open:
            raise ValueError(f"door {self.number} is shut")
        self.items.append(item)
        return [*done, Happening("item_in", now, item)]

    def take(self, now: float) -> list[Happening]:
        """All goods come out. ValueError if the door is shut."""
        done = self.advance(now)
        if not self.is_open:
            raise ValueError(f"door {self.number} is shut")
        taken, self.items = self.items, []
        return [*done, *(Happening("item_out", now, item) for item in taken)]

    def _open(self, stand: Stand, at: float) -> None:
        self.stand = stand
        self._shuts_at = None
        self._bounce(at)

    def _bounce(self, at: float) -> None:
        self._bounces = (at, at + self.chance.uniform(*BOUNCE_S))
