"""What keeps the board fit: flash erased ahead of need, garbage collected at quiet moments, power and lid
watched.
"""

import asyncio
import gc

from firmware.contract import records
from firmware.services.doors import Doors
from firmware.services.holdings import Holdings
from firmware.services.indicators import Indicators
from firmware.services.keypad import Entry
from firmware.services.recorder import Recorder
from firmware.supervisor import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import InputPin

_ROUND_MS = 250
_COLLECT_EVERY = 16
_AGREE = 3


class Watch:
    """A level that must be seen three times before it counts."""

    def __init__(self, pin: "InputPin", level: int) -> None:
        self._pin = pin
        self.level = level
        self._different = 0

    def changed(self) -> bool:
        """One look; True if the level has just changed."""
        if self._pin.value() == self.level:
            self._different = 0
            return False
        self._different += 1
        if self._different < _AGREE:
            return False
        self._different = 0
        self.level = 1 - self.level
        return True


class Health:
    """The housekeeping task. `doors` and `entry` are None on a controller without a keypad."""

    def __init__(
        self,
        recorder: Recorder,
        holdings: Holdings,
        indicators: Indicators,
        mains: "InputPin",
        tamper: "InputPin | None",
        doors: Doors | None,
        entry: Entry | None,
        heart: Heart,
    ) -> None:
        self._recorder = recorder
        self._holdings = holdings
        self._owing = False
        self._indicators = indicators
        self._mains = Watch(mains, 1)
        self._tamper = Watch(tamper, 0) if tamper is not None else None
        self._doors = doors
        self._entry = entry
        self._heart = heart
        self.heap_peak = 0
        """Most heap in use seen before a collection, bytes."""

    def _is_quiet(self) -> bool:
        if self._entry is not None and self._entry.in_use:
            return False
        return self._doors is None or (not self._doors.bank.busy and not self._doors.bank.coil_door)

    def pay(self) -> None:
        """What flash refused is tried again; as long as it refuses, that is an alarm."""
        holdings = self._holdings
        if holdings.owed:
            holdings.pay()
        owing = bool(holdings.owed)
        if owing == self._owing:
            return
        self._owing = owing
        self._recorder.event("alarm", {"a": records.FLASH, "s": 1 if owing else 0})
        if owing:
            self._indicators.raise_quiet(records.FLASH)
        else:
            self._indicators.drop(records.FLASH)

    def _look(self) -> None:
        if self._mains.changed():
            good = self._mains.level
            self._recorder.event("power", {"s": good})
            self._recorder.event("alarm", {"a": records.POWER, "s": 1 - good})
            if good:
                self._indicators.drop(records.POWER)
            else:
                self._indicators.raise_quiet(records.POWER)
        if self._tamper is not None and self._tamper.changed():
            open_now = self._tamper.level
            self._recorder.event("alarm", {"a": records.FORCED, "s": open_now, "d": 0})
            if open_now:
                self._indicators.raise_loud("lid")
            else:
                self._indicators.drop("lid")

    async def run(self) -> None:
        """Keep house for ever; nothing that takes long while somebody stands at the keypad."""
        at = 0
        while True:
            self._heart.beat()
            self._look()
            if self._is_quiet():
                for ring in self._recorder.journal.rings:
                    ring.erase_ahead()
                at += 1
                if at >= _COLLECT_EVERY:
                    at = 0
                    self.pay()
                    self.heap_peak = max(self.heap_peak, gc.mem_alloc())
                    gc.collect()
            await asyncio.sleep_ms(_ROUND_MS)
