"""The way of a coil's current on a wall controller, and the three things that bound it without any program:
the gate's pull-down, the monostable, the lock-out. A row of current; one of commands below it.
"""

from hardware.board import Board, Coils
from hardware.drawing.canvas import HOT, WIRE, Canvas, wrapped

_WIDTH, _HEIGHT = 178, 92
_STEP = 236
_TOP, _BOTTOM = 90, 300


def render(board: Board, circuit: Coils) -> str:
    """The drawing."""
    parts = {chip.ref: chip.part for chip in board.chips}
    expander = next(c for c in board.chips for port in c.ports if port.role == "coil")
    port = next(port for port in expander.ports if port.role == "coil")
    gate = next(pin for pin in board.pins if pin.net == circuit.enable)
    switch = next(c for c in board.chips if "COIL_SUPPLY" in c.nets)
    mono = next(c for c in board.chips if circuit.enable in c.nets)
    cutoff, first, last = circuit.cutoff, circuit.lockout[0], circuit.lockout[-1]
    canvas = Canvas(
        f"{board.title}: the coils' rail",
        "Coil current flows only while the gate, the monostable and the lock-out all allow it.",
    )
    canvas.text(
        20, 30, f"{board.title} ({board.name}), revision {board.revision}: the coils' rail", bold=True
    )
    canvas.text(
        20,
        48,
        "brown: the coil's current   blue: commands   one at a time, bounded in time, off at reset",
    )

    upper = [
        (
            f"U1 GPIO{gate.gpio}",
            f"{circuit.enable}: {gate.pull_ohm // 1000} kohm down, low until the firmware owns it",
        ),
        (
            f"{mono.ref} {mono.part}",
            f"monostable {cutoff.resistor_ohm // 1000} kohm × {cutoff.capacitor_nf / 1000:g} µF: "
            f"{cutoff.shortest_ms()} to {cutoff.longest_ms()} ms, never above {cutoff.limit_ms}",
        ),
        (f"{switch.ref} {switch.part}", "high-side switch, 3 A limit, off when its input floats"),
        ("J10 locks", f"coils of {circuit.least_ma} to {circuit.most_ma} mA, a 1N4007 across each"),
    ]
    lower = [
        (
            f"{expander.ref} {expander.part}",
            f"at {expander.address:#04x}, port {port.name}; reset by EN; {port.pull_ohm // 1000} kohm down",
        ),
        (f"{first} {parts[first]}", "of several commands the highest gets a number"),
        (f"{last} {parts[last]}", "a number has one output"),
        (
            f"{circuit.driver} {parts[circuit.driver]} ×8",
            f"low-side switches, {circuit.driver_ma} mA, to GND",
        ),
    ]
    for row, blocks in ((_TOP, upper), (_BOTTOM, lower)):
        for at, (title, words) in enumerate(blocks):
            x = 20 + at * _STEP
            canvas.box(x, row, _WIDTH, _HEIGHT)
            canvas.text(x + 8, row + 18, title, bold=True)
            for line, part in enumerate(wrapped(words, 22)):
                canvas.text(x + 8, row + 36 + line * 15, part)
    _upper_wires(canvas, circuit)
    _lower_wires(canvas)
    y = _BOTTOM + _HEIGHT + 40
    for at, reason in enumerate(_why(circuit)):
        canvas.text(20, y + at * 18, reason)
    return canvas.render()


def _between(canvas: Canvas, row: int, at: int, net: str, ink: str, width: float = 1.5) -> None:
    x, y = 20 + at * _STEP + _WIDTH, row + _HEIGHT / 2
    canvas.wire([(x, y), (x + _STEP - _WIDTH, y)], ink=ink, width=width)
    canvas.text(x + (_STEP - _WIDTH) / 2, row - 8, net, anchor="middle", ink=ink)
    canvas.wire([(x + (_STEP - _WIDTH) / 2, row - 4), (x + (_STEP - _WIDTH) / 2, y)], ink=ink, width=0.5)


def _upper_wires(canvas: Canvas, circuit: Coils) -> None:
    _between(canvas, _TOP, 0, circuit.enable, WIRE)
    _between(canvas, _TOP, 1, "COIL_GATE", WIRE)
    _between(canvas, _TOP, 2, "COIL_SUPPLY", HOT, 3)
    x = 20 + 2 * _STEP + _WIDTH / 2
    canvas.wire([(x, _TOP + _HEIGHT), (x, _TOP + _HEIGHT + 34)], ink=HOT, width=3)
    canvas.text(x, _TOP + _HEIGHT + 50, "12V, fuse 3.15 A slow", anchor="middle", ink=HOT)
    x = 20 + 3 * _STEP + _WIDTH / 2
    canvas.wire([(x, _TOP + _HEIGHT), (x, _BOTTOM)], ink=HOT, width=3)
    canvas.text(x + 8, (_TOP + _HEIGHT + _BOTTOM) / 2 + 4, "COIL1..8", ink=HOT)


def _lower_wires(canvas: Canvas) -> None:
    _between(canvas, _BOTTOM, 0, "COIL_CMD1..8", WIRE)
    _between(canvas, _BOTTOM, 1, "COIL_SEL0..2, COIL_ANY", WIRE)
    _between(canvas, _BOTTOM, 2, "COIL_DRIVE1..8", WIRE)


def _why(circuit: Coils) -> list[str]:
    longest_ms, enable = circuit.cutoff.longest_ms(), circuit.enable
    return [
        f"Program hangs with a coil on: the monostable ends the current after at most {longest_ms} ms,",
        f"and starts again only after {enable} has fallen.",
        f"Reset or power-up: the pin floats and a resistor holds {enable} low, the switch's input too.",
        "Program commands two coils: encoder and decoder drive the one with the higher number, alone.",
        "A driver shorted on: its coil still needs COIL_SUPPLY, which is on only during an order.",
        "Brown-out: the supervisor pulls EN, the expanders' reset too; every command is gone with it.",
    ]
