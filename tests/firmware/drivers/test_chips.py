"""Expander, display, keypad, clock, probes, item sensors and lights against scripted buses."""

import asyncio

from firmware.drivers.clock_ds3231 import ClockDs3231, civil_from_days, days_from_civil
from firmware.drivers.display import Display
from firmware.drivers.ds18b20 import ProbeBus
from firmware.drivers.items import ABSENT, BLIND, PRESENT, Items
from firmware.drivers.keypad import Keypad
from firmware.drivers.leds import Leds
from firmware.drivers.mcp23017 import Mcp23017
from firmware.drivers.wire import Wire
from tests.firmware.drivers.buses import FakeI2c, FakeMatrix, FakeOneWire, FakePin


def _bus(*addresses: int) -> FakeI2c:
    bus = FakeI2c()
    for address in addresses:
        chip = bytearray(32)
        chip[0] = chip[1] = 0xFF
        bus.chips[address] = chip
    return bus


def test_transient_bus_errors_are_retried_and_counted() -> None:
    bus = _bus(0x20)
    wire = Wire(bus)
    bus.fail = 2
    assert wire.write(0x20, b"x")
    assert wire.errors == 2
    assert wire.lost == 0
    assert not wire.write(0x21, b"x")
    assert wire.lost == 1


def test_expander_writes_the_latch_before_the_direction() -> None:
    bus = _bus(0x24)
    chip = Mcp23017(Wire(bus), 0x24, 0xFF00, 0xFF00)
    assert chip.setup()
    assert [register for _, register, _ in bus.written] == [0x14, 0x0C, 0x00]
    assert bus.chips[0x24][0] == 0x00
    assert bus.chips[0x24][1] == 0xFF


def test_expander_that_lost_its_registers_is_set_up_again() -> None:
    bus = _bus(0x22)
    chip = Mcp23017(Wire(bus), 0x22, 0, 0)
    chip.setup()
    chip.write(0x8001)
    bus.chips[0x22][0] = bus.chips[0x22][1] = 0xFF
    bus.chips[0x22][0x14] = bus.chips[0x22][0x15] = 0
    assert chip.check()
    assert chip.resets == 1
    assert bus.chips[0x22][0] == 0
    assert bus.chips[0x22][0x14] == 1
    assert bus.chips[0x22][0x15] == 0x80
    assert chip.check()
    assert chip.resets == 1


def test_absent_expander_reads_minus_one() -> None:
    chip = Mcp23017(Wire(_bus()), 0x20, 0xFFFF, 0)
    assert not chip.setup()
    assert chip.read() == -1
    assert not chip.check()


def _shown(transfer: bytes) -> bytes:
    # Nibbles latched by a falling E, back to bytes.
    halves = [transfer[at] >> 4 for at in range(0, len(transfer), 2)]
    return bytes([halves[at] << 4 | halves[at + 1] for at in range(0, len(halves), 2)])


def test_display_sends_a_changed_line_in_one_transfer() -> None:
    bus = _bus(0x27)
    display = Display(Wire(bus), 0x27)
    assert asyncio.run(display.setup())
    before = len(bus.written)
    assert display.show(2, "Porte 7")
    assert len(bus.written) == before + 1
    assert _shown(bus.written[-1][2]) == b"\x94Porte 7             "
    for value in bus.written[-1][2]:
        assert value & 0x08, "the light stays on"
    assert display.show(2, "Porte 7")
    assert len(bus.written) == before + 1, "an unchanged line is not sent"


def test_display_shows_what_it_cannot_as_a_question_mark() -> None:
    bus = _bus(0x27)
    display = Display(Wire(bus), 0x27)
    asyncio.run(display.setup())
    display.show(0, "\u00e9")
    assert _shown(bus.written[-1][2])[1:3] == b"? "


def test_display_that_vanishes_is_not_ready_and_sends_again_afterwards() -> None:
    bus = _bus(0x27)
    display = Display(Wire(bus), 0x27)
    asyncio.run(display.setup())
    bus.fail = 3
    assert not display.show(0, "a")
    assert not display.ready
    assert asyncio.run(display.setup())
    assert display.show(0, "a")


def test_keypad_gives_each_key_once_and_looks_at_three_columns_at_rest() -> None:
    matrix = FakeMatrix()
    keypad = Keypad(matrix.rows, matrix.columns)
    matrix.reads = 0
    assert keypad.scan(0) == ""
    assert matrix.reads == 3
    now_ms = 100
    for key in "123456789*0#":
        matrix.pressed = key
        assert keypad.scan(now_ms) == key
        assert keypad.scan(now_ms + 10) == ""
        assert keypad.scan(now_ms + 500) == "", "a key held over a late scan counts once"
        matrix.pressed = ""
        assert keypad.scan(now_ms + 540) == ""
        now_ms += 1000


def test_keypad_bounce_at_the_release_is_no_second_key() -> None:
    matrix = FakeMatrix()
    keypad = Keypad(matrix.rows, matrix.columns)
    typed = ""
    now_ms = 100
    for level in ("5", "5", "", "5", "", "", "5", "", "", ""):
        matrix.pressed = level
        typed += keypad.scan(now_ms)
        now_ms += 8
    assert typed == "5"
    matrix.pressed = "5"
    assert keypad.scan(now_ms) == "5"


def test_keypad_does_not_lose_the_next_key_when_scans_come_late() -> None:
    matrix = FakeMatrix()
    keypad = Keypad(matrix.rows, matrix.columns)
    typed = ""
    now_ms = 100
    for level in ("5", "", "5", "", "6", ""):
        matrix.pressed = level
        typed += keypad.scan(now_ms)
        now_ms += 45
    assert typed == "556"


def test_calendar_goes_both_ways() -> None:
    for days in (0, 10957, 11016, 11017, 20000, 20512, 47540):
        assert days_from_civil(*civil_from_days(days)) == days
    assert days_from_civil(2026, 11, 24) == 20781


def test_clock_keeps_what_it_was_set_to_and_clears_the_stop_flag() -> None:
    bus = _bus(0x68)
    bus.chips[0x68][0x0F] = 0x88
    clock = ClockDs3231(Wire(bus), 0x68)
    assert clock.read() == 0
    assert clock.set(1_795_518_245)
    assert bus.chips[0x68][0x0F] == 0x08
    assert clock.read() == 1_795_518_245


def test_clock_with_nonsense_or_absent_is_no_time() -> None:
    bus = _bus(0x68)
    clock = ClockDs3231(Wire(bus), 0x68)
    clock.set(1_795_518_245)
    bus.chips[0x68][5] = 0x13
    assert clock.read() == 0
    assert ClockDs3231(Wire(_bus()), 0x68).read() == 0


def test_probe_bus_converts_all_and_reads_one() -> None:
    rom = bytes([0x28, 1, 2, 3, 4, 5, 6, 7])
    wire = FakeOneWire({rom: b"\x50\x05\x4b\x46\x7f\xff\x0c\x10\x1c"})
    bus = ProbeBus(wire)
    assert bus.convert()
    assert wire.written == [0xCC, 0x44]
    got = bus.read(rom)
    assert got is not None
    assert bytes(got) == b"\x50\x05\x4b\x46\x7f\xff\x0c\x10\x1c"
    assert wire.written[-1] == 0xBE


def test_probe_bus_with_nobody_there() -> None:
    bus = ProbeBus(FakeOneWire({}))
    assert not bus.convert()
    assert bus.read(b"\x28" + bytes(7)) is None


class _Receivers(FakeI2c):
    """A chip of receivers that sees the emitters: light only while they are on and the beam is free."""

    def __init__(self, emitters: FakePin, goods: int, sun: int) -> None:
        super().__init__()
        self.emitters, self.goods, self.sun = emitters, goods, sun

    def readfrom_mem_into(self, __addr: int, __memaddr: int, __buf: bytearray | memoryview) -> None:
        dark = self.goods if self.emitters.level else 0xFFFF
        dark &= ~self.sun
        __buf[0], __buf[1] = dark & 0xFF, dark >> 8


def test_item_sensor_tells_empty_present_and_blind() -> None:
    emitters = FakePin()
    chip = Mcp23017(Wire(_Receivers(emitters, 0b0110, 0b0100)), 0x20, 0xFFFF, 0)
    items = Items([chip], emitters)
    assert asyncio.run(items.look(0, 1)) == ABSENT
    assert asyncio.run(items.look(0, 2)) == PRESENT
    assert asyncio.run(items.look(0, 3)) == BLIND, "it saw light with the emitters off"
    assert asyncio.run(items.look(1, 1)) == BLIND, "no such chip"
    assert emitters.level == 0


def test_lights_show_one_door() -> None:
    bus = _bus(0x22, 0x23)
    wire = Wire(bus)
    leds = Leds([Mcp23017(wire, 0x22, 0, 0), Mcp23017(wire, 0x23, 0, 0)])
    assert leds.setup()
    leds.only(1, 9)
    assert bus.chips[0x23][0x15] == 1
    leds.only(0, 1)
    assert bus.chips[0x22][0x14] == 1
    assert bus.chips[0x23][0x15] == 0
    leds.only(-1, 0)
    assert bus.chips[0x22][0x14] == 0
