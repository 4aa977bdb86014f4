"""Wall time: the battery clock at boot, then the gateway's word; the floor in flash every ten minutes."""

import asyncio

from firmware.contract.errors import ContractError
from firmware.contract.records import decode, integer
from firmware.core.timekeeping import Clock
from firmware.drivers.clock_ds3231 import ClockDs3231
from firmware.services.recorder import Uptime
from firmware.services.storage import Files
from firmware.supervisor import Heart

_ROUND_MS = 1_000
_DRIFT_S = 2
"""The battery clock is set only if it is off by as much: it keeps time better than a message does."""


class Time:
    """Keeps `core.timekeeping.Clock` fed."""

    def __init__(
        self, clock: Clock, battery: ClockDs3231, uptime: Uptime, files: Files, heart: Heart
    ) -> None:
        self._clock = clock
        self._battery = battery
        self._uptime = uptime
        self._files = files
        self._heart = heart
        self.malformed = 0

    def at_boot(self) -> bool:
        """Ask the battery clock; False if it has stood still or is absent."""
        unix = self._battery.read()
        return self._clock.battery_clock(unix, unix == 0, self._uptime.ms())

    def told(self, payload: bytes) -> None:
        """The gateway's `time` (R-70)."""
        try:
            message = decode(payload)
            unix, quality = integer(message, "t"), integer(message, "q")
        except ContractError:
            self.malformed += 1
            return
        if not self._clock.discipline(unix, quality, self._uptime.ms()):
            return
        held = self._battery.read()
        if abs(held - unix) >= _DRIFT_S:
            self._battery.set(unix)

    async def run(self) -> None:
        """Persist the floor when it is due, for ever."""
        while True:
            self._heart.beat()
            floor = self._clock.floor_due(self._uptime.ms())
            if floor:
                self._files.put_number("floor", floor)
            await asyncio.sleep_ms(_ROUND_MS)
