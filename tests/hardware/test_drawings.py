"""The drawings have everything that the boards say: every net, every part, every cable with its figures."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from hardware.board import BOARD_NAMES, Board, chip_nets, load_board, load_module
from hardware.drawing import coil_rail, field, sheet
from hardware.drawing.canvas import Canvas, ranges, wrapped
from hardware.drawing.field import poles

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    """Every piece of text of a drawing, which must be well-formed."""
    root = ElementTree.fromstring(svg)
    assert root.find(f"{SVG}title") is not None
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def named(texts: list[str]) -> set[str]:
    """Net names in texts, runs spelt out."""
    found: set[str] = set()
    for text in texts:
        for stem, first, last in re.findall(r"([A-Z][A-Z0-9_]*?)(\d+)\.\.(\d+)", text):
            found |= {f"{stem}{number}" for number in range(int(first), int(last) + 1)}
        found |= set(re.findall(r"\w+", text))
    return found


def nets(board: Board) -> set[str]:
    every = {pin.net for pin in board.pins} | {rail.name for rail in board.rails}
    for chip in board.chips:
        every |= chip_nets(board, chip)
    for connector in board.connectors:
        every |= set(connector.nets)
    return every


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_every_net_and_part_stands_on_the_board_s_sheet(name: str) -> None:
    board = load_board(name)
    texts = words(sheet.render(board, load_module(board.module)))

    assert nets(board) - named(texts) == set()
    refs = {chip.ref for chip in board.chips} | {connector.ref for connector in board.connectors}
    assert refs - named(texts) == set()


@pytest.mark.parametrize("name", BOARD_NAMES)
def test_every_pole_of_every_cable_stands_on_the_drawing_of_the_site(name: str) -> None:
    board = load_board(name)
    texts = words(field.render(board))
    outside = {net for connector in board.connectors for net in connector.nets}

    assert outside - named(texts) == set()
    for cable in board.cables:
        assert cable.device in texts
        assert field.facts(cable) in texts


def test_the_coils_rail_names_what_bounds_a_coil() -> None:
    board = load_board("locker-bank")
    assert board.coils is not None
    texts = words(coil_rail.render(board, board.coils))

    wanted = {
        "COIL_EN",
        "COIL_GATE",
        "COIL_SUPPLY",
        "COIL_ANY",
        "COIL_CMD8",
        "COIL_DRIVE8",
        "COIL8",
        "COIL_SEL2",
    }
    assert wanted - named(texts) == set()
    assert any("664 to 917 ms" in text for text in texts) or "917" in " ".join(texts)


def test_runs_of_poles_are_one_wire_and_others_are_not() -> None:
    board = load_board("locker-bank")
    cables = {cable.source: cable for cable in board.cables}

    assert poles(board, cables["J11"]) == [("1 to 8", "DOOR1..8", "DOOR1..8"), ("9 to 10", "GND", "GND")]
    assert poles(board, cables["J1"])[2] == ("3", "DC_OK", "DC-OK")
    assert len(poles(board, cables["J3"])) == 5


def test_ranges_and_lines() -> None:
    assert ranges(("DOOR1", "DOOR2", "GND", "GND", "3V3", "LCD_D4", "LCD_D5", "DOOR4")) == [
        "DOOR1..2",
        "GND",
        "3V3",
        "LCD_D4..5",
        "DOOR4",
    ]
    assert wrapped("one two three", 7) == ["one two", "three"]


def test_words_can_t_break_the_drawing() -> None:
    canvas = Canvas("a < b & c", '"quoted"')
    canvas.text(0, 0, "<script>")
    assert words(canvas.render()) == ["<script>"]
