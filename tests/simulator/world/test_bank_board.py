"""A wall's board as its processor sees it: coils and what gates them, keys, item sensors, contacts."""

import random
from datetime import UTC, datetime
from errno import ENODEV, ETIMEDOUT

import pytest

from firmware import pins
from simulator.world.bank_board import CUTOFF_S, BankBoard
from simulator.world.chips.lockboard import PULSE_S, frame
from simulator.world.chips.mcp23017 import GPIOA, IODIRA, OLATA
from simulator.world.log import Log
from simulator.world.plan import BoardPlan, ControllerPlan, DoorPlan, ZonePlan
from simulator.world.wall import Wall
from simulator.world.wire import Operation

OUT, OPEN_DRAIN, NONE = 3, 7, 255
RS485 = (BoardPlan("8a80", 1, 16), BoardPlan("8a80", 2, 16))
MCP = (BoardPlan("mcp", 0x24, 8),)
ZONES = (ZonePlan("chilled", "chilled", 0, ("2811005c0a0000d2",)),)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """One board, a clock that is turned by hand, and requests as the wire brings them."""

    def __init__(self, boards: tuple[BoardPlan, ...]) -> None:
        self.clock = Clock()
        start = datetime(2026, 9, 21, tzinfo=UTC)
        self.log = Log(self.clock, lambda: start)
        count = 24 if boards is RS485 else 8
        doors = tuple(
            DoorPlan(n, "chilled", (n - 1) // 16, (n - 1) % 16 + 1, n != 8) for n in range(1, count + 1)
        )
        plan = ControllerPlan("wall-1", "ferme", "bank", boards, doors, ZONES)
        self.board = BankBoard(plan, self.log, self.clock, lambda: start, random.Random(1))
        self.wall = Wall(self.board)
        self.board.power_on()

    def ask(self, operation: Operation, *payload: int) -> int:
        answer = self.board.handle(operation, bytes(payload))
        assert not answer.error
        return answer.value

    def drive(self, gpio: int, level: int, mode: int = OUT) -> None:
        self.ask(Operation.PIN_INIT, gpio, mode, 0, level)

    def i2c(self, address: int, *out: int, read: int = 0) -> bytes:
        answer = self.board.handle(Operation.I2C_TRANSFER, bytes((0, address, read, 0, *out)))
        assert not answer.error
        return answer.payload

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.board.advance(self.clock.now)

    def send(self, *body: int) -> None:
        speed = (0x80, 0x25, 0, 0)
        self.ask(Operation.UART_INIT, pins.BANK_RS485_UART_ID, pins.BANK_RS485_TX, pins.BANK_RS485_RX, *speed)
        self.drive(pins.BANK_RS485_DE, 1)
        self.ask(Operation.UART_WRITE, pins.BANK_RS485_UART_ID, *frame(*body))
        while not self.ask(Operation.UART_TXDONE, pins.BANK_RS485_UART_ID):
            self.wait(0.001)
        self.drive(pins.BANK_RS485_DE, 0)

    def kinds(self, *kinds: str) -> list[tuple[str, int | None]]:
        return [(event.kind, event.door) for event in self.log.of("wall-1", *kinds)]


@pytest.fixture
def rs485() -> Bench:
    return Bench(RS485)


@pytest.fixture
def mcp() -> Bench:
    return Bench(MCP)


def test_a_frame_on_the_line_opens_its_door_for_the_board_s_own_pulse(rs485: Bench) -> None:
    rs485.send(0x8A, 2, 3, 0x11)
    rs485.wait(2.0)
    assert rs485.kinds("coil_on", "door_open", "coil_off") == [
        ("coil_on", 19),
        ("door_open", 19),
        ("coil_off", 19),
    ]
    on, off = rs485.log.of("wall-1", "coil_on", "coil_off")
    assert off.at_monotonic - on.at_monotonic == pytest.approx(PULSE_S)
    assert rs485.wall.door_is_open(19)


def test_opening_all_locks_at_once_breaks_the_rule_of_one_coil(rs485: Bench) -> None:
    rs485.send(0x8A, 1, 0, 0x11)
    rs485.wait(2.0)
    assert len(rs485.log.of("wall-1", "broken")) == 15


def test_a_coil_needs_its_bit_and_the_enable_both(mcp: Bench) -> None:
    mcp.i2c(0x24, OLATA, 0x04)
    mcp.i2c(0x24, IODIRA, 0x00)
    mcp.wait(1.0)
    assert mcp.kinds("coil_on") == []
    mcp.drive(pins.BANK_COIL_EN, 1)
    assert mcp.kinds("coil_on") == [("coil_on", 3)]
    mcp.i2c(0x24, OLATA, 0x00)
    assert mcp.kinds("coil_off") == [("coil_off", 3)]


def test_the_monostable_ends_a_coil_that_nobody_ends(mcp: Bench) -> None:
    mcp.i2c(0x24, IODIRA, 0x00)
    mcp.i2c(0x24, OLATA, 0x01)
    mcp.drive(pins.BANK_COIL_EN, 1)
    mcp.wait(30.0)
    on, off = mcp.log.of("wall-1", "coil_on", "coil_off")
    assert off.at_monotonic - on.at_monotonic == pytest.approx(CUTOFF_S)
    mcp.drive(pins.BANK_COIL_EN, 1)
    assert len(mcp.log.of("wall-1", "coil_on")) == 1, "it starts again only at a rising edge"
    mcp.drive(pins.BANK_COIL_EN, 0)
    mcp.drive(pins.BANK_COIL_EN, 1)
    assert len(mcp.log.of("wall-1", "coil_on")) == 2


def test_a_reset_of_the_processor_drops_the_enable_but_not_the_expander(mcp: Bench) -> None:
    mcp.i2c(0x24, IODIRA, 0x00)
    mcp.i2c(0x24, OLATA, 0x01)
    mcp.drive(pins.BANK_COIL_EN, 1)
    mcp.board.processor_reset()
    assert mcp.kinds("coil_off") == [("coil_off", 1)]
    assert mcp.i2c(0x24, OLATA, read=1) == b"\x01"
    mcp.board.power_off()
    mcp.board.power_on()
    assert mcp.i2c(0x24, OLATA, read=1) == b"\x00"


def test_two_coils_at_once_are_written_down_as_broken(mcp: Bench) -> None:
    mcp.i2c(0x24, IODIRA, 0x00)
    mcp.i2c(0x24, OLATA, 0x03)
    mcp.drive(pins.BANK_COIL_EN, 1)
    assert [event.kind for event in mcp.log.of("wall-1", "broken")] == ["broken"]


def test_door_contacts_read_open_on_port_b(mcp: Bench) -> None:
    mcp.wall.force(5)
    mcp.wait(1.0)
    assert mcp.i2c(0x24, GPIOA + 1, read=1) == bytes((1 << 4,))


def test_a_key_pulls_its_column_down_only_in_a_row_that_is_driven(rs485: Bench) -> None:
    rs485.wall.key_down("6")
    assert rs485.ask(Operation.PIN_GET, pins.BANK_KEY_COL3) == 1
    rs485.drive(pins.BANK_KEY_ROW2, 0, OPEN_DRAIN)
    assert rs485.ask(Operation.PIN_GET, pins.BANK_KEY_COL3) == 0
    assert rs485.ask(Operation.PIN_GET, pins.BANK_KEY_COL1) == 1
    rs485.ask(Operation.PIN_SET, pins.BANK_KEY_ROW2, 1)
    assert rs485.ask(Operation.PIN_GET, pins.BANK_KEY_COL3) == 1
    with pytest.raises(ValueError, match="no key"):
        rs485.wall.key_down("A")


def items(bench: Bench) -> int:
    return int.from_bytes(bench.i2c(0x20, GPIOA, read=2), "little")


def test_item_sensors_need_their_emitters_and_can_be_blind_or_dirty(rs485: Bench) -> None:
    assert items(rs485) == 0xFFFF
    rs485.drive(pins.BANK_IR_EN, 1)
    assert items(rs485) == 1 << 7, "door 8 has no receiver: its input is pulled up"
    rs485.wall.force(2)
    rs485.wall.put(2)
    rs485.wall.dirty(3)
    assert items(rs485) == 1 << 7 | 1 << 1 | 1 << 2
    rs485.wall.blind(2)
    rs485.drive(pins.BANK_IR_EN, 0)
    assert items(rs485) == 0xFFFF & ~(1 << 1)


def test_lights_are_seen_and_logged(rs485: Bench) -> None:
    rs485.i2c(0x23, IODIRA, 0, 0)
    rs485.i2c(0x23, OLATA, 0x01, 0x00)
    assert rs485.wall.leds() == {17}
    rs485.i2c(0x23, OLATA, 0x00, 0x00)
    assert [(e.door, e.detail) for e in rs485.log.of("wall-1", "led")] == [(17, "on"), (17, "off")]


def test_a_door_that_stands_open_warms_its_zone(rs485: Bench) -> None:
    space = rs485.wall.zone("chilled").space
    rs485.wall.force(1)
    assert space.door_open
    rs485.wall.push(1)
    rs485.wait(1.0)
    assert not space.door_open


def test_what_breaks_in_a_zone_is_written_down_once(rs485: Bench) -> None:
    for _ in range(2):
        rs485.wall.zone("chilled").compressor(False)
        rs485.wall.probe("chilled", 0).unplug()
    rs485.wall.probe("chilled", 0).unplug(False)
    assert [event.detail for event in rs485.log.of("wall-1", "fault")] == [
        "compressor of chilled has failed",
        "probe 2811005c0a0000d2 unplugged",
        "probe 2811005c0a0000d2 plugged in again",
    ]


def test_an_i2c_transfer_fails_on_demand_and_where_nobody_is(rs485: Bench) -> None:
    rs485.board.i2c_fails = [0x20]
    assert rs485.board.handle(Operation.I2C_TRANSFER, bytes((0, 0x20, 1, 0))).error in (ENODEV, ETIMEDOUT)
    assert rs485.board.handle(Operation.I2C_TRANSFER, bytes((0, 0x20, 1, 0))).error == 0
    assert rs485.board.handle(Operation.I2C_TRANSFER, bytes((0, 0x24, 1, 0))).error == ENODEV


def test_without_power_no_coil_holds_whatever_was_under_way(rs485: Bench) -> None:
    rs485.send(0x8A, 1, 1, 0x11)
    rs485.wait(0.1)
    rs485.board.power_off()
    on, off = rs485.log.of("wall-1", "coil_on", "coil_off")
    assert off.at_monotonic - on.at_monotonic < PULSE_S


def test_the_watchdog_restarts_who_does_not_feed_it(rs485: Bench) -> None:
    class Restarts:
        def __init__(self) -> None:
            self.causes: list[int] = []

        def cut(self, why: str) -> None:
            raise AssertionError(why)

        def restart(self, cause: int, why: str) -> None:
            self.causes.append(cause)
            assert why == "watchdog"
            rs485.board.processor_reset()

    processor = Restarts()
    rs485.board.processor = processor
    rs485.ask(Operation.WATCHDOG_START, *(1000).to_bytes(4, "little"))
    rs485.wait(0.9)
    rs485.ask(Operation.WATCHDOG_FEED, *(4096).to_bytes(4, "little"))
    rs485.wait(0.9)
    assert processor.causes == []
    rs485.board.forgive(5.0)
    rs485.wait(5.0)
    assert processor.causes == [], "the world stood still, not the program"
    rs485.wait(0.2)
    assert processor.causes == [3]
    rs485.wait(10)
    assert processor.causes == [3], "a new start has no watchdog until the program makes one"


def test_a_late_look_finds_everything_at_its_own_moment(rs485: Bench) -> None:
    rs485.send(0x8A, 1, 4, 0x11)
    rs485.wait(60.0)
    on, opened, off = rs485.log.of("wall-1", "coil_on", "door_open", "coil_off")
    assert opened.at_monotonic - on.at_monotonic < 0.2
    assert off.at_monotonic - on.at_monotonic == pytest.approx(PULSE_S)
