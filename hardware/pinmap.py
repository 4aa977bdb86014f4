"""Derives `firmware/pins.py`: every number of a board that the firmware needs, as plain module-level
integers.
"""

import re

from hardware.board import Board

_HEAD = '''"""Pins, bus numbers and addresses: `BANK_…` for the wall controller, `ROOM_…` for the cold rooms.

Generated from hardware/boards/*.toml by `python -m hardware`; edit the boards, not this file.
"""
'''


def render(boards: list[Board]) -> str:
    """The text of the module: only assignments of integers, so that importing it on the device is no work."""
    return _HEAD + "".join(_section(board) for board in boards)


def constants(board: Board) -> list[tuple[str, str, str]]:
    """Name without prefix, literal and comment of each constant of a board, in the order of the module."""
    rows = [(pin.net, str(pin.gpio), pin.function) for pin in board.pins if pin.is_for_firmware]
    rows.append(("HARDWARE_REVISION", str(board.revision), "as announced in the device's description"))
    for bus in board.i2c:
        rows.append((f"{bus.name}_ID", str(bus.id), "machine.I2C number"))
        rows.append((f"{bus.name}_HZ", f"{bus.hz:_}", ""))
    rows += [
        (chip.constant, f"{chip.address:#04x}", f"{chip.part}: {_first_clause(chip.why)}")
        for chip in board.chips
        if chip.constant is not None and chip.address is not None
    ]
    rows.append(("ETH_SPI_ID", str(board.spi.id), f"machine.SPI number of the chip's {board.spi.host}"))
    rows.append(("ETH_SPI_HZ", f"{board.spi.hz:_}", ""))
    if board.rs485 is not None:
        rows.append(("RS485_UART_ID", str(board.rs485.id), "machine.UART number, 8N1"))
        rows.append(("RS485_BAUD", str(board.rs485.baud), ""))
    rows += [(each.name, str(each.address), f"bus address, {each.locks} locks") for each in board.lock_boards]
    if board.coils is not None:
        cutoff = board.coils.cutoff
        rows.append(
            (
                "COIL_PULSE_MOST_MS",
                str(cutoff.shortest_ms()),
                "a longer pulse may be cut short by the monostable",
            )
        )
        rows.append(
            ("COIL_CUTOFF_MS", str(cutoff.longest_ms()), "the monostable has ended a coil's current by then")
        )
    return rows


def _first_clause(text: str) -> str:
    return re.split("[;:]", text, maxsplit=1)[0]


def _section(board: Board) -> str:
    lines = [f"\n# {board.title} ({board.name}), revision {board.revision}"]
    for name, literal, comment in constants(board):
        line = f"{board.prefix}_{name} = {literal}"
        lines.append(f"{line}  # {comment}" if comment else line)
    return "\n".join(lines) + "\n"
