"""A cooled space as two thermal masses, air and goods, between a compressor, the surroundings and an open
door. Pure.

A speed factor makes its physics run faster than the clock on the wall; nothing else is bent. Figures are
those of a small commercial cabinet or cold room: the air falls in minutes, the goods in hours.
"""

import math
from dataclasses import dataclass, field

_STEP_S = 2.0


@dataclass(frozen=True)
class Build:
    """What the space is made of; temperatures in degrees Celsius, rates per second, powers as degrees per
    second of the air.
    """

    setpoint_c: float
    hysteresis_c: float
    leak: float
    """Rate at which the air nears the surroundings through closed walls."""
    door_leak: float
    """The same with a door open."""
    to_goods: float
    """Rate at which air and goods near each other, seen from the air."""
    goods_weight: float
    """How many times the air's heat capacity the goods have."""
    cooling: float
    defrost_every_s: float
    defrost_s: float
    defrost_heat: float


CHILLED = Build(2.0, 0.5, 1 / 6000, 1 / 500, 1 / 400, 6.0, 0.020, 6 * 3600, 480, 0.001)
FROZEN = Build(-21.0, 0.7, 1 / 9000, 1 / 700, 1 / 400, 6.0, 0.025, 8 * 3600, 480, 0.001)
AMBIENT = Build(math.inf, 1.0, 1 / 2000, 1 / 600, 1 / 400, 6.0, 0.0, math.inf, 0, 0.0)
BUILDS = {"chilled": CHILLED, "frozen": FROZEN, "ambient": AMBIENT}


@dataclass
class Space:
    """The state of one zone or room."""

    build: Build
    ambient_c: float = 22.0
    air_c: float = math.nan
    goods_c: float = math.nan
    compressor_works: bool = True
    defrosts: bool = True
    open_share: float = 0.0
    """How much of its front stands open: 1 for a room's door, a twelfth for one of twelve compartments."""
    cooling: bool = False
    defrosting_for_s: float = field(default=0.0)
    _since_defrost_s: float = 0.0

    def __post_init__(self) -> None:
        start = min(self.build.setpoint_c, self.ambient_c)
        if math.isnan(self.air_c):
            self.air_c = start
        if math.isnan(self.goods_c):
            self.goods_c = start

    @property
    def door_open(self) -> bool:
        """Whether any door of it stands open."""
        return self.open_share > 0

    def step(self, seconds: float) -> None:
        """Let `seconds` of the space's own time pass."""
        while seconds > 0:
            dt = min(_STEP_S, seconds)
            self._small(dt)
            seconds -= dt

    def _small(self, dt: float) -> None:
        b = self.build
        self._defrost(dt)
        defrosting = self.defrosting_for_s > 0
        if self.air_c > b.setpoint_c + b.hysteresis_c:
            self.cooling = True
        elif self.air_c < b.setpoint_c - b.hysteresis_c:
            self.cooling = False
        leak = b.leak + (b.door_leak - b.leak) * self.open_share
        change = leak * (self.ambient_c - self.air_c) + b.to_goods * (self.goods_c - self.air_c)
        if self.cooling and self.compressor_works and not defrosting:
            change -= b.cooling
        if defrosting:
            change += b.defrost_heat
        self.goods_c += dt * b.to_goods / b.goods_weight * (self.air_c - self.goods_c)
        self.air_c += dt * change

    def _defrost(self, dt: float) -> None:
        if not self.defrosts:
            self.defrosting_for_s = 0.0
            return
        if self.defrosting_for_s > 0:
            self.defrosting_for_s = max(0.0, self.defrosting_for_s - dt)
            return
        self._since_defrost_s += dt
        if self._since_defrost_s >= self.build.defrost_every_s:
            self._since_defrost_s = 0.0
            self.defrosting_for_s = self.build.defrost_s


@dataclass
class Feeler:
    """A probe's own slowness: a steel sleeve follows the air in a minute. `bias_c` is where it hangs."""

    bias_c: float
    lag_s: float = 45.0
    celsius: float = math.nan

    def step(self, air_c: float, seconds: float) -> None:
        """Follow the air for `seconds` of the space's time."""
        target = air_c + self.bias_c
        if math.isnan(self.celsius):
            self.celsius = target
        else:
            self.celsius += (target - self.celsius) * (1 - math.exp(-seconds / self.lag_s))
