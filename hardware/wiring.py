"""Derives a board's wiring page (Markdown): what goes where, what to buy, what it draws."""

from collections.abc import Iterable

from hardware.board import Board, Coils, Module, Pin
from hardware.drawing.field import facts
from hardware.orders import load_orders, price_words, total
from hardware.power import budgets, holdup_draw_ma, holdup_ms


def render(board: Board, module: Module) -> str:
    """The whole page, for the person who builds, wires or repairs the board."""
    sections = [
        f"# {board.title} (`{board.name}`, revision {board.revision})",
        f"<!-- Generated from hardware/boards/{board.name}.toml by `python -m hardware`; edit the board. -->",
        board.summary,
        "## Drawings\n\n" + _drawings(board),
        "## Before you wire\n\n" + "\n".join(f"* {note}" for note in board.notes),
        "## Processor pins\n\n" + _pins(board, module),
        f"{_free_words(_free(board, module))} Source: {module.source}.",
        "## Connectors\n\n" + _connectors(board),
        "## Buses\n\n" + _buses(board),
    ]
    if any(chip.ports for chip in board.chips):
        sections.append("## Expander lines\n\n" + _ports(board))
    if board.coils is not None:
        sections.append("## Coils\n\n" + _coils(board.coils))
    sections.append("## Power budget\n\n" + _power(board))
    sections.append("## Hold-up\n\n" + _holdup(board))
    sections.append("## Cables\n\n" + _cables(board))
    sections.append("## Bill of materials\n\n" + _bill(board))
    return "\n\n".join(sections) + "\n"


def _drawings(board: Board) -> str:
    names = [("board", "parts and nets"), ("site", "wiring on site")]
    names += [("coils", "the coils' rail")] if board.coils is not None else []
    return "\n\n".join(f"![{board.title}: {what}]({board.name}-{name}.svg)" for name, what in names)


def _cables(board: Board) -> str:
    """Length, copper and loss of each; nothing else is needed to buy and to cut it."""
    rows = [(cable.source, cable.device, facts(cable), cable.why) for cable in board.cables]
    return _table(("from", "to", "length, copper, current, loss", "how"), rows)


def _bill(board: Board) -> str:
    orders, lines = load_orders(), bill(board)
    rows = []
    for qty, part, where, why in lines:
        order = orders.get(part)
        code = f"{order.maker} {order.code}" if order is not None else ""
        rows.append(
            (qty, part, code, order.instead if order is not None else "", where, why, price_words(order))
        )
    head = ("qty", "part", "order", "instead", "where", "why", "price")
    sum_up = total([(int(qty), part) for qty, part, _, _ in lines], orders)
    return _table(head, rows) + "\n\n" + sum_up.words()


def bill(board: Board) -> list[tuple[str, str, str, str]]:
    """Quantity, part, reference designators and reason of each line; a part used in several places is one
    line.
    """
    lines: dict[str, tuple[int, list[str], list[str]]] = {}
    wanted: list[tuple[str, int, str, str]] = []
    wanted += [(chip.part, chip.qty, chip.ref, chip.why) for chip in board.chips]
    wanted += [(connector.part, 1, connector.ref, connector.why) for connector in board.connectors]
    wanted += [(rail.part, 1, rail.name, rail.why) for rail in board.rails]
    wanted += [(bus.part, bus.probes, bus.net, bus.why) for bus in board.onewire]
    wanted += [(each.part, 1, each.name, each.why) for each in board.lock_boards]
    wanted += [(load.part, load.count, "", load.why) for load in board.loads]
    wanted.append((board.holdup.part, 1, board.holdup.rail, board.holdup.why))
    wanted += [(part.part, part.qty, "", part.why) for part in board.parts]
    pulls = [(pin.pull_ohm, 1, pin.net) for pin in board.pins if pin.pull != "none"]
    pulls += [
        (port.pull_ohm, len(port.nets), f"{chip.ref}{port.name}")
        for chip in board.chips
        for port in chip.ports
        if port.pull != "none"
    ]
    wanted += [
        (f"Resistor {ohm / 1000:g} kohm, 5 %", count, where, "pull-up or pull-down")
        for ohm, count, where in pulls
    ]
    for name, qty, where, why in wanted:
        before, wheres, whys = lines.get(name, (0, [], []))
        wheres = [*wheres, where] if where and where not in wheres else wheres
        lines[name] = (before + qty, wheres, whys if why in whys else [*whys, why])
    return [(str(qty), name, ", ".join(at), "; ".join(whys)) for name, (qty, at, whys) in lines.items()]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _free(board: Board, module: Module) -> list[int]:
    used = {pin.gpio for pin in board.pins}
    straps = {strap.gpio for strap in module.straps}
    return [gpio for gpio in module.brought_out if gpio not in used | straps]


def _free_words(free: list[int]) -> str:
    return "Free pins: " + ", ".join(f"GPIO{gpio}" for gpio in free) + "." if free else "No pin is free."


def _pull(pin: Pin) -> str:
    return "none" if pin.pull == "none" else f"{pin.pull_ohm / 1000:g} kohm {pin.pull}"


def _pins(board: Board, module: Module) -> str:
    rows = [
        (
            f"GPIO{pin.gpio}",
            f"`{pin.net}`",
            pin.direction,
            module.reset_state(pin.gpio),
            _pull(pin),
            pin.boot,
            ", ".join(board.ends_of(pin.net)),
            pin.function,
        )
        for pin in sorted(board.pins, key=lambda pin: pin.gpio)
    ]
    return _table(("pin", "net", "direction", "at reset", "resistor", "rests", "goes to", "function"), rows)


def _connectors(board: Board) -> str:
    rows = [
        (
            connector.ref,
            connector.why,
            connector.part,
            ", ".join(f"{at} `{net}`" for at, net in enumerate(connector.nets, 1)),
        )
        for connector in board.connectors
    ]
    return _table(("connector", "for", "part", "poles"), rows)


def _buses(board: Board) -> str:
    rows = []
    for bus in board.i2c:
        rows += [
            (
                f"I2C {bus.id}, {bus.hz // 1000} kHz",
                f"{chip.address:#04x}",
                f"{chip.ref} {chip.part}",
                chip.why,
            )
            for chip in sorted(board.chips, key=lambda chip: chip.address or 0)
            if chip.bus == bus.name and chip.address is not None
        ]
    if board.rs485 is not None:
        rows += [
            (
                f"RS-485 on UART {board.rs485.id}, {board.rs485.baud} 8N1",
                str(each.address),
                each.part,
                each.why,
            )
            for each in board.lock_boards
        ]
    rows += [
        (f"1-Wire `{bus.net}`", f"{bus.probes} probes", bus.part, f"zone {bus.zone}") for bus in board.onewire
    ]
    rows.append(
        (
            f"SPI {board.spi.id} ({board.spi.host}), {board.spi.hz // 1_000_000} MHz",
            "",
            "Ethernet",
            "first link",
        )
    )
    return _table(("bus", "address", "part", "function"), rows)


def _ports(board: Board) -> str:
    rows = [
        (
            f"{chip.ref} {chip.part} port {port.name}",
            port.direction,
            ", ".join(f"{bit} `{net}`" for bit, net in enumerate(port.nets)),
            "none" if port.pull == "none" else f"{port.pull_ohm / 1000:g} kohm {port.pull}",
            port.meaning,
        )
        for chip in board.chips
        for port in chip.ports
    ]
    return _table(("port", "direction", "bits", "resistor", "meaning"), rows)


def _coils(circuit: Coils) -> str:
    cutoff = circuit.cutoff
    return _table(
        ("what", "figure"),
        [
            ("admitted locks", f"{circuit.least_ma} to {circuit.most_ma} mA at 12 V"),
            ("on at a time", str(circuit.at_once)),
            ("driver", f"{circuit.driver}, {circuit.driver_ma} mA"),
            ("gate", f"`{circuit.enable}`, held low by a resistor until the firmware owns it"),
            (
                "monostable",
                f"{cutoff.resistor_ohm // 1000} kohm × {cutoff.capacitor_nf / 1000:g} µF: "
                f"{cutoff.shortest_ms()} to {cutoff.longest_ms()} ms with all tolerances, "
                f"limit {cutoff.limit_ms} ms",
            ),
        ],
    )


def _power(board: Board) -> str:
    parts = []
    for budget in budgets(board):
        rows = [(draw.name, str(draw.ma)) for draw in budget.draws]
        rows.append(("**all at once**", f"**{budget.total_ma}**"))
        rows.append((f"with {budget.rail.headroom_percent} % headroom", str(budget.with_headroom_ma)))
        rows.append((f"available from {budget.rail.part}", str(budget.rail.capacity_ma)))
        parts.append(f"### {budget.rail.name}\n\n" + _table(("consumer", "mA"), rows))
    return "\n\n".join(parts)


def _holdup(board: Board) -> str:
    held = board.holdup
    full_mv = next(rail.mv for rail in board.rails if rail.name == held.rail)
    return _table(
        ("what", "figure"),
        [
            ("capacitor", f"{held.capacitor_uf} µF less {held.capacitor_percent} %"),
            ("from", f"{(full_mv - held.diode_mv) / 1000:g} V, behind the diode"),
            ("down to", f"{held.least_mv / 1000:g} V, where the logic's converter ends"),
            (
                "drawn",
                f"{holdup_draw_ma(board)} mA at {full_mv / 1000:g} V by the converters, constant power",
            ),
            ("**lasts at worst**", f"**{holdup_ms(board)} ms**"),
            ("needed", f"{held.needs_ms} ms, a flash sector's typical erase"),
        ],
    )
