"""The lock board of a small wall: eight coil lines and eight door contacts on one MCP23017, gated by COIL_EN.

A coil is energised only while its bit and COIL_EN are both on. The pulse ends three times over: by a hardware
timer that drops COIL_EN, by this driver when the pulse is over, and by a monostable on the board that no
program can outlast.
"""

import asyncio
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.mcp23017 import Mcp23017
    from firmware.drivers.seams import CutoffTimer, OutputPin

INPUTS = 0xFF00
"""Port A: coils, outputs. Port B: contacts, inputs with pull-up, 1 = open."""
LOCKS = 8
_CHECK_EVERY = 10


class LockBoardMcp:
    """One board. `most_ms` is the longest pulse the monostable lets through whole."""

    def __init__(self, chip: "Mcp23017", enable: "OutputPin", timer: "CutoffTimer", most_ms: int) -> None:
        self._chip = chip
        self._enable = enable
        self._timer = timer
        self._most_ms = most_ms
        self._since = 0
        self._on = False
        self._round = 0
        self.locks = LOCKS
        self.open_bits = 0
        self.cuts = 0
        """Pulses that the timer or the guard had to end."""

    def setup(self) -> bool:
        """All coils off, then the chip's directions."""
        self._enable.value(0)
        self._chip.latch = 0
        return self._chip.setup()

    def _cut(self, timer: object) -> None:  # noqa: ARG002 - a timer passes itself
        # Runs between two bytecodes, whatever the loop is doing: touches the pin and nothing else.
        self._enable.value(0)
        if self._on:
            self.cuts += 1

    def _end(self) -> None:
        self._enable.value(0)
        self._timer.stop()
        self._on = False
        self._chip.write(0)

    def guard(self) -> None:
        """End a pulse that has outlasted its bound, also if its task was lost."""
        if self._on and time.ticks_diff(time.ticks_ms(), self._since) > self._most_ms + 100:
            self.cuts += 1
            self._end()

    async def pulse(self, channel: int, pulse_ms: int) -> bool:
        """Energise one coil for `pulse_ms`; False, and no coil, if the chip does not answer or another pulse
        runs.
        """
        if not 1 <= channel <= LOCKS or self._on:
            return False
        self._enable.value(0)
        if not self._chip.check() or not self._chip.write(1 << (channel - 1)):
            self._chip.write(0)
            return False
        pulse_ms = min(pulse_ms, self._most_ms)
        self._on = True
        self._since = time.ticks_ms()
        try:
            self._timer.start(pulse_ms + 20, self._cut)
            self._enable.value(1)
            await asyncio.sleep_ms(pulse_ms)
        finally:
            self._end()
        return True

    async def refresh(self) -> bool:
        """Read the contacts; every tenth time also the registers, unless a coil is on."""
        self._round += 1
        if self._round >= _CHECK_EVERY and not self._on:
            self._round = 0
            if not self._chip.check():
                return False
        levels = self._chip.read()
        if levels < 0:
            return False
        self.open_bits = levels >> 8
        return True
