"""The checks that a board description must pass before anything is derived from it.

Each rule is a plain function from a board and its module to the faults it finds; `check` runs them all, so
that whoever edits a board sees every mistake at once. Sources: Espressif's ESP32-S3 datasheet and hardware
design guidelines for the pins, NXP UM10204 for I2C, the lock boards' address switches (1 to 31), and a
driver of at least twice the coil current.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from hardware import faults
from hardware.board import Board, Coils, Module, chip_nets
from hardware.power import budgets, holdup_ms

COIL_PULL_MOST_OHM = 10_000
"""A coil's pull-down must beat leakage and coupled noise of the lock wires; weaker ones are refused."""

GROUND = "GND"

DROP_MOST_PERCENT = 5
"""A lock rated 12 V still opens at 0.9 of it (its makers say 10 to 15 %); its two cables share that."""


def check(board: Board, module: Module) -> list[faults.BoardFault]:
    """Every fault of a board, in the order of the rules. An empty list means that the board may be built."""
    found = [fault for pin_rule in PIN_RULES for fault in pin_rule(board, module)]
    return found + [fault for rule in BOARD_RULES for fault in rule(board)]


def repeated(board: Board) -> Iterator[faults.BoardFault]:
    """GPIOs, nets and reference designators are used once."""
    for gpio, times in Counter(pin.gpio for pin in board.pins).items():
        if times > 1:
            nets = ", ".join(pin.net for pin in board.pins if pin.gpio == gpio)
            yield faults.PinUsedTwice(f"{board.name}: GPIO{gpio} carries {nets}")
    names = [pin.net for pin in board.pins]
    names += [net for chip in board.chips for port in chip.ports for net in port.nets]
    for net, times in Counter(names).items():
        if times > 1:
            yield faults.NetUsedTwice(f"{board.name}: {net} is declared {times} times")
    refs = [chip.ref for chip in board.chips] + [connector.ref for connector in board.connectors]
    for ref, times in Counter(refs).items():
        if times > 1:
            yield faults.RefUsedTwice(f"{board.name}: {times} parts are called {ref}")


def reserved_pins(board: Board, module: Module) -> Iterator[faults.BoardFault]:
    """Pins that the module keeps for itself, for USB, or for the boot ROM's messages."""
    for pin in board.pins:
        what = f"{board.name}: GPIO{pin.gpio} ({pin.net})"
        if pin.gpio in module.flash or (module.octal_psram and pin.gpio in module.octal):
            yield faults.FlashPin(f"{what} belongs to the memory of {module.part}")
        elif pin.gpio not in module.brought_out:
            yield faults.NoSuchPin(f"{what} is not a pin of {module.part}")
        if pin.gpio in module.usb and pin.role != "usb":
            yield faults.UsbPin(f"{what}: keep it for USB, the way to flash a board in the field")
        if pin.gpio in module.console and pin.role != "console":
            yield faults.ConsolePin(f"{what}: the boot ROM prints here at each start")
        if pin.gpio in module.input_only and pin.drives:
            yield faults.InputOnlyPin(f"{what} can only read, {pin.direction} wanted")


def strapping_pins(board: Board, module: Module) -> Iterator[faults.BoardFault]:
    """A strapping pin never moves anything, and rests at the level that a normal start needs."""
    straps = {strap.gpio: strap for strap in module.straps}
    for pin in board.pins:
        strap = straps.get(pin.gpio)
        if strap is None:
            continue
        what = f"{board.name}: GPIO{pin.gpio} ({pin.net}) is read by the boot ROM: {strap.why}"
        if pin.role in ("coil", "actuator"):
            yield faults.StrappingPin(f"{what}; not for a {pin.role}")
        elif strap.level != "any" and pin.pull != {"high": "up", "low": "down"}[strap.level]:
            yield faults.StrappingPin(f"{what}; it needs a resistor that holds it {strap.level}")


def reset_levels(board: Board, module: Module) -> Iterator[faults.BoardFault]:
    """Before the firmware owns an output, a resistor holds it where nothing happens; what moves things
    rests low.
    """
    for pin in board.pins:
        if not pin.drives:
            continue
        what = f"{board.name}: GPIO{pin.gpio} ({pin.net})"
        moves = pin.role in ("coil", "actuator")
        floats_up = pin.gpio in module.reset_pull_up and pin.pull == "none"
        if pin.direction == "out" and pin.boot != "high" and (pin.pull == "up" or floats_up):
            yield faults.HighAtReset(f"{what} is pulled high until the firmware owns it")
        elif moves and pin.boot == "high":
            yield faults.HighAtReset(f"{what} moves something and must rest low")
        elif moves and pin.gpio in module.glitch_high:
            yield faults.HighAtReset(f"{what} glitches high at power-up")
        elif moves and pin.pull != "down":
            yield faults.UndefinedAtReset(f"{what} moves something and has no pull-down")
        elif pin.boot != "any" and pin.pull != {"high": "up", "low": "down"}[pin.boot]:
            yield faults.UndefinedAtReset(f"{what} must rest {pin.boot}, and no resistor holds it there")


def revision(board: Board) -> Iterator[faults.BoardFault]:
    """Straps `REV0`, `REV1` … read as a number are the board's revision, so that a program can refuse a
    board that it was not written for.
    """
    straps = [pin for pin in board.pins if pin.role == "revision"]
    said = sum(1 << int(pin.net.removeprefix("REV")) for pin in straps if pin.pull == "up")
    if any(pin.pull == "none" for pin in straps) or said != board.revision:
        yield faults.RevisionStraps(f"{board.name}: its straps say {said}, it is revision {board.revision}")


def coils(board: Board) -> Iterator[faults.BoardFault]:
    """A coil has a strong pull-down, a gate on a pin of its own, a hardware cut-off, a driver with reserve,
    and company of none.
    """
    lines = [port for chip in board.chips for port in chip.ports if port.role == "coil"]
    gates = [pin for pin in board.pins if pin.role == "coil"]
    for port in lines:
        if port.pull != "down" or not 0 < port.pull_ohm <= COIL_PULL_MOST_OHM:
            yield faults.CoilUnguarded(
                f"{board.name}: {port.nets[0]} and its neighbours need a pull-down "
                f"of at most {COIL_PULL_MOST_OHM} ohm"
            )
    for pin in gates:
        if pin.pull == "down" and not 0 < pin.pull_ohm <= COIL_PULL_MOST_OHM:
            yield faults.CoilUnguarded(
                f"{board.name}: {pin.net} needs a pull-down of at most {COIL_PULL_MOST_OHM} ohm"
            )
    circuit = board.coils
    if circuit is None:
        if lines or gates:
            yield faults.CoilUnguarded(f"{board.name} has coil lines and describes no cut-off for them")
        return
    if circuit.enable not in [pin.net for pin in gates]:
        yield faults.CoilUnguarded(
            f"{board.name}: {circuit.enable} is not a pin with the role of a coil gate"
        )
    if circuit.cutoff.longest_ms() > circuit.cutoff.limit_ms:
        yield faults.CutoffTooLong(
            f"{board.name}: the monostable may last {circuit.cutoff.longest_ms()} ms, "
            f"limit {circuit.cutoff.limit_ms} ms"
        )
    if circuit.at_once != 1:
        yield faults.TooManyCoils(f"{board.name}: {circuit.at_once} coils at once, one is allowed")
    yield from lock_out(board, circuit)
    if circuit.driver_ma < 2 * circuit.most_ma:
        yield faults.DriverTooWeak(
            f"{board.name}: {circuit.driver} carries {circuit.driver_ma} mA, "
            f"a coil of {circuit.most_ma} mA asks for twice that"
        )


def lock_out(board: Board, circuit: Coils) -> Iterator[faults.BoardFault]:
    """Between each coil's command and its driver stand chips that let one through: the first of them takes
    all commands, the last gives each driver its line, and no driver hears a command itself.
    """
    commands = {net for c in board.chips for port in c.ports if port.role == "coil" for net in port.nets}
    chips = {chip.ref: chip_nets(board, chip) for chip in board.chips}
    driver = chips.get(circuit.driver, set())
    guards = [chips[ref] for ref in circuit.lockout if ref in chips]
    if (
        not guards
        or not commands <= guards[0]
        or driver & commands
        or len(driver & guards[-1]) != len(commands)
    ):
        yield faults.NoLockOut(f"{board.name}: a program could switch on two coils of {circuit.driver}")


def cables(board: Board) -> Iterator[faults.BoardFault]:
    """Every connector has its cable, every cable as many ends as poles; copper and fuse fit the current."""
    mv = {rail.name: rail.mv for rail in board.rails} | {"COIL_SUPPLY": board.rails[0].mv}
    for connector in board.connectors:
        if connector.ref not in [cable.source for cable in board.cables]:
            yield faults.ConnectorUnwired(f"{board.name}: nothing hangs on {connector.ref} ({connector.why})")
    for cable in board.cables:
        poles = board.poles(cable)
        what = f"{board.name}: the cable from {cable.source} to {cable.device}"
        if not poles:
            yield faults.UnknownName(f"{what} starts at no connector and no rail")
        elif cable.ends and len(cable.ends) != len(poles):
            yield faults.ConnectorUnwired(f"{what} has {len(cable.ends)} ends and {len(poles)} poles")
        if cable.fuse_ma and cable.fuse_ma < cable.ma:
            yield faults.FuseTooSmall(f"{what} carries {cable.ma} mA behind a fuse of {cable.fuse_ma} mA")
        feed = next((pole for pole in poles if pole in mv), "")
        if cable.ma and (not feed or cable.drop_mv() * 100 > mv[feed] * DROP_MOST_PERCENT):
            yield faults.CableDrop(
                f"{what} loses {cable.drop_mv()} mV of {feed or 'no rail'}, "
                f"more than {DROP_MOST_PERCENT} %: use a thicker one"
            )


def buses(board: Board) -> Iterator[faults.BoardFault]:
    """I2C addresses are possible and single, no chip is clocked too fast; lock boards have addresses of
    their own.
    """
    speeds = {bus.name: bus.hz for bus in board.i2c}
    seen: dict[tuple[str, int], str] = {}
    for chip in board.chips:
        if chip.bus is None:
            continue
        if chip.bus not in speeds:
            yield faults.UnknownName(f"{board.name}: {chip.ref} is on a bus {chip.bus} that does not exist")
            continue
        if chip.address is None or chip.address not in chip.addresses:
            yield faults.I2cAddressImpossible(
                f"{board.name}: {chip.ref} ({chip.part}) cannot have {chip.address}"
            )
            continue
        other = seen.setdefault((chip.bus, chip.address), chip.ref)
        if other != chip.ref:
            yield faults.I2cAddressClash(
                f"{board.name}: {other} and {chip.ref} are both at {chip.address:#04x}"
            )
        if speeds[chip.bus] > chip.max_hz:
            yield faults.BusTooFast(
                f"{board.name}: {chip.ref} ({chip.part}) stands {chip.max_hz} Hz, "
                f"{chip.bus} runs at {speeds[chip.bus]} Hz"
            )
        for port in chip.ports:
            if port.direction == "in" and chip.output_only_bits and not port.accepted:
                lines = ", ".join(port.nets[bit] for bit in chip.output_only_bits)
                yield faults.OutputOnlyLine(
                    f"{board.name}: {lines} on {chip.ref} ({chip.part}) may only be an output"
                )
    for address, times in Counter(lock_board.address for lock_board in board.lock_boards).items():
        if times > 1 or not 1 <= address <= 31:
            yield faults.LockBoardAddress(
                f"{board.name}: {times} lock board(s) at address {address}, want one in 1 to 31"
            )


def currents(board: Board) -> Iterator[faults.BoardFault]:
    """Each rail carries its worst case with headroom; no chip's package carries more than it may."""
    rails = {rail.name for rail in board.rails}
    asked = [(chip.ref, chip.rail) for chip in board.chips] + [(load.name, load.rail) for load in board.loads]
    asked += [(bus.net, bus.rail) for bus in board.onewire]
    asked += [(lock_board.name, lock_board.rail) for lock_board in board.lock_boards]
    asked += [("coils", board.coils.rail)] if board.coils else []
    for who, rail in asked:
        if rail not in rails:
            yield faults.UnknownName(f"{board.name}: {who} is fed by a rail {rail} that does not exist")
    for at, converted in enumerate(board.rails):
        if converted.fed_by is not None and converted.fed_by not in [
            earlier.name for earlier in board.rails[:at]
        ]:
            yield faults.UnknownName(
                f"{board.name}: {converted.name} is fed by {converted.fed_by}, not a rail named before it"
            )
            return
    for budget in budgets(board):
        if budget.with_headroom_ma > budget.rail.capacity_ma:
            yield faults.RailOverBudget(
                f"{board.name}: {budget.rail.name} needs {budget.with_headroom_ma} mA with "
                f"{budget.rail.headroom_percent} % headroom, "
                f"{budget.rail.part} gives {budget.rail.capacity_ma} mA"
            )
    for chip in board.chips:
        outputs_ma = sum(port.ma_each * len(port.nets) for port in chip.ports)
        if outputs_ma > chip.outputs_max_ma:
            yield faults.ChipOverCurrent(
                f"{board.name}: the lines of {chip.ref} take {outputs_ma} mA, "
                f"the package stands {chip.outputs_max_ma} mA"
            )


def holdup(board: Board) -> Iterator[faults.BoardFault]:
    """What was begun when the supply failed can be finished."""
    wanted = board.holdup
    if wanted.rail not in [rail.name for rail in board.rails]:
        yield faults.UnknownName(f"{board.name}: the hold-up capacitor is on {wanted.rail}, which is no rail")
    elif (lasts_ms := holdup_ms(board)) < wanted.needs_ms:
        yield faults.HoldUpTooShort(
            f"{board.name}: {wanted.capacitor_uf} µF last {lasts_ms} ms at worst, "
            f"{wanted.needs_ms} ms are needed"
        )


def nets(board: Board) -> Iterator[faults.BoardFault]:
    """Every net has two ends, and every net that a bus names is a pin's."""
    known = {rail.name for rail in board.rails} | {GROUND}
    ends: Counter[str] = Counter(pin.net for pin in board.pins)
    ends.update(pin.net for pin in board.pins if pin.role == "revision")  # a resistor is their other end
    for chip in board.chips:
        ends.update(chip_nets(board, chip))
    for connector in board.connectors:
        ends.update(connector.nets)
    for net, times in ends.items():
        if times < 2 and net not in known:
            yield faults.NetGoesNowhere(f"{board.name}: {net} has one end only")
    spi = board.spi
    named = [spi.sck, spi.mosi, spi.miso, spi.cs, spi.interrupt, spi.reset]
    named += [net for bus in board.i2c for net in (bus.sda, bus.scl)]
    named += [bus.net for bus in board.onewire]
    named += [board.rs485.tx, board.rs485.rx, board.rs485.de] if board.rs485 else []
    for net in named:
        if board.pin(net) is None:
            yield faults.UnknownName(f"{board.name}: a bus names {net}, which is no pin's net")


PIN_RULES: tuple[Callable[[Board, Module], Iterator[faults.BoardFault]], ...] = (
    reserved_pins,
    strapping_pins,
    reset_levels,
)
BOARD_RULES: tuple[Callable[[Board], Iterator[faults.BoardFault]], ...] = (
    repeated,
    revision,
    coils,
    buses,
    currents,
    holdup,
    cables,
    nets,
)
