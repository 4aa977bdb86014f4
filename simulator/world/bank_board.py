"""The board of a wall of lockers: lock boards, coils, doors, item sensors, lights, keypad, display."""

import random
from collections.abc import Callable
from datetime import datetime
from errno import EINVAL

from firmware import pins
from simulator.world.board import Board, Gpio
from simulator.world.chips.display import Display
from simulator.world.chips.lockboard import LockBoard
from simulator.world.chips.mcp23017 import Mcp23017
from simulator.world.doors import Door, Happening
from simulator.world.line import Line
from simulator.world.log import Log
from simulator.world.plan import ControllerPlan
from simulator.world.wire import Answer

KEYS = ("123", "456", "789", "*0#")
CUTOFF_S = pins.BANK_COIL_CUTOFF_MS / 1000
"""The monostable behind COIL_EN ends a coil's current by then, whatever the processor does."""

LONGEST_COIL_S = 1.0
"""A coil on for longer breaks a rule of the world."""

_OUT, _OPEN_DRAIN = 3, 7


class BankBoard(Board):
    """Doors, keys and lights of one wall."""

    prefix = "BANK"
    wires = ("OW_CHILLED", "OW_FROZEN")

    def __init__(
        self,
        plan: ControllerPlan,
        log: Log,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
        chance: random.Random,
    ) -> None:
        super().__init__(plan, log, clock, wall, chance)
        self.doors = {door.number: Door(door.number, random.Random(chance.random())) for door in plan.doors}
        self.display = Display()
        self.keys_down: set[str] = set()
        self.box_open = False
        self.blind: set[int] = set()
        """Doors whose item receiver sees light with the emitters off."""
        self.dirty: set[int] = set()
        """Doors whose item receiver sees none with them on."""
        self.line = Line()
        self._monostable_until: float | None = None
        self._coils: dict[int, float] = {}
        """Doors whose coil is on, and since when."""
        self._lit: set[int] = set()
        self._signals: dict[str, bool] = {}
        self._at: dict[tuple[int, int], int] = {(d.board, d.channel): d.number for d in plan.doors}
        """Door on a lock board's channel: where the lock's cable leads."""
        self._contact_at = dict(self._at)
        """The same of the contact's cable."""
        self.inverted: set[int] = set()
        """Lock boards whose feedback switches close when a door opens."""
        self.readers[self.pin("TAMPER")] = lambda: self.box_open
        self.scans = 0
        """Scans of the keypad that the program has begun: looks at the first column with every row low."""
        for column in range(3):
            self.readers[self.pin(f"KEY_COL{column + 1}")] = self._column_high(column)
        self._locks: Mcp23017 | None = None
        self._locks_index = 0
        for index, board in enumerate(plan.boards):
            if board.kind == "8a80":
                self.line.boards.append(LockBoard(board.address, board.locks, self._feedback(index)))
            else:
                self._locks = Mcp23017(self._contacts_of(index), self.refresh)
                self._locks_index = index
                self.chips[board.address] = self._locks
        self._lights: list[Mcp23017] = []
        for part in (1, 2):
            self.chips[self.pin(f"ADDR_ITEMS_{part}")] = Mcp23017(self._receivers(part - 1))
            lights = Mcp23017(changed=self._lights_changed)
            self._lights.append(lights)
            self.chips[self.pin(f"ADDR_LEDS_{part}")] = lights
        self.chips[self.pin("ADDR_DISPLAY")] = self.display

    # ---- power ---------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Every chip in its state after power-on."""
        self._power_chips()
        super().power_on()

    def power_off(self) -> None:
        """Outputs fall, coils with them; doors stay as they are."""
        self._power_chips()
        super().power_off()

    def _power_chips(self) -> None:
        for chip in self.chips.values():
            if isinstance(chip, Mcp23017):
                chip.power_on()
        self.display.power_on()
        self.line.power_off()
        for board in self.line.boards:
            board.power_off()

    def processor_reset(self) -> None:
        """Pins fall back to their pulls: COIL_EN low."""
        super().processor_reset()
        self._monostable_until = None
        self._pins_to_world(self.moment())
        self.refresh()

    # ---- what is read --------------------------------------------------------------------------------------

    def _feedback(self, index: int) -> Callable[[int], bool]:
        def is_open(channel: int) -> bool:
            number = self._contact_at.get((index, channel))
            if number is None:
                return False
            return self.doors[number].contact(self.moment()) != (index in self.inverted)

        return is_open

    def swap_cables(self, one: int, other: int, *, locks: bool = True, contacts: bool = True) -> None:
        """Two doors' cables are plugged into each other's places on RS-485 lock boards."""
        for wanted, places in ((locks, self._at), (contacts, self._contact_at)):
            if wanted:
                first, second = (next(at for at, door in places.items() if door == n) for n in (one, other))
                places[first], places[second] = other, one

    def _contacts_of(self, index: int) -> Callable[[], int]:
        """Port B of the on-board lock driver: 1 = open; port A is driven by the chip itself."""

        def levels() -> int:
            value = 0xFFFF
            for door in self.plan.doors:
                if door.board == index and not self.doors[door.number].contact(self.moment()):
                    value &= ~(1 << (8 + door.channel - 1))
            return value

        return levels

    def _receivers(self, index: int) -> Callable[[], int]:
        """One chip has the receivers of one lock board's doors, bit by channel."""

        def levels() -> int:
            lit = self.output("IR_EN")
            value = 0xFFFF
            for door in self.plan.doors:
                if door.board == index and door.item_sensor and self._sees_light(door.number, lit):
                    value &= ~(1 << (door.channel - 1))
            return value

        return levels

    def _sees_light(self, number: int, emitters: bool) -> bool:
        if number in self.blind:
            return True
        return emitters and number not in self.dirty and not self.doors[number].items

    def _column_high(self, column: int) -> Callable[[], bool]:
        """A keypad column falls when a pressed key's row is driven low."""
        keys = {row[column]: self.pin(f"KEY_ROW{index + 1}") for index, row in enumerate(KEYS)}

        def is_high() -> bool:
            if column == 0 and all(map(self._pulled_low, keys.values())):
                self.scans += 1
            return not any(key in keys and self._pulled_low(keys[key]) for key in self.keys_down)

        return is_high

    def _pulled_low(self, row: int) -> bool:
        gpio = self.gpios.get(row)
        return gpio is not None and gpio.mode in (_OUT, _OPEN_DRAIN) and not gpio.level

    # ---- what is driven ------------------------------------------------------------------------------------

    def pin_moved(self, gpio: int, now: float) -> None:
        """COIL_EN starts the monostable, DE turns the line, buzzer and alarm light are seen."""
        if gpio in (self.pin("COIL_EN"), self.pin("RS485_DE"), self.pin("BUZZER"), self.pin("LED_ALARM")):
            self._pins_to_world(now)
            self.refresh()

    def _pins_to_world(self, now: float) -> None:
        enabled = self.output("COIL_EN")
        if not enabled:
            self._monostable_until = None
        elif self._monostable_until is None:
            self._monostable_until = now + CUTOFF_S
        self.line.drive(self.output("RS485_DE"), now)
        for net in ("BUZZER", "LED_ALARM"):
            on = self.output(net)
            if self._signals.get(net, False) != on:
                self._signals[net] = on
                self.log.add(self.name, net.lower(), detail="on" if on else "off", at=now)

    def _lights_changed(self) -> None:
        if len(self._lights) < 2:
            return  # still being built
        lit = self.lit
        for number in sorted(lit ^ self._lit):
            self.log.add(self.name, "led", number, "on" if number in lit else "off")
        self._lit = lit

    @property
    def lit(self) -> set[int]:
        """Doors whose light is on."""
        return {
            door.number
            for door in self.plan.doors
            if door.board < len(self._lights) and self._lights[door.board].driven >> (door.channel - 1) & 1
        }

    def energised(self, now: float) -> set[int]:
        """Doors whose coil has current at `now`."""
        wanted: set[tuple[int, int]] = set()
        if not self.powered:
            return set()
        rs485 = [index for index, board in enumerate(self.plan.boards) if board.kind == "8a80"]
        for index, lock_board in zip(rs485, self.line.boards, strict=True):
            wanted |= {(index, channel) for channel in lock_board.energised(now)}
        if self._locks is not None and self._monostable_until is not None and now < self._monostable_until:
            wanted |= {(self._locks_index, bit + 1) for bit in range(8) if self._locks.driven >> bit & 1}
        return {self._at[place] for place in wanted if place in self._at}

    # ---- time ----------------------------------------------------------------------------------------------

    def times(self) -> list[float | None]:
        """Frames on the line, ends of pulses, springs and hands at work."""
        now = self.moment()
        times = [*super().times(), self.line.next_change()]
        times += [board.next_change(now) for board in self.line.boards]
        times += [door.next_change(now) for door in self.doors.values()]
        if self._monostable_until is not None and self._monostable_until > now:
            times.append(self._monostable_until)
        return times

    def happen(self, at: float) -> None:
        """Deliver frames, switch coils, move doors."""
        super().happen(at)
        self.line.advance(at)
        self._switch_coils(at)
        for door in self.doors.values():
            self.note(door.number, door.advance(at))

    def refresh(self) -> None:
        """Coils follow at once what drives them."""
        self._switch_coils(self.moment())
        super().refresh()

    def _switch_coils(self, now: float) -> None:
        on = self.energised(now)
        for number in sorted(set(self._coils) - on):
            since = self._coils.pop(number)
            self.log.add(self.name, "coil_off", number, f"{(now - since) * 1000:.0f} ms", at=now)
            if now - since > LONGEST_COIL_S:
                self.log.add(self.name, "broken", number, "a coil was on for too long", at=now)
            self.note(number, self.doors[number].coil(False, now))
        for number in sorted(on - set(self._coils)):
            if self._coils:
                self.log.add(
                    self.name, "broken", number, f"a second coil beside {sorted(self._coils)}", at=now
                )
            self._coils[number] = now
            self.log.add(self.name, "coil_on", number, at=now)
            self.note(number, self.doors[number].coil(True, now))

    def note(self, number: int, happenings: list[Happening]) -> None:
        """Write down what a door did; the zone behind it feels it."""
        for happening in happenings:
            self.log.add(self.name, happening.kind, number, happening.detail, at=happening.at)
        if happenings:
            for zone in self.zones.values():
                doors = [d.number for d in self.plan.doors if d.zone == zone.id]
                opened = [n for n in doors if self.doors[n].is_open]
                zone.space.open_share = len(opened) / len(doors) if doors else 0.0

    # ---- serial port ---------------------------------------------------------------------------------------

    def uart_init(self, payload: bytes, _now: float) -> Answer:
        """The lock boards' port; another pin or number has nothing on it."""
        port, tx, rx = payload[:3]
        if port != self.pin("RS485_UART_ID") or tx != self.pin("RS485_TX") or rx != self.pin("RS485_RX"):
            return Answer(error=EINVAL)
        self.line.baud = int.from_bytes(payload[3:7], "little")
        return Answer()

    def uart_write(self, payload: bytes, now: float) -> Answer:
        """Bytes for the line."""
        self.line.write(payload[1:], now)
        self.refresh()
        return Answer(len(payload) - 1)

    def uart_any(self, _payload: bytes, now: float) -> Answer:
        """How many bytes wait."""
        return Answer(self.line.available(now))

    def uart_read(self, payload: bytes, now: float) -> Answer:
        """Those bytes."""
        data = self.line.read(int.from_bytes(payload[1:3], "little"), now)
        return Answer(len(data), data)

    def uart_txdone(self, _payload: bytes, now: float) -> Answer:
        """Whether the last bit has left."""
        return Answer(int(self.line.sent(now)))

    def drive(self, gpio: int, level: int) -> None:
        """Set a pin as the program would: for tests without an interpreter."""
        pin = self.gpios.setdefault(gpio, Gpio())
        pin.mode, pin.level = _OUT, level
        self.pin_moved(gpio, self.clock())
