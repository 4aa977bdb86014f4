"""The probes' shell: a silence is told once, a power cut blocks what nobody watched, a new configuration
leaves no alarm behind.
"""

import asyncio

from firmware.contract import records
from firmware.contract.config import Board, Config, Door, Zone
from firmware.core.journal import Journal
from firmware.core.ring import Ring
from firmware.core.timekeeping import Clock
from firmware.core.zone import PROBE_AFTER
from firmware.services.holdings import Holdings
from firmware.services.indicators import Indicators
from firmware.services.probes import Probes
from firmware.services.recorder import Recorder
from firmware.services.screen import Screen
from firmware.supervisor import Heart
from tests.firmware.core.flash import MemoryFlash
from tests.firmware.services.test_doors import Output
from tests.firmware.services.test_received import Fixed, Memory

BOOT_S = 1_790_000_000


class Wall:
    """A bank whose probes never answer."""

    def __init__(self) -> None:
        self.journal = Journal(Ring(MemoryFlash(8, 4096), 0), Ring(MemoryFlash(8, 4096), 1))
        self.journal.mount(0xC0FFEE01)
        self.journal.boot = 3
        self.uptime = Fixed()
        self.holdings = Holdings(Memory())
        self.indicators = Indicators(Output(), Output(), Heart())
        self.screen = Screen(None, self.uptime, Heart())
        recorder = Recorder(self.journal, self.uptime, Clock(0))
        self.probes = Probes([], [], self.holdings, recorder, self.indicators, self.screen, Heart())
        self.configure(1, "28a1000000000011")

    def configure(self, version: int, probe: str) -> None:
        """A configuration with one cooled zone of one probe, and one that is not cooled."""
        zones = [
            Zone("chilled", 0, [probe], -100, 400, 400, 1800, 600, 120),
            Zone("ambient", 0, [], -30000, 30000, 30000, 1800, 600, 120),
        ]
        doors = [Door(1, "chilled", 0, 1, True), Door(2, "ambient", 0, 2, True)]
        config = Config(
            version, "bank", "0", 5, 60, 400, 3, 3, 300, 120, [Board("8a80", 1, 16)], doors, zones
        )
        self.holdings.take_config(config.pack(), config)
        self.probes.tick()

    def signs(self) -> tuple[bool, bool]:
        """(to be heard, to be seen)."""
        return self.indicators.loud, self.indicators.shining

    def told(self, kind: str) -> list[dict[str, object]]:
        """Event records of a kind."""
        found: list[dict[str, object]] = []
        record = self.journal.rings[0].read_after(0)
        while record is not None:
            message = records.decode(record[1])
            records.check(message)
            if message["k"] == kind:
                found.append(message)
            record = self.journal.rings[0].read_after(record[0])
        return found


def test_a_silence_is_told_once_and_blocks_once() -> None:
    wall = Wall()
    wall.uptime.now += 600_000
    wall.probes.tick()
    wall.probes.tick()
    assert [(alarm["a"], alarm["s"]) for alarm in wall.told("alarm")] == [(records.NO_DATA, 1)]
    assert [(block["z"], block["r"]) for block in wall.told("block")] == [("chilled", records.NO_DATA)]
    assert wall.holdings.blocked == {1: records.NO_DATA}


def test_a_power_cut_of_unknown_length_blocks_the_cooled_zone_once() -> None:
    wall = Wall()
    wall.probes.after_power_cut(BOOT_S - 599, BOOT_S)
    assert wall.holdings.blocked == {}
    wall.probes.after_power_cut(0, BOOT_S)
    wall.probes.after_power_cut(BOOT_S - 600, BOOT_S)
    assert wall.holdings.blocked == {1: records.NO_DATA}
    assert [(block["z"], block["r"]) for block in wall.told("block")] == [("chilled", records.NO_DATA)]


def test_a_zone_with_another_probe_leaves_no_alarm_and_no_fault_behind() -> None:
    wall = Wall()
    for _ in range(PROBE_AFTER):
        asyncio.run(wall.probes.sample())
    wall.uptime.now += 600_000
    wall.probes.tick()
    assert wall.signs() == (True, True)
    assert [(probe["p"], probe["h"]) for probe in wall.told("probe")] == [(0, records.SILENT)]
    wall.configure(2, "28a1000000000022")
    assert wall.signs() == (False, False)
    assert [probe["h"] for probe in wall.told("probe")] == [records.SILENT, records.GOOD]
    assert [alarm["s"] for alarm in wall.told("alarm")] == [1, 0]
    assert wall.holdings.blocked == {1: records.NO_DATA}, "a new document never lifts a block (R-64)"
