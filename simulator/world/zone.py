"""A cooled zone or room with its probes: the physics of `climate`, at a speed of its own, felt by chips."""

import random
from collections.abc import Callable

from simulator.world.chips.ds18b20 import Probe
from simulator.world.climate import BUILDS, Feeler, Space
from simulator.world.plan import ZonePlan


class Zone:
    """One space. `speed` is how many of its seconds pass in one of ours."""

    def __init__(self, plan: ZonePlan, chance: random.Random, note: Callable[[str], None]) -> None:
        self.id = plan.id
        self.climate = plan.climate
        self.speed = 1.0
        self._note = note
        self.space = Space(BUILDS[plan.climate])
        self.probes: list[Probe] = []
        self._feelers: list[Feeler] = []
        for rom in plan.probes:
            feeler = Feeler(bias_c=chance.uniform(-0.15, 0.15))
            feeler.step(self.space.air_c, 0)
            self._feelers.append(feeler)
            self.probes.append(Probe(rom, _Reading(feeler, chance), note=note))

    def step(self, seconds: float) -> None:
        """Let `seconds` of the wall's time pass."""
        self.space.step(seconds * self.speed)
        for feeler in self._feelers:
            feeler.step(self.space.air_c, seconds * self.speed)

    def compressor(self, works: bool) -> None:
        """The compressor works, or has failed."""
        if works != self.space.compressor_works:
            self.space.compressor_works = works
            self._note(f"compressor of {self.id} {'works again' if works else 'has failed'}")

    def warm_to(self, celsius: float) -> None:
        """Put air and goods at a temperature at once (a delivery left in the sun)."""
        self.space.air_c = self.space.goods_c = celsius

    @property
    def celsius(self) -> float:
        """The air, degrees Celsius."""
        return self.space.air_c


class _Reading:
    """A feeler with the last bit's noise."""

    def __init__(self, feeler: Feeler, chance: random.Random) -> None:
        self._feeler = feeler
        self._chance = chance

    def __call__(self) -> float:
        return self._feeler.celsius + self._chance.gauss(0, 0.02)
