"""The board itself: every part with the nets it touches, by name. Two parts with one net name are joined by
it, as on any schematic that uses net labels.
"""

from hardware.board import Board, Module, chip_nets
from hardware.drawing.canvas import PAPER, Canvas, heading, ranges, wrapped

_COLUMNS = 3
_WIDTH, _GAP, _ROW = 400, 24, 15
_TEXT = 52


def render(board: Board, module: Module) -> str:
    """The drawing."""
    canvas = Canvas(
        f"{board.title}: parts and nets",
        f"Every part of {board.name}, revision {board.revision}, with the nets that it touches.",
    )
    canvas.text(20, 30, f"{board.title} ({board.name}), revision {board.revision}: parts and nets", bold=True)
    canvas.text(20, 48, "Parts are joined where they name the same net.")
    blocks = [_processor(board, module), *_chips(board), *_connectors(board), *_rails(board)]
    bottoms = [64.0] * _COLUMNS
    for title, lines in blocks:
        column = bottoms.index(min(bottoms))
        x, y = 20 + column * (_WIDTH + _GAP), bottoms[column]
        height = 30 + len(lines) * _ROW
        canvas.box(x, y, _WIDTH, height, fill=PAPER)
        canvas.box(x, y, _WIDTH, 22)
        canvas.text(x + 8, y + 15, title, bold=True)
        for at, line in enumerate(lines):
            canvas.text(x + 8, y + 36 + at * _ROW, line)
        bottoms[column] = y + height + 14
    return canvas.render()


def _fit(lines: list[str]) -> list[str]:
    return [part for line in lines for part in wrapped(line, _TEXT)]


def _processor(board: Board, module: Module) -> tuple[str, list[str]]:
    pulls = {"up": "↑", "down": "↓", "none": " "}
    lines = [
        f"GPIO{pin.gpio:<2} {pulls[pin.pull]} {pin.net:<12} {pin.direction}"
        for pin in sorted(board.pins, key=lambda pin: pin.gpio)
    ]
    lines += ["EN   ↑ EN           reset, with the supervisor", "↑ ↓ resistor up or down"]
    return f"U1 {module.part}", lines


def _chips(board: Board) -> list[tuple[str, list[str]]]:
    blocks: list[tuple[str, list[str]]] = []
    for chip in board.chips:
        if chip.ref == "U1":
            continue
        title = f"{chip.ref} {chip.part}" + (f" ×{chip.qty}" if chip.qty > 1 else "")
        if chip.address is not None:
            title += f" at {chip.address:#04x}"
        inside = {net for port in chip.ports for net in port.nets}
        rest = tuple(sorted(chip_nets(board, chip) - inside - set(chip.nets)))
        lines = [f"{port.name} {port.direction}: {', '.join(ranges(port.nets))}" for port in chip.ports]
        lines += [", ".join(ranges((*chip.nets, *rest)))] if chip.nets or rest else []
        lines.append(f"supply: {chip.rail}, GND")
        blocks.append((title, _fit(lines)))
    return blocks


def _connectors(board: Board) -> list[tuple[str, list[str]]]:
    return [
        (f"{each.ref} {heading(each.why)}", _fit([", ".join(ranges(each.nets))])) for each in board.connectors
    ]


def _rails(board: Board) -> list[tuple[str, list[str]]]:
    return [
        (
            f"{rail.name} {rail.part}",
            _fit([f"{rail.mv / 1000:g} V, {rail.capacity_ma} mA, from {rail.fed_by or 'mains'}"]),
        )
        for rail in board.rails
    ]
