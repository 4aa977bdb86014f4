"""Item sensors: an infrared beam through each compartment. Light received = empty, dark = something is
inside.

A receiver that reads light although the emitters are off sees the sun or is shorted: it is blind, and says
nothing about goods. So each look is made twice, with the emitters off and on.
"""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.mcp23017 import Mcp23017
    from firmware.drivers.seams import OutputPin

ABSENT, PRESENT, BLIND = 0, 1, 2
"""As in `firmware.contract.records`."""
_SETTLE_MS = 3


class Items:
    """Receivers of all doors: 16 a chip, chip by lock board, bit by lock (0 = light)."""

    def __init__(self, chips: list["Mcp23017"], emitters: "OutputPin") -> None:
        self._chips = chips
        self._emitters = emitters
        self._free = asyncio.Lock()

    async def look(self, board: int, channel: int) -> int:
        """What the sensor of one compartment says; a chip that does not answer is blind."""
        if not 0 <= board < len(self._chips) or not 1 <= channel <= 16:
            return BLIND
        chip = self._chips[board]
        bit = 1 << (channel - 1)
        async with self._free:
            self._emitters.value(0)
            await asyncio.sleep_ms(_SETTLE_MS)
            dark = chip.read()
            self._emitters.value(1)
            await asyncio.sleep_ms(_SETTLE_MS)
            lit = chip.read()
            self._emitters.value(0)
        if dark < 0 or lit < 0 or not dark & bit:
            return BLIND
        return PRESENT if lit & bit else ABSENT
