"""The flash's layout is one rule: parts do not overlap, and firmware and simulator name the same."""

import re

from hardware.board import HERE, load_module
from hardware.layout import BLOCK, load_layout, state_partitions
from simulator.world import flash

ROOT = HERE.parent


def test_partitions_follow_each_other_within_the_module_s_flash() -> None:
    layout = load_layout()
    at = layout.program_end
    for partition in layout.partitions:
        assert partition.start == at, partition.label
        at += partition.size
    assert at <= layout.flash_bytes
    assert layout.flash_mb == load_module("esp32-s3-wroom-1-n8").flash_mb


def test_firmware_and_stand_ins_know_the_same_partitions() -> None:
    labels = [label for label, _ in state_partitions()]
    boot = (ROOT / "firmware" / "boot.py").read_text("utf-8")
    assert sorted(set(re.findall(r'(?:label=|_find\()"(\w+)"', boot))) == sorted(labels)

    stand_in = (ROOT / "simulator" / "boards" / "esp32.py").read_text("utf-8")
    table = re.search(r"^_TABLE = \((.*)\)$", stand_in, re.M)
    assert table is not None
    rows = tuple((label, int(blocks)) for label, blocks in re.findall(r'\("(\w+)", (\d+)\)', table[1]))
    assert rows == state_partitions() == flash.PARTITIONS

    maker = (ROOT / "simulator" / "boards" / "make_flash.py").read_text("utf-8")
    assert f"_BLOCK = const({BLOCK})" in maker
    assert f"_BLOCKS = const({state_partitions()[0][1]})" in maker
