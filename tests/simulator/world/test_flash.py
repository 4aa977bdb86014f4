"""Flash: bits can only be cleared, wear is counted, a cut leaves exactly what was done."""

from pathlib import Path

import pytest

from simulator.world.flash import BLOCK, SIZE, Cut, Flash, PowerCutError

EVENTS = 1
EVENTS_START = 64 * BLOCK


@pytest.fixture
def flash(tmp_path: Path) -> Flash:
    Flash.create(tmp_path / "flash.bin")
    return Flash(tmp_path / "flash.bin")


def content(flash: Flash, at: int, size: int) -> bytes:
    return flash.path.read_bytes()[EVENTS_START + at : EVENTS_START + at + size]


def test_it_leaves_the_factory_erased(flash: Flash) -> None:
    assert flash.path.read_bytes() == b"\xff" * SIZE


def test_a_program_clears_bits_and_only_an_erase_sets_them(flash: Flash) -> None:
    flash.program(EVENTS, 8, b"\x0f\x55")
    flash.program(EVENTS, 8, b"\xf5\xff")
    assert content(flash, 7, 4) == b"\xff\x05\x55\xff"
    flash.erase(EVENTS, 0)
    assert content(flash, 0, BLOCK) == b"\xff" * BLOCK
    assert flash.erases == {("events", 0): 1}


@pytest.mark.parametrize(("torn", "expected"), [(True, b"\x00\x00\xff\xff"), (False, b"\xff" * 4)])
def test_the_supply_fails_at_the_counted_operation(flash: Flash, torn: bool, expected: bytes) -> None:
    flash.cut = Cut(2, torn)
    flash.program(EVENTS, 0, b"\x00")
    with pytest.raises(PowerCutError):
        flash.program(EVENTS, 16, b"\x00\x00\x00\x00")
    assert content(flash, 16, 4) == expected
    flash.program(EVENTS, 32, b"\x00")
    assert content(flash, 32, 1) == b"\x00"


def test_a_torn_erase_leaves_half_a_block(flash: Flash) -> None:
    flash.program(EVENTS, 0, bytes(BLOCK))
    flash.cut = Cut(1, torn=True)
    with pytest.raises(PowerCutError):
        flash.erase(EVENTS, 0)
    assert content(flash, 0, BLOCK) == b"\xff" * (BLOCK // 2) + bytes(BLOCK // 2)
