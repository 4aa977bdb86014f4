"""Is a zone cold enough: local alarms, breaches, probe faults, no data, and the minute's figures.

Everything runs on uptime, so that no clock step silences an alarm. A breach is decided here, with the link
up or down. Invalid values never enter a mean and never end an alarm (invariant 14): with one probe ill the
other judges, with both silent for the zone's `silence` it is `nodata`. Warm, cold, probe, no data and ajar
are kept apart.
"""

from firmware.contract.config import Zone
from firmware.contract.records import AJAR, COLD, GOOD, NO_DATA, PROBE, WARM

HYSTERESIS = 30
"""Hundredths of a degree below the alert limit at which the local alarm ends."""
CLOCK_STEP_S = 5
"""A boot may lie so much before the last reading: the clock was corrected. More, and the gap is unknown."""
PROBE_AFTER = 3
"""Samples in a row that a probe must fail before it counts as ill: one bad CRC in hundreds is normal."""


def unwatched(zone: Zone, last_s: int, now_s: int) -> bool:
    """True if nobody knows how warm a zone became while the power was off: for as long as its `silence`, or
    for an unknown time.

    `last_s`: end of the last durable reading, `now_s`: the boot, both Unix seconds, 0 if unknown. A first
    boot, with no reading before it, is not asked about.
    """
    if not zone.probes:
        return False
    known = last_s > 0 and now_s >= last_s - CLOCK_STEP_S
    return not known or now_s - last_s >= zone.silence


class Change:
    """An alarm starting or ending, or a block to put in force.

    `blocks` True: block the zone's doors for the reason `kind` (a `block` record); else an `alarm` record
    of that kind. `start` 1 or 0; `value` in hundredths of a degree (of PROBE: the health); `probe` its
    number or -1.
    """

    def __init__(self, kind: str, start: int, value: int, probe: int, blocks: bool) -> None:
        self.kind = kind
        self.start = start
        self.value = value
        self.probe = probe
        self.blocks = blocks


class ZoneJudge:
    """One zone's verdict over its probes' samples."""

    def __init__(self, zone: Zone, now_ms: int) -> None:
        self.zone = zone
        count = len(zone.probes)
        self.values = [0] * count
        self.healths = [GOOD] * count
        """Last health of each probe; PROBE alarms follow after PROBE_AFTER samples."""
        self.warm = False
        self.cold = False
        self.no_data = False
        self.ajar = False
        self.ill = [False] * count
        self._bad = [0] * count
        self._good_ms = [-1] * count
        self._last_good_ms = now_ms
        self._above_ms = -1
        self._below_ms = -1
        self._breached = False
        self._open_ms = -1

    def sample(self, probe: int, value: int, health: int, now_ms: int) -> list[Change]:
        """One probe's sample; `value` counts only if `health` is GOOD. Returns what changed."""
        changes: list[Change] = []
        self.healths[probe] = health
        if health != GOOD:
            self._bad[probe] += 1
            if self._bad[probe] >= PROBE_AFTER and not self.ill[probe]:
                self.ill[probe] = True
                changes.append(Change(PROBE, 1, health, probe, False))
            return changes
        self._bad[probe] = 0
        if self.ill[probe]:
            self.ill[probe] = False
            changes.append(Change(PROBE, 0, 0, probe, False))
        self.values[probe] = value
        self._good_ms[probe] = now_ms
        self._last_good_ms = now_ms
        if self.no_data:
            self.no_data = False
            changes.append(Change(NO_DATA, 0, 0, -1, False))
        self._judge(now_ms, changes)
        return changes

    def leave(self) -> list[Change]:
        """The zone is judged no longer, or by other probes: what stands ends. A block is not an alarm and
        stays.
        """
        changes: list[Change] = []
        for stands, kind in (
            (self.warm, WARM),
            (self.cold, COLD),
            (self.no_data, NO_DATA),
            (self.ajar, AJAR),
        ):
            if stands:
                changes.append(Change(kind, 0, 0, -1, False))
        for probe in range(len(self.ill)):
            if self.ill[probe]:
                changes.append(Change(PROBE, 0, 0, probe, False))
        return changes

    def contact(self, is_open: bool, now_ms: int) -> None:
        """The room's own door."""
        if not is_open:
            self._open_ms = -1
        elif self._open_ms < 0:
            self._open_ms = now_ms

    def tick(self, now_ms: int) -> list[Change]:
        """What has changed by time alone: silence, a door ajar."""
        changes: list[Change] = []
        silent = len(self.values) > 0 and now_ms - self._last_good_ms >= self.zone.silence * 1000
        if silent and not self.no_data:
            self.no_data = True
            changes.append(Change(NO_DATA, 1, 0, -1, False))
            changes.append(Change(NO_DATA, 1, 0, -1, True))
        ajar = self._open_ms >= 0 and now_ms - self._open_ms >= self.zone.ajar * 1000
        if ajar != self.ajar:
            self.ajar = ajar
            changes.append(Change(AJAR, 1 if ajar else 0, 0, -1, False))
        return changes

    @property
    def sounds(self) -> bool:
        """True while the controller should sound its buzzer for this zone."""
        return self.warm or self.cold or self.no_data

    def _fresh(self, probe: int, now_ms: int) -> bool:
        seen = self._good_ms[probe]
        return seen >= 0 and now_ms - seen < self.zone.silence * 1000

    def _judge(self, now_ms: int, changes: list[Change]) -> None:
        highest, lowest, worst, coldest = -100000, 100000, -1, -1
        for probe in range(len(self.values)):
            if self._fresh(probe, now_ms):
                value = self.values[probe]
                if value > highest:
                    highest, worst = value, probe
                if value < lowest:
                    lowest, coldest = value, probe
        zone = self.zone
        if highest > zone.alert and not self.warm:
            self.warm = True
            changes.append(Change(WARM, 1, highest, worst, False))
        elif self.warm and highest <= zone.alert - HYSTERESIS:
            self.warm = False
            changes.append(Change(WARM, 0, highest, worst, False))
        if lowest < zone.low and not self.cold:
            self.cold = True
            changes.append(Change(COLD, 1, lowest, coldest, False))
        elif self.cold and lowest >= zone.low + HYSTERESIS:
            self.cold = False
            changes.append(Change(COLD, 0, lowest, coldest, False))
        self._above_ms = self._since(self._above_ms, highest > zone.high, now_ms)
        self._below_ms = self._since(self._below_ms, lowest < zone.low, now_ms)
        if self._above_ms < 0 and self._below_ms < 0:
            self._breached = False
        elif not self._breached:
            delay_ms = zone.delay * 1000
            if self._above_ms >= 0 and now_ms - self._above_ms >= delay_ms:
                self._breached = True
                changes.append(Change(WARM, 1, highest, worst, True))
            elif self._below_ms >= 0 and now_ms - self._below_ms >= delay_ms:
                self._breached = True
                changes.append(Change(COLD, 1, lowest, coldest, True))

    @staticmethod
    def _since(since_ms: int, holds: bool, now_ms: int) -> int:
        if not holds:
            return -1
        return now_ms if since_ms < 0 else since_ms


class Minute:
    """Min, mean and max of one probe over a period; a value that is none is only counted as its health."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begins a new period."""
        self.samples = 0
        self.health = GOOD
        self._sum = 0
        self._low = 0
        self._high = 0

    def add(self, value: int, health: int) -> None:
        """One sample; the last bad health of the period is kept."""
        if health != GOOD:
            self.health = health
            return
        if self.samples == 0:
            self._low = self._high = value
        self._low = min(self._low, value)
        self._high = max(self._high, value)
        self._sum += value
        self.samples += 1

    def row(self, zone: str, probe: int) -> list[str | int]:
        """[zone, probe no, min, mean, max, samples, health] of a readings record."""
        if self.samples == 0:
            return [zone, probe, 0, 0, 0, 0, self.health]
        mean = (2 * self._sum + self.samples) // (2 * self.samples)
        return [zone, probe, self._low, mean, self._high, self.samples, self.health]
