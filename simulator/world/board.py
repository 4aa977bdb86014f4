"""A controller's board seen from its processor: pins, buses, watchdog, flash. What hangs on it is added by
the bank's and the room's boards.

Pure but for the flash file: time comes from `clock`, chance from a seed. `due` says when `advance` has
something to do.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from errno import EINVAL, EIO, ENODEV, ETIMEDOUT
from typing import Protocol

from firmware import pins
from simulator.world.chips.ds18b20 import Probe, Wire
from simulator.world.chips.ds3231 import Ds3231
from simulator.world.flash import Flash, PowerCutError
from simulator.world.log import Log
from simulator.world.plan import ControllerPlan
from simulator.world.wire import Answer, Operation
from simulator.world.zone import Zone

PWRON_RESET, HARD_RESET, WDT_RESET = 1, 2, 3
ERASE_S = 0.045
"""A 4 kB sector of the boards' kind of NOR flash, typically (data sheet of the W25Q128JV: at most 0.4 s)."""
_IN, _OUT, _OPEN_DRAIN = 1, 3, 7


class Chip(Protocol):
    """Something on the I2C bus."""

    def write(self, data: bytes) -> None:
        """One write transfer."""

    def read(self, count: int) -> bytes:
        """One read transfer."""


class Processor(Protocol):
    """Whoever runs the firmware: ends it, starts it again."""

    def cut(self, why: str) -> None:
        """The power is gone, now."""

    def restart(self, cause: int, why: str) -> None:
        """Reset the processor; the chips keep their power."""


@dataclass
class Gpio:
    """One pin of the processor, as its program has set it."""

    mode: int = _IN
    level: int = 0


class Nowhere:
    """A processor that nobody runs: for a world without interpreters."""

    def cut(self, why: str) -> None:
        """Nothing runs."""

    def restart(self, cause: int, why: str) -> None:
        """Nothing runs."""


class Board:
    """What both kinds of boards have. `prefix` is the one of their constants in `firmware.pins`."""

    prefix = ""
    wires: tuple[str, ...] = ()
    """Nets of the 1-Wire buses, in the order of their numbers in the site file."""

    def __init__(
        self,
        plan: ControllerPlan,
        log: Log,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
        chance: random.Random,
    ) -> None:
        self.plan = plan
        self.name = plan.id
        self.log = log
        self.clock = clock
        self.chance = chance
        self.processor: Processor = Nowhere()
        self.flash: Flash | None = None
        self.erase_s = 0.0
        """How long an erase stops the processor; 0 in a world whose time is not measured, else `ERASE_S`."""
        self.due: float | None = None
        """When `advance` will have something to do."""
        self.rescheduled: Callable[[], None] = lambda: None
        """Called when `due` has changed."""
        self.battery_clock = Ds3231(lambda: wall().timestamp())
        self.link_up = True
        self.wifi_up = True
        self.mains = True
        self.i2c_fails: list[int] = []
        """Addresses that do not answer the next transfer to them, one entry a transfer; 0 for any address."""
        self.heap_peak = 0
        """Most heap in use at a watchdog feed since the last start, bytes."""
        self.reset_cause = PWRON_RESET
        self.powered = False
        self.gpios: dict[int, Gpio] = {}
        self.chips: dict[int, Chip] = {self.pin("ADDR_CLOCK"): self.battery_clock}
        self.readers: dict[int, Callable[[], bool]] = {self.pin("MAINS_OK"): lambda: self.mains}
        """What reads a net that the outside drives, by GPIO."""
        for bit in range(2):
            level = bool(self.pin("HARDWARE_REVISION") >> bit & 1)
            self.readers[self.pin(f"REV{bit}")] = lambda level=level: level  # type: ignore[misc]
        self.zones: dict[str, Zone] = {}
        self.buses: dict[int, Wire] = {}
        for index, net in enumerate(self.wires):
            probes: list[Probe] = []
            for zone_plan in plan.zones:
                if zone_plan.bus == index:
                    zone = Zone(zone_plan, chance, self.fault)
                    self.zones[zone_plan.id] = zone
                    probes += zone.probes
            self.buses[self.pin(net)] = Wire(probes)
        self._moment: float | None = None
        self._answers: dict[Operation, Callable[[bytes, float], Answer]] = {
            Operation.HELLO: self._hello,
            Operation.PIN_INIT: self._pin_init,
            Operation.PIN_GET: self._pin_get,
            Operation.PIN_SET: self._pin_set,
            Operation.I2C_INIT: self._i2c_init,
            Operation.I2C_TRANSFER: self._i2c_transfer,
            Operation.UART_INIT: self.uart_init,
            Operation.UART_WRITE: self.uart_write,
            Operation.UART_ANY: self.uart_any,
            Operation.UART_READ: self.uart_read,
            Operation.UART_TXDONE: self.uart_txdone,
            Operation.WIRE_RESET: self._wire_reset,
            Operation.WIRE_WRITE_BIT: self._wire_write_bit,
            Operation.WIRE_READ_BIT: self._wire_read_bit,
            Operation.WIRE_WRITE: self._wire_write,
            Operation.WIRE_READ: self._wire_read,
            Operation.WATCHDOG_START: self._watchdog_start,
            Operation.WATCHDOG_FEED: self._watchdog_feed,
            Operation.RESET: self._reset,
            Operation.RESET_CAUSE: self._reset_cause,
            Operation.FLASH_WRITE: self._flash_write,
            Operation.FLASH_ERASE: self._flash_erase,
            Operation.NET_STATE: self._net_state,
        }
        self._watchdog_s = 0.0
        self._watchdog_at: float | None = None

    def pin(self, name: str) -> int:
        """A constant of this board in `firmware.pins`: a net's GPIO, a chip's address."""
        value = getattr(pins, f"{self.prefix}_{name}")
        if not isinstance(value, int):
            raise TypeError(f"{self.prefix}_{name} is no number")
        return value

    def fault(self, what: str) -> None:
        """Write down that something was broken, or mended."""
        self.log.add(self.name, "fault", detail=what)

    def output(self, net: str) -> bool:
        """Whether a net that is pulled down is driven high."""
        gpio = self.gpios.get(self.pin(net))
        return gpio is not None and gpio.mode == _OUT and bool(gpio.level)

    # ---- power ---------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Mains arrive: every chip in its state after power-on."""
        self.powered = True
        self.reset_cause = PWRON_RESET
        for zone in self.zones.values():
            for probe in zone.probes:
                probe.power_on()
        self.processor_reset()

    def power_off(self) -> None:
        """Mains gone: outputs fall, the battery clock goes on."""
        self.powered = False
        self.battery_clock.power_off()
        self.processor_reset()

    def processor_reset(self) -> None:
        """All pins become inputs; the chips around keep what they had."""
        self.gpios.clear()
        self._watchdog_at = None
        self.heap_peak = 0
        self.refresh()

    # ---- time ----------------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Let everything happen that is due by `now`, each at its own moment."""
        while self.due is not None and self.due <= now:
            self._moment = self.due
            try:
                self.happen(self.due)
                self.refresh()
            finally:
                self._moment = None

    def forgive(self, seconds: float) -> None:
        """The world itself stood still for so long: nobody could feed the watchdog, which waits as long."""
        if self._watchdog_at is not None:
            self._watchdog_at += seconds
            self.refresh()

    def moment(self) -> float:
        """Now, or while something overdue is being caught up, the moment at which it was due."""
        return self.clock() if self._moment is None else self._moment

    def happen(self, at: float) -> None:
        """What is due at `at`."""
        if self._watchdog_at is not None and at >= self._watchdog_at:
            self._watchdog_at = None
            self.processor.restart(WDT_RESET, "watchdog")

    def times(self) -> list[float | None]:
        """Moments at which something will happen by itself."""
        return [self._watchdog_at]

    def refresh(self) -> None:
        """Work out `due` again, after anything that may have changed it."""
        due = min((at for at in self.times() if at is not None), default=None)
        if due != self.due:
            self.due = due
            self.rescheduled()

    # ---- what the processor asks ---------------------------------------------------------------------------

    def handle(self, operation: Operation, payload: bytes) -> Answer:
        """One request. PowerCutError if the supply fails in the middle of it."""
        now = self.clock()
        self.advance(now)
        return self._answers[operation](payload, now)

    def level(self, gpio: int) -> int:
        """The level a pin reads: what the outside puts on its net, else what it drives itself, else its pull-
        up.
        """
        reader = self.readers.get(gpio)
        if reader is not None:
            return int(reader())
        own = self.gpios.get(gpio)
        return own.level if own is not None and own.mode == _OUT else 1

    def pin_moved(self, gpio: int, now: float) -> None:
        """A pin's direction or level was set: here nothing hangs on one."""

    def _pin_init(self, payload: bytes, now: float) -> Answer:
        gpio, mode, _pull, level = payload
        pin = self.gpios.setdefault(gpio, Gpio())
        if level != 255:
            pin.level = level
        if mode != 255:
            pin.mode = mode
        self.pin_moved(gpio, now)
        return Answer()

    def _pin_get(self, payload: bytes, _now: float) -> Answer:
        return Answer(self.level(payload[0]))

    def _pin_set(self, payload: bytes, now: float) -> Answer:
        self.gpios.setdefault(payload[0], Gpio()).level = payload[1]
        self.pin_moved(payload[0], now)
        return Answer()

    def _i2c_init(self, payload: bytes, _now: float) -> Answer:
        _bus, sda, scl, _hz = struct.unpack("<BBBI", payload)
        right = sda in (255, self.pin("I2C_SDA")) and scl in (255, self.pin("I2C_SCL"))
        return Answer(error=0 if right else EINVAL)

    def _i2c_transfer(self, payload: bytes, _now: float) -> Answer:
        _bus, address, count = struct.unpack_from("<BBH", payload)
        for failing in (address, 0):
            if failing in self.i2c_fails:
                self.i2c_fails.remove(failing)
                return Answer(error=self.chance.choice((ENODEV, ETIMEDOUT)))
        chip = self.chips.get(address)
        if chip is None:
            return Answer(error=ENODEV)
        if len(payload) > 4:
            chip.write(payload[4:])
        return Answer(payload=chip.read(count) if count else b"")

    def uart_init(self, _payload: bytes, _now: float) -> Answer:
        """No lock boards' line on this board."""
        return Answer(error=ENODEV)

    def uart_write(self, _payload: bytes, _now: float) -> Answer:
        """No lock boards' line on this board."""
        return Answer(error=ENODEV)

    def uart_any(self, _payload: bytes, _now: float) -> Answer:
        """No lock boards' line on this board."""
        return Answer(error=ENODEV)

    def uart_read(self, _payload: bytes, _now: float) -> Answer:
        """No lock boards' line on this board."""
        return Answer(error=ENODEV)

    def uart_txdone(self, _payload: bytes, _now: float) -> Answer:
        """No lock boards' line on this board."""
        return Answer(error=ENODEV)

    def _wire_reset(self, payload: bytes, _now: float) -> Answer:
        bus = self.buses.get(payload[0])
        return Answer(error=EINVAL) if bus is None else Answer(int(bus.reset()))

    def _wire_write_bit(self, payload: bytes, now: float) -> Answer:
        self.buses[payload[0]].write_bit(payload[1], now)
        return Answer()

    def _wire_read_bit(self, payload: bytes, now: float) -> Answer:
        return Answer(self.buses[payload[0]].read_bit(now))

    def _wire_write(self, payload: bytes, now: float) -> Answer:
        for byte in payload[1:]:
            self.buses[payload[0]].write(byte, now)
        return Answer()

    def _wire_read(self, payload: bytes, now: float) -> Answer:
        bus = self.buses[payload[0]]
        return Answer(payload=bytes(bus.read(now) for _ in range(payload[1])))

    def _watchdog_start(self, payload: bytes, now: float) -> Answer:
        self._watchdog_s = int.from_bytes(payload, "little") / 1000
        return self._fed(now)

    def _watchdog_feed(self, payload: bytes, now: float) -> Answer:
        self.heap_peak = max(self.heap_peak, int.from_bytes(payload, "little"))
        return self._fed(now)

    def _fed(self, now: float) -> Answer:
        self._watchdog_at = now + self._watchdog_s
        self.refresh()
        return Answer()

    def _reset(self, _payload: bytes, _now: float) -> Answer:
        self.processor.restart(HARD_RESET, "reset by the program")
        return Answer()

    def _reset_cause(self, _payload: bytes, _now: float) -> Answer:
        return Answer(self.reset_cause)

    def _flash_write(self, payload: bytes, _now: float) -> Answer:
        return self._on_flash(payload, erase=False)

    def _flash_erase(self, payload: bytes, _now: float) -> Answer:
        return self._on_flash(payload, erase=True)

    def _on_flash(self, payload: bytes, *, erase: bool) -> Answer:
        if self.flash is None:
            return Answer(error=EIO)
        index, at = struct.unpack_from("<BI", payload)
        try:
            if erase:
                self.flash.erase(index, at)
            else:
                self.flash.program(index, at, payload[5:])
        except PowerCutError:
            self.log.add(self.name, "flash", detail=f"cut in {'an erase' if erase else 'a write'}")
            self.processor.cut("power lost during a flash write")
            raise
        return Answer(delay_s=self.erase_s if erase else 0.0)

    def _net_state(self, payload: bytes, _now: float) -> Answer:
        return Answer(int(self.wifi_up if payload[0] else self.link_up))

    def _hello(self, _payload: bytes, _now: float) -> Answer:
        return Answer()
