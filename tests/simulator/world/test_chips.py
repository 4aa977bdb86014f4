"""The chips, as their datasheets say, and the ways in which they fail."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from simulator.world.chips.display import Display
from simulator.world.chips.ds18b20 import CONVERSION_S, Probe, Wire, crc8, rom_bytes
from simulator.world.chips.ds3231 import Ds3231
from simulator.world.chips.lockboard import PULSE_S, LockBoard, frame
from simulator.world.chips.mcp23017 import GPIOA, IODIRA, OLATA, Mcp23017

ROM_1, ROM_2 = "2811005c0a0000d2", "2812005c0a00008b"


# ---- MCP23017 ----


def test_the_expander_drives_nothing_until_direction_and_latch_say_so() -> None:
    chip = Mcp23017()
    chip.write(bytes((OLATA, 0x01, 0x80)))
    assert chip.driven == 0
    chip.write(bytes((IODIRA, 0xFE, 0x7F)))
    assert chip.driven == 0x8001
    chip.power_on()
    assert chip.driven == 0


def test_the_expander_reads_outside_levels_on_inputs_and_its_latch_on_outputs() -> None:
    chip = Mcp23017(lambda: 0xA55A)
    chip.write(bytes((GPIOA,)))
    assert chip.read(2) == b"\x5a\xa5"
    chip.write(bytes((IODIRA, 0x00)))
    chip.write(bytes((GPIOA, 0x81)))
    chip.write(bytes((GPIOA,)))
    assert chip.read(2) == b"\x81\xa5"


def test_the_expander_tells_of_each_write_to_a_register() -> None:
    moves: list[int] = []
    chip = Mcp23017(changed=lambda: moves.append(1))
    moves.clear()
    chip.write(bytes((OLATA,)))
    assert not moves
    chip.write(bytes((OLATA, 1)))
    assert moves == [1]


# ---- display ----


def nibbles(value: int, data: bool) -> bytes:
    out = bytearray()
    for nibble in (value & 0xF0, value << 4 & 0xF0):
        port = nibble | 0x08 | data
        out += bytes((port | 0x04, port))
    return bytes(out)


def started() -> Display:
    display = Display()
    display.write(bytes((0x3C, 0x38, 0x3C, 0x38, 0x3C, 0x38, 0x2C, 0x28)))
    for command in (0x28, 0x0C, 0x06, 0x01):
        display.write(nibbles(command, False))
    return display


def test_the_display_shows_what_was_written_where() -> None:
    display = started()
    display.write(nibbles(0x80 | 0x40, False) + b"".join(nibbles(c, True) for c in b"Porte 12"))
    display.write(nibbles(0x80 | 0x54, False) + nibbles(0xDF, True))
    assert display.lines() == ["", "Porte 12", "", "°"]
    assert display.lit


def test_the_display_is_blank_before_it_is_switched_on_and_after_power_on() -> None:
    display = Display()
    assert display.lines() == [""] * 4
    display = started()
    display.write(nibbles(0x80, False) + nibbles(0x41, True))
    display.power_on()
    assert display.lines() == [""] * 4


# ---- battery clock ----


class Wall:
    def __init__(self) -> None:
        self.now = datetime(2026, 9, 21, 13, 45, 59, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


def test_the_clock_runs_on_true_time_and_keeps_an_offset_that_was_set() -> None:
    wall = Wall()
    clock = Ds3231(wall)
    clock.write(b"\x00")
    assert clock.read(7).hex() == "59451301210926"
    clock.write(bytes.fromhex("00 00 30 08 01 01 01 27"))
    wall.now += 61
    clock.write(b"\x00")
    assert clock.read(3).hex() == "013108"


def test_a_clock_without_battery_forgets_and_says_so_until_the_flag_is_cleared() -> None:
    wall = Wall()
    clock = Ds3231(wall)
    clock.power_off()
    seen = [clock.valid]
    clock.battery = False
    clock.power_off()
    seen.append(clock.valid)
    clock.write(b"\x00")
    assert clock.read(7)[6] == 0
    clock.write(b"\x0f\x00")
    seen.append(clock.valid)
    clock.write(b"\x0f\x80")  # the flag can't be set from outside
    seen.append(clock.valid)
    assert seen == [True, False, True, True]


# ---- probes ----


def bus(*celsius: float) -> Wire:
    def feels(value: float) -> Callable[[], float]:
        return lambda: value

    return Wire([Probe(rom, feels(value)) for rom, value in zip((ROM_1, ROM_2), celsius, strict=False)])


def read_probe(wire: Wire, rom: str, now: float) -> bytes:
    wire.reset()
    for byte in (0x55, *rom_bytes(rom), 0xBE):
        wire.write(byte, now)
    return bytes(wire.read(now) for _ in range(9))


def convert(wire: Wire, now: float) -> None:
    wire.reset()
    wire.write(0xCC, now)
    wire.write(0x44, now)


def celsius(scratchpad: bytes) -> float:
    return int.from_bytes(scratchpad[:2], "little", signed=True) / 16


def test_a_probe_answers_85_until_its_first_conversion_has_ended() -> None:
    wire = bus(-20.5)
    assert read_probe(wire, ROM_1, 0.0).hex() == "50054b467fff0c101c"
    convert(wire, 1.0)
    assert wire.read_bit(1.1) == 0
    assert celsius(read_probe(wire, ROM_1, 1.2)) == 85.0
    convert(wire, 2.0)
    assert wire.read_bit(2.0 + CONVERSION_S) == 1
    scratchpad = read_probe(wire, ROM_1, 2.0 + CONVERSION_S)
    assert celsius(scratchpad) == -20.5
    assert crc8(scratchpad) == 0


def test_two_probes_are_told_apart_and_talking_at_once_they_garble() -> None:
    wire = bus(2.0, 3.0)
    convert(wire, 0.0)
    assert celsius(read_probe(wire, ROM_1, 1.0)) == 2.0
    assert celsius(read_probe(wire, ROM_2, 1.0)) == 3.0
    wire.reset()
    wire.write(0xCC, 1.0)
    wire.write(0xBE, 1.0)
    assert crc8(bytes(wire.read(1.0) for _ in range(9))) != 0


def test_an_unplugged_probe_is_silence_and_a_short_is_zeros_with_a_right_crc() -> None:
    wire = bus(2.0)
    wire.probes[0].unplug()
    assert wire.reset() is False
    assert read_probe(wire, ROM_1, 0.0) == b"\xff" * 9
    wire.shorted = True
    assert wire.reset() is True
    scratchpad = read_probe(wire, ROM_1, 0.0)
    assert scratchpad == bytes(9)
    assert crc8(scratchpad) == 0


def test_probes_lie_in_their_own_ways() -> None:
    value = 2.0
    probe = Probe(ROM_1, lambda: value)
    wire = Wire([probe])

    def sample(now: float) -> bytes:
        convert(wire, now)
        return read_probe(wire, ROM_1, now + 1)

    assert celsius(sample(0)) == 2.0
    probe.stuck, value = True, 9.0
    assert celsius(sample(10)) == 2.0
    probe.stuck, probe.offset_c = False, 1.5
    assert celsius(sample(20)) == 10.5
    probe.garbled = True
    assert crc8(sample(30)) != 0
    probe.garbled, probe.resets = False, True
    assert celsius(sample(40)) == 85.0


# ---- 8A/80 lock board ----


def board(open_doors: set[int]) -> LockBoard:
    return LockBoard(1, 16, lambda channel: channel in open_doors)


def test_the_board_times_the_pulse_itself() -> None:
    made = board(set())
    assert made.receive(frame(0x8A, 1, 3, 0x11), 10.0) == frame(0x8A, 1, 3, 0x00)
    assert made.energised(10.0) == {3}
    assert made.energised(10.0 + PULSE_S - 0.001) == {3}
    assert made.energised(10.0 + PULSE_S) == set()


def test_lock_number_zero_opens_every_lock_at_once() -> None:
    made = board(set())
    made.receive(frame(0x8A, 1, 0, 0x11), 10.0)
    assert made.energised(10.1) == set(range(1, 17))


def test_query_all_answers_with_three_state_bytes() -> None:
    made = board({1, 10})
    assert made.receive(frame(0x80, 1, 0, 0x33), 0.0) == frame(0x80, 1, 0x01, 0x02, 0x00, 0x33)
    assert board(set()).receive(frame(0x80, 1, 0, 0x33), 0.0) == bytes.fromhex("80 01 00 00 00 33 b2")


@pytest.mark.parametrize(
    "data",
    [
        frame(0x8A, 1, 3, 0x11)[:-1] + b"\x00",
        frame(0x8A, 2, 3, 0x11),
        frame(0x8A, 1, 17, 0x11),
        frame(0x8A, 1, 3, 0x12),
        frame(0x8A, 1, 3, 0x11)[:4],
        frame(0x8A, 1, 3, 0x11) * 2,
    ],
)
def test_what_is_wrong_or_for_another_board_gets_no_answer_and_no_pulse(data: bytes) -> None:
    made = board(set())
    assert made.receive(data, 10.0) is None
    assert made.energised(10.1) == set()
