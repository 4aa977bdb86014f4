"""Which driver hangs on which pin of each board; the only file that knows both `machine` and the drivers.

Pins, buses and addresses come from `firmware.pins`, which is generated from the boards' descriptions.
"""

import machine
import network
import onewire

from firmware import pins
from firmware.contract import config
from firmware.drivers.clock_ds3231 import ClockDs3231
from firmware.drivers.display import Display
from firmware.drivers.ds18b20 import ProbeBus
from firmware.drivers.ethernet import Ethernet
from firmware.drivers.items import Items
from firmware.drivers.keypad import Keypad
from firmware.drivers.leds import Leds
from firmware.drivers.lockboard_8a80 import LockBoard8a80, Rs485
from firmware.drivers.lockboard_mcp import INPUTS, LockBoardMcp
from firmware.drivers.mcp23017 import Mcp23017
from firmware.drivers.wifi import Wifi
from firmware.drivers.wire import Wire
from firmware.services.identity import BANK_BOARD, Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.contract.config import Board as BoardConfig
    from firmware.drivers.seams import Callback, InputPin, LockBoard, OutputPin, Uplink


def _out(number: int) -> "OutputPin":
    return machine.Pin(number, machine.Pin.OUT, value=0)


def _in(number: int) -> "InputPin":
    return machine.Pin(number, machine.Pin.IN)


class Cutoff:
    """A hardware timer that ends a pulse."""

    def __init__(self) -> None:
        self._timer = machine.Timer(0)

    def start(self, __period_ms: int, __callback: "Callback") -> None:
        """Call once, after the period."""
        self._timer.init(mode=machine.Timer.ONE_SHOT, period=__period_ms, callback=__callback)

    def stop(self) -> None:
        """Do not call."""
        self._timer.deinit()


class Common:
    """What both boards have."""

    def __init__(self, i2c_id: int, sda: int, scl: int, hz: int, clock: int) -> None:
        bus = machine.I2C(i2c_id, scl=machine.Pin(scl), sda=machine.Pin(sda), freq=hz)
        self.wire = Wire(bus)
        self.clock = ClockDs3231(self.wire, clock)

    def probe_buses(self, numbers: tuple[int, ...]) -> list[ProbeBus]:
        """One 1-Wire bus a pin."""
        return [ProbeBus(onewire.OneWire(machine.Pin(number))) for number in numbers]


class Bank:
    """What only the wall has: keypad, display, item sensors, lights, lock boards."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.display = Display(wire, pins.BANK_ADDR_DISPLAY)
        rows = (pins.BANK_KEY_ROW1, pins.BANK_KEY_ROW2, pins.BANK_KEY_ROW3, pins.BANK_KEY_ROW4)
        columns = (pins.BANK_KEY_COL1, pins.BANK_KEY_COL2, pins.BANK_KEY_COL3)
        self.keypad = Keypad(
            [machine.Pin(number, machine.Pin.OPEN_DRAIN, value=1) for number in rows],
            [machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_UP) for number in columns],
        )
        receivers = (pins.BANK_ADDR_ITEMS_1, pins.BANK_ADDR_ITEMS_2)
        self.items = Items(
            [Mcp23017(wire, address, 0xFFFF, 0) for address in receivers], _out(pins.BANK_IR_EN)
        )
        lights = (pins.BANK_ADDR_LEDS_1, pins.BANK_ADDR_LEDS_2)
        self.leds = Leds([Mcp23017(wire, address, 0, 0) for address in lights])
        self.tamper = _in(pins.BANK_TAMPER)
        self._enable = _out(pins.BANK_COIL_EN)
        self._timer = Cutoff()
        self._serial: Rs485 | None = None

    def _rs485(self) -> Rs485:
        if self._serial is None:
            port = machine.UART(
                pins.BANK_RS485_UART_ID,
                baudrate=pins.BANK_RS485_BAUD,
                tx=machine.Pin(pins.BANK_RS485_TX),
                rx=machine.Pin(pins.BANK_RS485_RX),
            )
            self._serial = Rs485(port, _out(pins.BANK_RS485_DE))
        return self._serial

    def lock_board(self, __board: "BoardConfig") -> "LockBoard | None":
        """The driver of a configured lock board; None for an address this wall's bus does not have."""
        if __board.kind == config.RS485:
            return (
                LockBoard8a80(self._rs485(), __board.address, __board.locks)
                if __board.address <= 31
                else None
            )
        chip = Mcp23017(self._wire, __board.address, INPUTS, INPUTS)
        driver = LockBoardMcp(chip, self._enable, self._timer, pins.BANK_COIL_PULSE_MOST_MS)
        driver.setup()
        return driver


class Board:
    """One board with all its drivers; `bank` is None on the cold rooms' controller."""

    def __init__(self, identity: Identity) -> None:
        self.bank: Bank | None = None
        self.contacts: "list[InputPin]" = []
        if identity.board == BANK_BOARD:
            common = Common(
                pins.BANK_I2C_ID,
                pins.BANK_I2C_SDA,
                pins.BANK_I2C_SCL,
                pins.BANK_I2C_HZ,
                pins.BANK_ADDR_CLOCK,
            )
            self.bank = Bank(common.wire)
            self.probe_buses = common.probe_buses((pins.BANK_OW_CHILLED, pins.BANK_OW_FROZEN))
            self.buzzer, self.light = _out(pins.BANK_BUZZER), _out(pins.BANK_LED_ALARM)
            self.mains = _in(pins.BANK_MAINS_OK)
            self.revision = pins.BANK_HARDWARE_REVISION
        else:
            common = Common(
                pins.ROOM_I2C_ID,
                pins.ROOM_I2C_SDA,
                pins.ROOM_I2C_SCL,
                pins.ROOM_I2C_HZ,
                pins.ROOM_ADDR_CLOCK,
            )
            self.probe_buses = common.probe_buses((pins.ROOM_OW_ROOM1, pins.ROOM_OW_ROOM2))
            self.contacts = [_in(pins.ROOM_DOOR_ROOM1), _in(pins.ROOM_DOOR_ROOM2)]
            self.buzzer, self.light = _out(pins.ROOM_BUZZER), _out(pins.ROOM_LED_ALARM)
            self.mains = _in(pins.ROOM_MAINS_OK)
            self.revision = pins.ROOM_HARDWARE_REVISION
        self.wire = common.wire
        self.clock = common.clock

    def uplinks(self, identity: Identity) -> "list[Uplink]":
        """The cable first, the radio second if the identity names a network."""
        ports: "list[Uplink]" = []
        ports.append(Ethernet(_lan(identity.board == BANK_BOARD)))
        if identity.wifi is not None:
            ports.append(Wifi(network.WLAN(network.STA_IF), identity.wifi[0], identity.wifi[1]))
        return ports


class Lan:
    """`network.LAN` with the method that its type stubs forget."""

    def __init__(self, lan: network.LAN) -> None:
        self._lan = lan

    def active(self, __is_active: bool) -> None:
        """Switch on or off."""
        self._lan.active(__is_active)

    def isconnected(self) -> bool:
        """True if link and address are there."""
        ask: object = getattr(self._lan, "isconnected", None)
        return callable(ask) and ask() is True


def _lan(bank: bool) -> Lan:
    # Both boards carry the same W5500 on the same pins today; each is still asked for its own.
    spi = machine.SPI(
        pins.BANK_ETH_SPI_ID if bank else pins.ROOM_ETH_SPI_ID,
        baudrate=pins.BANK_ETH_SPI_HZ if bank else pins.ROOM_ETH_SPI_HZ,
        sck=machine.Pin(pins.BANK_ETH_SCK if bank else pins.ROOM_ETH_SCK),
        mosi=machine.Pin(pins.BANK_ETH_MOSI if bank else pins.ROOM_ETH_MOSI),
        miso=machine.Pin(pins.BANK_ETH_MISO if bank else pins.ROOM_ETH_MISO),
    )
    reset = machine.Pin(pins.BANK_ETH_RST if bank else pins.ROOM_ETH_RST, machine.Pin.OUT, value=0)
    reset.value(1)
    # The ESP32's LAN takes the SPI and its pins by keyword; the stubs know only another port's keywords.
    options: dict[str, object] = {
        "phy_type": network.PHY_W5500,
        "phy_addr": 1,
        "spi": spi,
        "cs": machine.Pin(pins.BANK_ETH_CS if bank else pins.ROOM_ETH_CS),
        "int": machine.Pin(pins.BANK_ETH_INT if bank else pins.ROOM_ETH_INT),
    }
    return Lan(network.LAN(**options))
