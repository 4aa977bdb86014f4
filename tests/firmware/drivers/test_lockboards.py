"""Both lock boards and the network ports against scripted buses: what may never happen to a coil first."""

import asyncio

from firmware.drivers.ethernet import Ethernet
from firmware.drivers.lockboard_8a80 import LockBoard8a80, Rs485, frame
from firmware.drivers.lockboard_mcp import INPUTS, LockBoardMcp
from firmware.drivers.mcp23017 import Mcp23017
from firmware.drivers.wifi import Wifi
from firmware.drivers.wire import Wire
from tests.firmware.drivers.buses import FakeI2c, FakePin, FakeTimer, FakeUart


def _xored(*values: int) -> bytes:
    total = 0
    for value in values:
        total ^= value
    return bytes(values) + bytes([total])


def _board(
    answers: list[bytes], locks: int = 16, open_level: int = 1
) -> tuple[FakeUart, FakePin, LockBoard8a80]:
    uart, drive = FakeUart(answers), FakePin()
    return uart, drive, LockBoard8a80(Rs485(uart, drive), 1, locks, open_level)


def _refused(lock: int, address: int = 1) -> bool:
    try:
        frame(0x8A, address, lock, 0x11)
    except ValueError:
        return True
    return False


def test_no_frame_opens_lock_zero_or_a_foreign_address() -> None:
    assert _refused(0)
    assert _refused(25)
    assert _refused(1, 0)
    assert _refused(1, 32)
    assert frame(0x8A, 1, 1, 0x11) == b"\x8a\x01\x01\x11\x9b"
    uart, _, board = _board([])
    assert not asyncio.run(board.pulse(0, 400))
    assert not asyncio.run(board.pulse(17, 400))
    assert uart.sent == []


def test_order_is_sent_once_and_its_answer_believed_by_xor() -> None:
    uart, drive, board = _board([_xored(0x8A, 1, 3, 0x11)])
    assert asyncio.run(board.pulse(3, 400))
    assert uart.sent == [b"\x8a\x01\x03\x11\x99"]
    assert drive.history == [1, 0]


def test_unanswered_order_is_not_repeated() -> None:
    uart, _, board = _board([b""])
    assert not asyncio.run(board.pulse(3, 400))
    assert len(uart.sent) == 1


def test_answer_of_another_lock_or_with_a_wrong_xor_is_none() -> None:
    _, _, board = _board([_xored(0x8A, 1, 4, 0x11)])
    assert not asyncio.run(board.pulse(3, 400))
    _, _, board = _board([b"\x8a\x01\x03\x11\x00"])
    assert not asyncio.run(board.pulse(3, 400))
    _, _, board = _board([_xored(0x8A, 2, 3, 0x11)])
    assert not asyncio.run(board.pulse(3, 400))


def test_query_gives_the_doors_of_the_configured_locks_only() -> None:
    _, _, board = _board([_xored(0x80, 1, 0x05, 0x80, 0xFF, 0x33)])
    assert asyncio.run(board.refresh())
    assert board.open_bits == 0x8005


def test_query_with_switches_wired_the_other_way() -> None:
    _, _, board = _board([_xored(0x80, 1, 0xFE, 0xFF, 0xFF, 0x33)], 8, 0)
    assert asyncio.run(board.refresh())
    assert board.open_bits == 1


def test_query_is_asked_again_after_damage_and_the_old_state_stays() -> None:
    uart, _, board = _board([b"\x80\x01\x00", _xored(0x80, 1, 1, 0, 0, 0x33)])
    assert asyncio.run(board.refresh())
    assert len(uart.sent) == 2
    _, _, board = _board([b"", b""])
    board.open_bits = 4
    assert not asyncio.run(board.refresh())
    assert board.open_bits == 4


def test_short_answer_does_not_stand_for_locks_it_has_no_bits_for() -> None:
    _, _, board = _board([_xored(0x80, 1, 1, 0x33), _xored(0x80, 1, 1, 0x33)])
    assert not asyncio.run(board.refresh())


class _Coils(FakeI2c):
    """Watches which coils are energised: bit on in the latch, pin an output, COIL_EN high."""

    def __init__(self, enable: FakePin) -> None:
        super().__init__()
        chip = bytearray(32)
        chip[0] = chip[1] = 0xFF
        self.chips[0x24] = chip
        self.enable = enable
        self.seen: set[int] = set()

    def energised(self) -> int:
        chip = self.chips[0x24]
        return chip[0x14] & ~chip[0] & 0xFF if self.enable.level else 0


class _Enable(FakePin):
    def __init__(self) -> None:
        super().__init__()
        self.bus: _Coils | None = None

    def value(self, x: int = -1) -> int:
        level = FakePin.value(self, x)
        if x >= 0 and self.bus is not None:
            self.bus.seen.add(self.bus.energised())
        return level


def _mcp() -> tuple[_Coils, _Enable, FakeTimer, LockBoardMcp]:
    enable = _Enable()
    bus = _Coils(enable)
    enable.bus = bus
    timer = FakeTimer()
    board = LockBoardMcp(Mcp23017(Wire(bus), 0x24, INPUTS, INPUTS), enable, timer, 600)
    assert board.setup()
    return bus, enable, timer, board


def test_pulse_energises_one_coil_and_ends() -> None:
    bus, enable, _, board = _mcp()
    assert asyncio.run(board.pulse(3, 20))
    assert bus.seen == {0, 4}
    assert enable.level == 0
    assert bus.energised() == 0
    assert bus.chips[0x24][0x14] == 0
    assert board.cuts == 0


def test_pulse_is_never_longer_than_the_monostable_allows() -> None:
    _, _, timer, board = _mcp()

    async def start() -> int:
        task = asyncio.create_task(board.pulse(1, 5000))
        await timer.started.wait()
        period = timer.period
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return period
        return period

    assert asyncio.run(start()) == 620


def test_timer_ends_the_pulse_while_its_task_hangs() -> None:
    bus, enable, timer, board = _mcp()

    async def hang() -> int:
        task = asyncio.create_task(board.pulse(2, 500))
        await timer.started.wait()
        timer.fire()
        energised = bus.energised()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return energised
        return energised

    assert asyncio.run(hang()) == 0
    assert board.cuts == 1
    assert enable.level == 0


def test_second_pulse_meanwhile_is_refused() -> None:
    bus, _, _, board = _mcp()

    async def both() -> list[bool]:
        return list(await asyncio.gather(board.pulse(1, 20), board.pulse(2, 20)))

    assert asyncio.run(both()) == [True, False]
    assert bus.seen == {0, 1}


def test_expander_that_does_not_answer_gets_no_coil() -> None:
    bus, enable, _, board = _mcp()
    bus.fail = 1000
    assert not asyncio.run(board.pulse(1, 20))
    assert 1 not in enable.history


def test_contacts_come_from_port_b() -> None:
    bus, _, _, board = _mcp()
    bus.chips[0x24][0x13] = 0x81
    assert asyncio.run(board.refresh())
    assert board.open_bits == 0x81


class _Lan:
    def __init__(self) -> None:
        self.up = False
        self.calls: list[str] = []

    def active(self, __is_active: bool) -> None:
        self.calls.append("on" if __is_active else "off")

    def isconnected(self) -> bool:
        return self.up

    def disconnect(self) -> None:
        self.calls.append("leave")

    def connect(self, __ssid: str, __key: str) -> None:
        self.calls.append("join")


def test_ethernet_is_restarted_after_thirty_seconds_and_comes_back() -> None:
    lan = _Lan()
    port = Ethernet(lan)
    for _ in range(31):
        assert not port.step(1000)
    assert lan.calls == ["on", "off", "on"]
    assert port.restarts == 1
    lan.up = True
    assert port.step(1000)


def test_wifi_pauses_before_each_join_and_restarts_the_radio() -> None:
    lan = _Lan()
    radio = Wifi(lan, "farm", "secret")
    for _ in range(130):
        assert not radio.step(1000)
    assert radio.restarts >= 1
    for at in range(len(lan.calls)):
        if lan.calls[at] == "join":
            assert lan.calls[at - 1] == "leave"
    lan.up = True
    for _ in range(25):
        radio.step(1000)
    assert radio.step(1000)
