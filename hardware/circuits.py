"""Circuits whose figures depend on a capacitor: the one that ends a coil's current, the one that outlasts the
supply.
"""

import math

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Data of a board: an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Cutoff(Strict):
    """The monostable (74HC221: t = 0.7 R C) that ends a coil's current when the processor hangs.
    Percentages are tolerances, `limit_ms` what no coil may exceed.
    """

    resistor_ohm: int
    resistor_percent: int
    capacitor_nf: int
    capacitor_percent: int
    chip_percent: int
    limit_ms: int

    def shortest_ms(self) -> int:
        """With every tolerance against us, rounded down: the firmware's pulse must be shorter."""
        return math.floor(self._nominal_ms() * self._spread(-1))

    def longest_ms(self) -> int:
        """With every tolerance in its favour, rounded up."""
        return math.ceil(self._nominal_ms() * self._spread(1))

    def _nominal_ms(self) -> float:
        return 0.7 * self.resistor_ohm * self.capacitor_nf / 1_000_000

    def _spread(self, sign: int) -> float:
        spread = 1.0
        for percent in (self.resistor_percent, self.capacitor_percent, self.chip_percent):
            spread *= 1 + sign * percent / 100
        return spread


class HoldUp(Strict):
    """The capacitor that carries the converters of a rail when the supply fails, behind a diode that keeps it
    from feeding all else. Percent is its tolerance, `diode_mv` what the diode keeps, `least_mv` the voltage
    below which the logic's converter no longer works, `needs_ms` what must be finished meanwhile.
    """

    rail: str
    part: str
    why: str
    capacitor_uf: int
    capacitor_percent: int
    diode_mv: int
    least_mv: int
    needs_ms: int

    def lasts_ms(self, full_mv: int, draw_ma: int) -> int:
        """How long at worst, rounded down, with converters that draw `draw_ma` at `full_mv`: constant power,
        so that the current rises while the voltage falls.
        """
        farads_e6 = self.capacitor_uf * (100 - self.capacitor_percent) / 100
        millijoules = farads_e6 * ((full_mv - self.diode_mv) ** 2 - self.least_mv**2) / 2 / 1_000_000_000
        return math.floor(millijoules / (full_mv * draw_ma / 1_000_000))
