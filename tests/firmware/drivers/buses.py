"""Scripted buses at the level of MicroPython's own API: what hangs on them is in the test, the drivers are
the real files.

Runs on CPython and on MicroPython.
"""

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import Callback

PLAIN = -1
"""Stands for the register of a write without one."""


class FakePin:
    """A pin that remembers what it was driven to; -1 asks for its level."""

    def __init__(self, level: int = 0) -> None:
        self.level = level
        self.history: list[int] = []

    def value(self, x: int = -1) -> int:
        """Level, or drive."""
        if x >= 0:
            self.level = x
            self.history.append(x)
        return self.level


class FakeI2c:
    """Chips by address, each a bytearray of registers; the next `fail` transfers raise ENODEV."""

    def __init__(self) -> None:
        self.chips: dict[int, bytearray] = {}
        self.written: list[tuple[int, int, bytes]] = []
        self.fail = 0

    def _answer(self, address: int) -> bytearray:
        if self.fail > 0:
            self.fail -= 1
            raise OSError(19)
        if address not in self.chips:
            raise OSError(19)
        return self.chips[address]

    def writeto(self, __addr: int, __buf: bytes | bytearray | memoryview) -> int:
        """As machine.I2C."""
        self._answer(__addr)
        self.written.append((__addr, PLAIN, bytes(__buf)))
        return len(__buf)

    def writeto_mem(self, __addr: int, __memaddr: int, __buf: bytes | bytearray | memoryview) -> None:
        """As machine.I2C."""
        registers = self._answer(__addr)
        self.written.append((__addr, __memaddr, bytes(__buf)))
        for at in range(len(__buf)):
            registers[__memaddr + at] = __buf[at]

    def readfrom_mem_into(self, __addr: int, __memaddr: int, __buf: bytearray | memoryview) -> None:
        """As machine.I2C."""
        registers = self._answer(__addr)
        for at in range(len(__buf)):
            __buf[at] = registers[__memaddr + at]


class FakeUart:
    """Answers each write with the next scripted bytes."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = list(answers)
        self.sent: list[bytes] = []
        self.waiting = b""

    def any(self) -> int:
        """Bytes waiting."""
        return len(self.waiting)

    def read(self) -> bytes | None:
        """All of them."""
        got = self.waiting
        self.waiting = b""
        return got or None

    def write(self, __buf: bytes | bytearray | memoryview) -> int:
        """Takes an order and lays out its answer."""
        self.sent.append(bytes(__buf))
        self.waiting = self.answers.pop(0) if self.answers else b""
        return len(__buf)

    def flush(self) -> None:
        """Everything is sent at once."""


class FakeTimer:
    """A one-shot timer that fires when the test says so."""

    def __init__(self) -> None:
        self.callback: Callback | None = None
        self.started = asyncio.Event()
        self.period = 0

    def start(self, __period_ms: int, __callback: "Callback") -> None:
        """Lay the call ready."""
        self.period = __period_ms
        self.callback = __callback
        self.started.set()

    def stop(self) -> None:
        """Forget the call."""
        self.callback = None

    def fire(self) -> None:
        """The period is over."""
        if self.callback is not None:
            self.callback(self)


class FakeOneWire:
    """One bus with scratchpads by ROM."""

    def __init__(self, scratchpads: dict[bytes, bytes]) -> None:
        self.scratchpads = scratchpads
        self.written: list[int] = []
        self.selected = b""

    def reset(self, __required: bool = False) -> bool:
        """As onewire.OneWire."""
        return len(self.scratchpads) > 0

    def writebyte(self, __value: int) -> None:
        """As onewire.OneWire."""
        self.written.append(__value)

    def select_rom(self, __rom: bytes | bytearray) -> None:
        """As onewire.OneWire."""
        self.selected = bytes(__rom)

    def readinto(self, __buf: bytearray) -> None:
        """As onewire.OneWire."""
        scratchpad = self.scratchpads.get(self.selected, b"\xff" * 9)
        for at in range(len(__buf)):
            __buf[at] = scratchpad[at]


class FakeMatrix:
    """A keypad: `pressed` names keys; a column reads 0 where a pressed key's row is low."""

    def __init__(self) -> None:
        self.pressed = ""
        self.rows = [FakePin(1) for _ in range(4)]
        self.columns = [Column(self, at) for at in range(3)]
        self.reads = 0


class Column:
    """One column of the matrix."""

    def __init__(self, matrix: FakeMatrix, at: int) -> None:
        self._matrix = matrix
        self._at = at

    def value(self) -> int:
        """0 if a key of this column is pressed in a selected row."""
        self._matrix.reads += 1
        for key in self._matrix.pressed:
            place = "123456789*0#".index(key)
            if place % 3 == self._at and self._matrix.rows[place // 3].level == 0:
                return 0
        return 1
