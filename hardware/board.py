"""The shape of a board description and of the module it carries, and how they are read from TOML.

Everything is an integer with its unit in the name (`_ma`, `_mv`, `_ohm`, `_hz`). Unknown keys are refused.
Whether the description makes sense electrically is asked in `rules`, not here.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from hardware.circuits import Cutoff, HoldUp, Strict

HERE = Path(__file__).resolve().parent
BOARD_NAMES = ("locker-bank", "cold-room")

Level = Literal["low", "high", "any"]
Pull = Literal["up", "down", "none"]
_RANGE = re.compile(r"([A-Z][A-Z0-9_]*?)(\d+)\.\.(\d+)")


def expand_nets(names: object) -> object:
    """Spell out ranges: `["DOOR1..3", "GND"]` becomes `("DOOR1", "DOOR2", "DOOR3", "GND")`. Other values
    pass through.
    """
    if not isinstance(names, list):
        return names
    spelled: list[object] = []
    for name in names:
        match = _RANGE.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            spelled.append(name)
        else:
            stem, first, last = match[1], int(match[2]), int(match[3])
            spelled.extend(f"{stem}{number}" for number in range(first, last + 1))
    return tuple(spelled)


Nets = Annotated[tuple[str, ...], BeforeValidator(expand_nets)]


class Strap(Strict):
    """A pin that the boot ROM samples: `level` is what a normal start from flash needs."""

    gpio: int
    level: Level
    why: str


class Module(Strict):
    """What the processor module's datasheet says of its pins. Lists are GPIO numbers."""

    part: str
    flash_mb: int
    octal_psram: bool
    source: str
    brought_out: tuple[int, ...]
    flash: tuple[int, ...]
    octal: tuple[int, ...]
    usb: tuple[int, ...]
    console: tuple[int, ...]
    input_only: tuple[int, ...]
    reset_pull_up: tuple[int, ...]
    reset_pull_down: tuple[int, ...]
    glitch_high: tuple[int, ...]
    straps: tuple[Strap, ...]

    def reset_state(self, gpio: int) -> str:
        """The pin between power-up and the first line of firmware, in words for a table."""
        state = "floating input"
        if gpio in self.reset_pull_up:
            state = "weak pull-up"
        elif gpio in self.reset_pull_down:
            state = "weak pull-down"
        return f"{state}, high glitch at power-up" if gpio in self.glitch_high else state


class Pin(Strict):
    """One GPIO of the module. `boot` is the level its net must rest at before the firmware owns it; `pull`
    the resistor that sees to it. `role` tells the rules how much harm the pin can do.
    """

    gpio: int
    net: str
    direction: Literal["in", "out", "open-drain", "bidirectional"]
    function: str
    role: Literal["coil", "actuator", "signal", "boot", "usb", "console", "revision"] = "signal"
    boot: Level = "any"
    pull: Pull = "none"
    pull_ohm: int = 0

    @property
    def drives(self) -> bool:
        """Whether the firmware ever drives the net."""
        return self.direction != "in"

    @property
    def is_for_firmware(self) -> bool:
        """Boot button, USB and console belong to the chip's ROM; the firmware never names them."""
        return self.role not in ("boot", "usb", "console")


class Port(Strict):
    """Eight lines of an expander, in bit order: `nets[0]` is bit 0. `ma_each` is what one line may source
    or sink.

    `accepted` says why an input may lie on a line that the maker wants used as an output only.
    """

    name: str
    direction: Literal["in", "out"]
    nets: Nets
    meaning: str
    role: Literal["coil", "actuator", "signal"] = "signal"
    pull: Pull = "none"
    pull_ohm: int = 0
    ma_each: int = 0
    accepted: str = ""


class Chip(Strict):
    """A part with a job, or `qty` of the same side by side. I2C chips name their bus, address, constant and
    limits; `nets` are all other nets it touches. `ma` is drawn from `rail`; `outputs_max_ma` is the package
    limit for all its lines together; `output_only_bits` are the lines of each port that the datasheet no
    longer admits as inputs.
    """

    ref: str
    part: str
    why: str
    rail: str
    ma: int
    qty: int = 1
    nets: Nets = ()
    bus: str | None = None
    address: int | None = None
    addresses: tuple[int, ...] = ()
    constant: str | None = None
    max_hz: int = 0
    outputs_max_ma: int = 0
    output_only_bits: tuple[int, ...] = ()
    ports: tuple[Port, ...] = ()


class Connector(Strict):
    """`nets[0]` is pin 1."""

    ref: str
    part: str
    why: str
    nets: Nets


class I2c(Strict):
    """`id` is MicroPython's `machine.I2C` number."""

    name: str
    id: int
    sda: str
    scl: str
    hz: int


class Rs485(Strict):
    """Half-duplex UART with a direction pin; `id` is MicroPython's `machine.UART` number. Always 8N1."""

    id: int
    tx: str
    rx: str
    de: str
    baud: int


class LockBoard(Strict):
    """A board of the 8A/80 family on the RS-485 bus. `ma` is its own draw, coils aside."""

    name: str
    address: int
    locks: int
    rail: str
    ma: int
    part: str
    why: str


class Spi(Strict):
    """`id` is MicroPython's `machine.SPI` number (1 is the chip's SPI2), `host` the chip's own name."""

    id: int
    host: str
    sck: str
    mosi: str
    miso: str
    cs: str
    interrupt: str
    reset: str
    hz: int


class OneWire(Strict):
    """A probe bus of one cooled zone or room; `ma_each` is drawn from `rail` by each converting probe."""

    net: str
    zone: str
    probes: int
    rail: str
    ma_each: int
    part: str
    why: str


class Coils(Strict):
    """The locks' coils: current of the hungriest admitted lock, how many may be on at once, what drives and
    gates them.
    """

    rail: str
    least_ma: int
    most_ma: int
    at_once: int
    enable: str
    driver: str
    driver_ma: int
    cutoff: Cutoff
    lockout: tuple[str, ...] = ()
    """Chips between the commands and the drivers that let one command through at a time, the first and the
    last of the chain.
    """


class Rail(Strict):
    """A supply. `fed_by` is another rail through a converter of `efficiency_percent`, or none for the mains
    supply.
    """

    name: str
    mv: int
    capacity_ma: int
    headroom_percent: int
    part: str
    why: str
    fed_by: str | None = None
    efficiency_percent: int = 100


class Load(Strict):
    """A consumer that is not a chip of the board: `count` of them, all on at once."""

    name: str
    rail: str
    ma: int
    count: int
    part: str
    why: str


class Part(Strict):
    """A line of the bill of materials that nothing else in the description implies."""

    part: str
    qty: int
    why: str


class Cable(Strict):
    """What hangs on a connector, or on a rail's own terminals (`source`), pole by pole: `ends` are the
    device's names of its terminals, the nets' own if there are none.

    `ma` flows out through the first pole that is a supply, and back; 0: signals only. The area of a
    conductor is in hundredths of a square millimetre.
    """

    source: str
    device: str
    length_m: int
    area_mm2_x100: int
    why: str
    ends: tuple[str, ...] = ()
    ma: int = 0
    fuse_ma: int = 0

    def drop_mv(self) -> int:
        """What is lost out and back in copper at 20 degrees (0.0175 ohm mm2/m), rounded up."""
        return -(-2 * self.length_m * self.ma * 175 // (100 * self.area_mm2_x100))


class Board(Strict):
    """A whole board. `prefix` begins each of its constants in the firmware's pin map."""

    name: str
    title: str
    prefix: str
    revision: int
    module: str
    summary: str
    notes: tuple[str, ...]
    pins: tuple[Pin, ...]
    chips: tuple[Chip, ...]
    connectors: tuple[Connector, ...]
    rails: tuple[Rail, ...]
    holdup: HoldUp
    spi: Spi
    i2c: tuple[I2c, ...]
    onewire: tuple[OneWire, ...]
    rs485: Rs485 | None = None
    lock_boards: tuple[LockBoard, ...] = ()
    coils: Coils | None = None
    loads: tuple[Load, ...] = ()
    parts: tuple[Part, ...] = ()
    cables: tuple[Cable, ...] = ()

    def poles(self, cable: Cable) -> tuple[str, ...]:
        """The nets of a cable, in the order of its poles; empty if its source is nothing of this board."""
        if cable.source in [rail.name for rail in self.rails]:
            return (cable.source, "GND")
        return next((each.nets for each in self.connectors if each.ref == cable.source), ())

    def pin(self, net: str) -> Pin | None:
        """The GPIO that carries a net, if one does."""
        return next((pin for pin in self.pins if pin.net == net), None)

    def ends_of(self, net: str) -> list[str]:
        """Where a net can be found besides the module, as `U2` or `J3.4`, in the order of the description."""
        ends = [chip.ref for chip in self.chips if net in chip_nets(self, chip)]
        for connector in self.connectors:
            ends += [f"{connector.ref}.{at}" for at, name in enumerate(connector.nets, 1) if name == net]
        return ends


def chip_nets(board: Board, chip: Chip) -> set[str]:
    """Every signal net a chip touches: its own, its ports' and its bus's."""
    nets = set(chip.nets)
    for port in chip.ports:
        nets.update(port.nets)
    for bus in board.i2c:
        if bus.name == chip.bus:
            nets.update((bus.sda, bus.scl))
    return nets


def read_toml(path: Path) -> dict[str, Any]:
    """The raw data of a description, as the tests bend it."""
    with path.open("rb") as file:
        return tomllib.load(file)


def board_path(name: str) -> Path:
    """Where the description of a board lies."""
    return HERE / "boards" / f"{name}.toml"


def load_board(name: str) -> Board:
    """Read a board (`locker-bank` or `cold-room`). Raises pydantic's `ValidationError` on data of the wrong
    shape.
    """
    return Board.model_validate(read_toml(board_path(name)))


def load_module(name: str) -> Module:
    """Read a processor module by the name that boards give it."""
    return Module.model_validate(read_toml(HERE / "modules" / f"{name}.toml"))
