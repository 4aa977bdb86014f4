"""What is wired on site: the box's terminals on the left, what hangs on them on the right, a wire for each
pole.
"""

from hardware.board import Board, Cable
from hardware.drawing.canvas import HOT, INK, PAPER, WIRE, Canvas, heading, wrapped

_ROW = 18
_BOX_LEFT, _BOX_WIDTH = 20, 250
_DEVICE_LEFT, _DEVICE_WIDTH = 640, 420
_GAP = 26
_NOTE = 44


def poles(board: Board, cable: Cable) -> list[tuple[str, str, str]]:
    """Terminal, net and device's end of each wire of a cable; long runs of like wires are one."""
    nets = board.poles(cable)
    ends = cable.ends or nets
    rows: list[tuple[int, int, str, str]] = []
    for at, (net, end) in enumerate(zip(nets, ends, strict=True), 1):
        rows.append((at, at, net, end))
    joined: list[tuple[int, int, str, str]] = []
    for row in rows:
        last = joined[-1] if joined else None
        if last is not None and _follows(last, row):
            joined[-1] = (last[0], row[1], _run(last[2], row[2]), _run(last[3], row[3]))
        else:
            joined.append(row)
    return [(str(a) if a == b else f"{a} to {b}", net, end) for a, b, net, end in joined]


def _stem(name: str) -> tuple[str, int, int] | None:
    first, _, last = name.partition("..")
    stem = first.rstrip("0123456789")
    if stem == first:
        return None
    low = int(first[len(stem) :])
    return stem, low, int(last) if last else low


def _follows(last: tuple[int, int, str, str], row: tuple[int, int, str, str]) -> bool:
    if last[2] == row[2]:
        return True  # the same net on several poles
    before, after = _stem(last[2]), _stem(row[2])
    if before is None or after is None or before[0] != after[0] or before[2] + 1 != after[1]:
        return False
    ends = _stem(last[3]), _stem(row[3])
    return ends[0] is not None and ends[1] is not None and ends[0][0] == ends[1][0]


def _run(first: str, last: str) -> str:
    before, after = _stem(first), _stem(last)
    if first == last or before is None or after is None:
        return first
    return f"{before[0]}{before[1]}..{after[1]}"


def render(board: Board) -> str:
    """The drawing."""
    canvas = Canvas(
        f"{board.title}: wiring on site",
        f"Every cable of {board.name}, revision {board.revision}, from its connector to what hangs on it.",
    )
    canvas.text(20, 30, f"{board.title} ({board.name}), revision {board.revision}: wiring on site", bold=True)
    canvas.text(20, 48, "blue: signals   brown: supply   numbers: poles of the connector", ink=INK)
    y = 70.0
    for cable in board.cables:
        y = _cable(canvas, board, cable, y) + _GAP
    return canvas.render()


def _cable(canvas: Canvas, board: Board, cable: Cable, top: float) -> float:
    rows = poles(board, cable)
    notes = wrapped(cable.why, _NOTE + 12)
    height = max(len(rows) * _ROW + 28, len(notes) * 15 + 36 + len(rows) * _ROW)
    connector = next((each for each in board.connectors if each.ref == cable.source), None)
    canvas.box(_BOX_LEFT, top, _BOX_WIDTH, len(rows) * _ROW + 28)
    name = f"{cable.source} {connector.why}" if connector is not None else f"supply {cable.source}"
    canvas.text(_BOX_LEFT + 8, top + 17, heading(name), bold=True)
    canvas.box(_DEVICE_LEFT, top, _DEVICE_WIDTH, height, fill=PAPER)
    canvas.text(_DEVICE_LEFT + 8, top + 17, cable.device, bold=True)
    rails = {rail.name for rail in board.rails} | {"COIL_SUPPLY", "GND"}
    for at, (pole, net, end) in enumerate(rows):
        line = top + 28 + at * _ROW + 9
        hot = net in rails
        canvas.text(_BOX_LEFT + 8, line + 4, pole)
        canvas.text(_BOX_LEFT + _BOX_WIDTH - 8, line + 4, net, anchor="end")
        canvas.wire(
            [(_BOX_LEFT + _BOX_WIDTH, line), (_DEVICE_LEFT, line)],
            ink=HOT if hot else WIRE,
            width=2.5 if hot and cable.ma >= 500 else 1.5,
        )
        canvas.text(_DEVICE_LEFT + 8, line + 4, end)
    for at, words in enumerate(notes):
        canvas.text(_DEVICE_LEFT + 8, top + 28 + len(rows) * _ROW + 12 + at * 15, words)
    middle = (_BOX_LEFT + _BOX_WIDTH + _DEVICE_LEFT) / 2
    canvas.text(middle, top + 14, facts(cable), anchor="middle")
    return top + height


def facts(cable: Cable) -> str:
    """Length, copper, current, loss and fuse in a line."""
    words = [f"{cable.length_m} m", f"{cable.area_mm2_x100 / 100:g} mm²"]
    if cable.ma:
        words += [f"{cable.ma / 1000:g} A", f"−{cable.drop_mv()} mV"]
    if cable.fuse_ma:
        words.append(f"fuse {cable.fuse_ma / 1000:g} A")
    return ", ".join(words)
