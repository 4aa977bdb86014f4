"""Probes, zones and their verdicts: sampled every few seconds, told as min, mean and max of a period.

A warm zone sounds here at once; a breach or silence blocks its doors here, whatever the link does. A change
of limits keeps the running clocks of a zone: a new document never gives a breach its time back.
"""

import asyncio
import binascii
import os

from firmware.contract import records
from firmware.contract.config import Config
from firmware.core import texts
from firmware.core.probe import Probe
from firmware.core.zone import Change, Minute, ZoneJudge, unwatched
from firmware.drivers.ds18b20 import CONVERT_MS, ProbeBus
from firmware.services.holdings import Holdings
from firmware.services.indicators import Indicators
from firmware.services.recorder import Recorder
from firmware.services.screen import Screen
from firmware.supervisor import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from firmware.contract.config import Zone
    from firmware.drivers.seams import InputPin

_CONTACT_MS = 200


def _rom(text: str) -> bytes:
    try:
        rom = binascii.unhexlify(text)
    except ValueError:
        return b""
    return rom if len(rom) == 8 else b""


class Watched:
    """One zone with its judge, its probes' memories and the figures of the running period."""

    def __init__(self, zone: "Zone", now_ms: int) -> None:
        self.judge = ZoneJudge(zone, now_ms)
        self.roms = [_rom(text) for text in zone.probes]
        self.probes = [Probe() for _ in zone.probes]
        self.minutes = [Minute() for _ in zone.probes]

    def is_of(self, zone: "Zone") -> bool:
        """True if only limits differ."""
        mine = self.judge.zone
        return mine.zone_id == zone.zone_id and mine.bus == zone.bus and mine.probes == zone.probes

    def probe_cause(self, number: int) -> str:
        """Name of a probe's fault among the indicators."""
        return self.judge.zone.zone_id + "." + str(number)


class Probes:
    """All zones of a controller. `contacts`: the rooms' doors by bus, empty for a wall."""

    def __init__(
        self,
        buses: list[ProbeBus],
        contacts: "Sequence[InputPin]",
        holdings: Holdings,
        recorder: Recorder,
        indicators: Indicators,
        screen: Screen,
        heart: Heart,
    ) -> None:
        self._buses = buses
        self._contacts = contacts
        self._holdings = holdings
        self._recorder = recorder
        self._indicators = indicators
        self._screen = screen
        self._heart = heart
        self._config: Config | None = None
        self._zones: list[Watched] = []
        self._period_ms = 0
        self._period_unix = 0

    def _configure(self) -> None:
        config = self._holdings.config
        now_ms = self._recorder.uptime.ms()
        if self._config is None:
            self._begin_period(now_ms)
        self._config = config
        before = self._zones
        self._zones = []
        for zone in config.zones:
            kept: Watched | None = None
            for watched in before:
                if watched.is_of(zone):
                    kept = watched
            if kept is None:
                kept = Watched(zone, now_ms)
            kept.judge.zone = zone
            self._zones.append(kept)
        for watched in before:
            if watched not in self._zones:
                for change in watched.judge.leave():
                    self._record(watched, change)
                self._indicators.drop(watched.judge.zone.zone_id)
                self._indicators.drop(watched.judge.zone.zone_id + ":ajar")
        self._show_base()

    def _begin_period(self, now_ms: int) -> None:
        self._period_ms = now_ms
        self._period_unix = self._recorder.clock.now(now_ms)

    async def run(self) -> None:
        """Sample, judge and report for ever."""
        while True:
            self._heart.beat()
            if self._holdings.config is not self._config:
                self._configure()
            config = self._config
            if config is None:
                continue
            begun_ms = self._recorder.uptime.ms()
            await self.sample()
            self._report(config, self._recorder.uptime.ms())
            wait_ms = config.sample * 1000
            while self._recorder.uptime.ms() - begun_ms < wait_ms and self._holdings.config is config:
                self._heart.beat()
                self.tick()
                await asyncio.sleep_ms(_CONTACT_MS)
            self.tick()

    async def sample(self) -> None:
        """Convert all at once, wait without blocking, read one probe a turn."""
        there: list[bool] = [bus.convert() for bus in self._buses]
        await asyncio.sleep_ms(CONVERT_MS)
        for watched in self._zones:
            bus = watched.judge.zone.bus
            for number in range(len(watched.roms)):
                scratchpad = None
                if bus < len(there) and there[bus] and watched.roms[number]:
                    scratchpad = self._buses[bus].read(watched.roms[number])
                now_ms = self._recorder.uptime.ms()
                probe = watched.probes[number]
                health = probe.silent() if scratchpad is None else probe.scratchpad(scratchpad, now_ms)
                watched.minutes[number].add(probe.value, health)
                self._obey(watched, watched.judge.sample(number, probe.value, health, now_ms))
                await asyncio.sleep_ms(0)

    def tick(self) -> None:
        """Obey a new configuration, look at the rooms' doors, let time pass."""
        if self._holdings.config is not self._config:
            self._configure()
        now_ms = self._recorder.uptime.ms()
        for watched in self._zones:
            bus = watched.judge.zone.bus
            if bus < len(self._contacts):
                watched.judge.contact(self._contacts[bus].value() == 1, now_ms)
            self._obey(watched, watched.judge.tick(now_ms))

    def _obey(self, watched: Watched, changes: list[Change]) -> None:
        if not changes:
            return
        for change in changes:
            self._record(watched, change)
        self._indicate(watched)

    def _record(self, watched: Watched, change: Change) -> None:
        zone = watched.judge.zone.zone_id
        if change.kind == records.PROBE:
            health = change.value if change.start else records.GOOD
            self._recorder.event("probe", {"z": zone, "p": change.probe, "h": health})
            if change.start:
                self._indicators.raise_quiet(watched.probe_cause(change.probe))
            else:
                self._indicators.drop(watched.probe_cause(change.probe))
            return
        if change.blocks:
            self._block(zone, change)
            return
        fields: dict[str, object] = {"a": change.kind, "s": change.start, "z": zone, "val": change.value}
        if change.probe >= 0:
            fields["p"] = change.probe
        self._recorder.event("alarm", fields)

    def after_power_cut(self, last_s: int, now_s: int) -> None:
        """At boot, if there was a life before it: block what was unwatched for too long (`core.zone`)."""
        for zone in self._holdings.config.zones:
            if unwatched(zone, last_s, now_s):
                self._block(zone.zone_id, Change(records.NO_DATA, 1, 0, -1, True))

    def _block(self, zone: str, change: Change) -> None:
        """Doors of the zone open for nobody but staff until a named person lifts it (R-53)."""
        block_id = binascii.hexlify(os.urandom(8)).decode()
        if self._holdings.block(block_id, zone, change.kind):
            fields: dict[str, object] = {"id": block_id, "z": zone, "r": change.kind, "val": change.value}
            self._recorder.event("block", fields)

    def _indicate(self, watched: Watched) -> None:
        judge = watched.judge
        cause = judge.zone.zone_id
        if judge.sounds:
            self._indicators.raise_loud(cause)
        else:
            self._indicators.drop(cause)
        if judge.ajar:
            self._indicators.raise_quiet(cause + ":ajar")
        else:
            self._indicators.drop(cause + ":ajar")
        self._show_base()

    def _show_base(self) -> None:
        for other in self._zones:
            if other.judge.no_data:
                self._screen.base("nodata", other.judge.zone.zone_id)
                return
            if other.judge.sounds:
                hottest = max(other.judge.values) if other.judge.warm else min(other.judge.values)
                self._screen.base("warm", other.judge.zone.zone_id, texts.degrees(hottest))
                return
        self._screen.base("welcome" if self._holdings.config.version else "unready")

    def _report(self, config: Config, now_ms: int) -> None:
        """At the end of a period, one readings record with a row a probe."""
        passed_ms = now_ms - self._period_ms
        if passed_ms < config.period * 1000:
            return
        rows: list[list[str | int]] = []
        for watched in self._zones:
            zone = watched.judge.zone.zone_id
            for number in range(len(watched.minutes)):
                rows.append(watched.minutes[number].row(zone, number))
                watched.minutes[number].reset()
        if rows:
            fields: dict[str, object] = {"p0": self._period_unix, "s": (passed_ms + 500) // 1000, "z": rows}
            self._recorder.readings(fields)
        self._begin_period(now_ms)
