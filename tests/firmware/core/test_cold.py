"""Probes and zones: lies rejected, alarms, breaches, no data, the minute's figures (invariants 13, 14)."""

from firmware.contract.config import Zone
from firmware.contract.records import (
    AJAR,
    COLD,
    CRC,
    GOOD,
    NO_DATA,
    OUT_OF_RANGE,
    POWER_ON,
    PROBE,
    SHORTED,
    SILENT,
    STUCK,
    WARM,
    check_rows,
)
from firmware.core import probe as p
from firmware.core.zone import CLOCK_STEP_S, HYSTERESIS, Change, Minute, ZoneJudge, unwatched


def _pad(raw: int, reserved: int = 0x10, config: int = 0x7F) -> bytes:
    data = bytes([raw & 0xFF, raw >> 8 & 0xFF, 0x4B, 0x46, config, 0xFF, reserved, 0x10])
    return data + bytes([p.crc8(data, 8)])


def test_the_published_scratchpads() -> None:
    # Oracles with their recomputed CRC: power-on 85.0, a true 2.0, a short, no device, 127.94.
    assert p.health_of(bytes([0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10, 0x1C])) == POWER_ON
    good = bytes([0x20, 0x00, 0x4B, 0x46, 0x7F, 0xFF, 0x10, 0x10, 0xC1])
    assert p.health_of(good) == GOOD
    assert p.hundredths(p.raw_sixteenths(good)) == 200
    assert p.health_of(bytes(9)) == SHORTED
    assert p.health_of(b"\xff" * 9) == SILENT
    assert p.health_of(_pad(0x07FF)) == OUT_OF_RANGE


def test_a_true_85_is_a_temperature() -> None:
    assert p.health_of(_pad(0x0550, 0x10)) == GOOD
    assert p.hundredths(0x0550) == 8500


def test_every_flipped_bit_is_noticed() -> None:
    good = _pad(0x0020)
    for at in range(9):
        for bit in range(8):
            bad = bytearray(good)
            bad[at] ^= 1 << bit
            assert p.health_of(bad) != GOOD


def test_sixteenths_to_hundredths() -> None:
    for raw, value in (
        (0, 0),
        (1, 6),
        (-1, -6),
        (8, 50),
        (-8, -50),
        (-288, -1800),
        (2000, 12500),
        (-880, -5500),
    ):
        assert p.hundredths(raw) == value
    assert p.raw_sixteenths(_pad(0x10000 - 288)) == -288
    assert p.health_of(_pad(2001)) == OUT_OF_RANGE
    assert p.health_of(_pad(0x10000 - 881)) == OUT_OF_RANGE
    assert p.health_of(_pad(32, 0x10, 0x00)) == SHORTED


def test_a_value_that_never_moves_is_stuck_until_it_does() -> None:
    probe = p.Probe()
    assert probe.scratchpad(_pad(40), 0) == GOOD
    assert probe.scratchpad(_pad(40), p.STUCK_AFTER_MS - 1) == GOOD
    assert probe.scratchpad(_pad(40), p.STUCK_AFTER_MS) == STUCK
    assert probe.scratchpad(_pad(41), p.STUCK_AFTER_MS + 1) == GOOD
    assert probe.value == 256
    assert probe.scratchpad(_pad(41)[:8] + b"\x00", p.STUCK_AFTER_MS + 2) == CRC
    assert probe.silent() == SILENT


def _zone(probes: int = 2) -> ZoneJudge:
    ids = ["28a100000000001" + str(at) for at in range(probes)]
    return ZoneJudge(Zone("chilled", 0, ids, -100, 400, 350, 1800, 600, 120), 0)


def _kinds(changes: list[Change]) -> list[tuple[str, int, bool]]:
    return [(change.kind, change.start, change.blocks) for change in changes]


def _run(zone: ZoneJudge, values: "dict[int, tuple[int, int]]", start_s: int, seconds: int) -> list[Change]:
    """Samples every 5 s, `values` being (value, health) by probe; returns all changes."""
    changes: list[Change] = []
    for now in range(start_s * 1000, (start_s + seconds) * 1000, 5000):
        for probe, (value, health) in values.items():
            changes.extend(zone.sample(probe, value, health, now))
        changes.extend(zone.tick(now))
    return changes


def test_warm_sounds_at_once_and_is_a_breach_after_the_delay() -> None:
    zone = _zone()
    assert _run(zone, {0: (300, GOOD), 1: (310, GOOD)}, 0, 600) == []
    changes = _run(zone, {0: (300, GOOD), 1: (450, GOOD)}, 600, 1800)
    assert _kinds(changes) == [(WARM, 1, False)]
    assert (changes[0].value, changes[0].probe) == (450, 1)
    assert zone.sounds
    changes = _run(zone, {0: (300, GOOD), 1: (450, GOOD)}, 2400, 4000)
    assert _kinds(changes) == [(WARM, 1, True)]


def test_an_excursion_shorter_than_the_delay_is_no_breach() -> None:
    zone = _zone()
    for cycle in range(5):
        _run(zone, {0: (450, GOOD), 1: (300, GOOD)}, cycle * 2000, 1790)
        changes = _run(zone, {0: (300, GOOD), 1: (300, GOOD)}, cycle * 2000 + 1790, 200)
        assert _kinds(changes) == [(WARM, 0, False)]


def test_the_local_alarm_ends_below_its_hysteresis() -> None:
    zone = _zone(1)
    assert _kinds(zone.sample(0, 351, GOOD, 0)) == [(WARM, 1, False)]
    assert zone.sample(0, 350 - HYSTERESIS + 1, GOOD, 5000) == []
    assert _kinds(zone.sample(0, 350 - HYSTERESIS, GOOD, 10_000)) == [(WARM, 0, False)]


def test_too_cold_is_a_breach_too() -> None:
    zone = _zone()
    changes = _run(zone, {0: (-150, GOOD), 1: (100, GOOD)}, 0, 1900)
    assert _kinds(changes) == [(COLD, 1, False), (COLD, 1, True)]


def test_one_probe_ill_the_other_judges() -> None:
    zone = _zone()
    _run(zone, {0: (300, GOOD), 1: (310, GOOD)}, 0, 60)
    changes = _run(zone, {0: (0, SILENT), 1: (310, GOOD)}, 60, 3600)
    assert _kinds(changes) == [(PROBE, 1, False)]
    assert (changes[0].probe, changes[0].value) == (0, SILENT)
    changes = _run(zone, {0: (0, SILENT), 1: (450, GOOD)}, 3660, 1900)
    assert _kinds(changes) == [(WARM, 1, False), (WARM, 1, True)]
    changes = _run(zone, {0: (300, GOOD), 1: (300, GOOD)}, 5560, 60)
    assert (PROBE, 0, False) in _kinds(changes)


def test_a_single_bad_sample_is_no_fault() -> None:
    zone = _zone()
    for now in range(0, 100_000, 10_000):
        assert zone.sample(0, 300, GOOD, now) == []
        assert zone.sample(0, 0, CRC, now + 5000) == []


def test_both_silent_is_no_data_and_blocks() -> None:
    zone = _zone()
    _run(zone, {0: (300, GOOD), 1: (310, GOOD)}, 0, 60)
    changes = _run(zone, {0: (0, SILENT), 1: (0, CRC)}, 60, 590)
    assert _kinds(changes) == [(PROBE, 1, False), (PROBE, 1, False)]
    changes = _run(zone, {0: (0, SILENT), 1: (0, CRC)}, 650, 100)
    assert _kinds(changes) == [(NO_DATA, 1, False), (NO_DATA, 1, True)]
    assert zone.sounds
    changes = _run(zone, {0: (300, GOOD), 1: (0, CRC)}, 750, 60)
    assert _kinds(changes) == [(PROBE, 0, False), (NO_DATA, 0, False)]


def test_a_power_cut_as_long_as_the_silence_or_of_unknown_length_leaves_a_zone_unwatched() -> None:
    zone, boot = _zone().zone, 1_790_000_000
    for last, now, is_unwatched in (
        (boot - 599, boot, False),
        (boot - 600, boot, True),
        (boot - 86_400, boot, True),
        (0, boot, True),
        (boot, 0, True),
        (0, 0, True),
        (boot + CLOCK_STEP_S, boot, False),
        (boot + CLOCK_STEP_S + 1, boot, True),
    ):
        assert unwatched(zone, last, now) is is_unwatched, (last - boot, now)
    assert not unwatched(_zone(0).zone, 0, 0)


def test_a_zone_that_leaves_takes_its_alarms_along() -> None:
    zone = _zone()
    assert zone.leave() == []
    _run(zone, {0: (0, SILENT), 1: (450, GOOD)}, 0, 60)
    assert sorted(_kinds(zone.leave())) == [(PROBE, 0, False), (WARM, 0, False)]
    _run(zone, {0: (0, SILENT), 1: (0, SILENT)}, 60, 700)
    assert (NO_DATA, 0, False) in _kinds(zone.leave())
    zone.contact(True, 0)
    zone.tick(900_000)
    assert (AJAR, 0, False) in _kinds(zone.leave())


def test_a_zone_that_never_had_a_probe_reading_is_no_data_too() -> None:
    zone = _zone()
    assert _kinds(_run(zone, {}, 0, 601)) == [(NO_DATA, 1, False), (NO_DATA, 1, True)]
    assert _kinds(_run(_zone(0), {}, 0, 10_000)) == []


def test_invariant_14_a_bad_value_never_ends_an_alarm() -> None:
    zone = _zone(1)
    _run(zone, {0: (450, GOOD)}, 0, 60)
    for health in (SILENT, CRC, POWER_ON, SHORTED, OUT_OF_RANGE, STUCK):
        changes = _run(zone, {0: (0, health)}, 60, 20)
        assert WARM not in [change.kind for change in changes]
        assert zone.warm


def test_a_room_door_left_open_is_ajar_once() -> None:
    zone = _zone(1)
    zone.contact(True, 0)
    zone.contact(True, 60_000)
    assert [change.kind for change in zone.tick(119_999)] == []
    assert _kinds(zone.tick(120_000)) == [(AJAR, 1, False)]
    assert zone.tick(130_000) == []
    zone.contact(False, 140_000)
    assert _kinds(zone.tick(140_000)) == [(AJAR, 0, False)]


def test_after_a_breach_a_new_excursion_is_a_new_breach() -> None:
    zone = _zone(1)
    assert (WARM, 1, True) in _kinds(_run(zone, {0: (450, GOOD)}, 0, 1900))
    _run(zone, {0: (300, GOOD)}, 1900, 10)
    assert (WARM, 1, True) in _kinds(_run(zone, {0: (450, GOOD)}, 1910, 1900))


def test_the_minutes_figures() -> None:
    minute = Minute()
    for value in (301, 300, 303):
        minute.add(value, GOOD)
    minute.add(8500, POWER_ON)
    assert minute.row("chilled", 1) == ["chilled", 1, 300, 301, 303, 3, POWER_ON]
    minute.reset()
    assert minute.row("chilled", 1) == ["chilled", 1, 0, 0, 0, 0, GOOD]
    minute.add(-12700, SILENT)
    assert minute.row("chilled", 1) == ["chilled", 1, 0, 0, 0, 0, SILENT]
    minute.reset()
    for value in (-1801, -1800):
        minute.add(value, GOOD)
    row = minute.row("frozen", 0)
    assert row == ["frozen", 0, -1801, -1800, -1800, 2, GOOD]
    check_rows([row])
