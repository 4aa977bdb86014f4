"""`flash` on a chip in memory: what it writes, what it refuses, and that nothing is touched before."""

import binascii
import hashlib
import importlib
import inspect
import struct
from pathlib import Path

import pytest

from hardware.layout import BLOCK, load_layout
from installation.boards import faults, image, tools
from installation.boards.__main__ import main
from installation.boards.flashing import flash
from installation.boards.loader import Chip
from installation.boards.spare import content_of

LAYOUT = load_layout()
APP = image.Row(0, 0, 0x10000, 0x300000, "factory")
NVS = image.Row(1, 2, 0x9000, 0x6000, "nvs")
VFS = image.Row(1, 0x81, 0x310000, 0x4F0000, "vfs")
S3 = Chip("ESP32-S3", ("Wi-Fi", "BT 5 (LE)", "Dual Core + LP Core", "240MHz"), 8 << 20, "24:6f:28:00:00:01")


def made(rows: list[image.Row] | None = None, *, chip: int = image.ESP32_S3, size: int = 3) -> bytes:
    """A file as MicroPython's site gives it: header, partition table, program."""
    header = bytearray(b"\xff" * LAYOUT.table_at)
    header[0], header[3] = 0xE9, size << 4 | 0x0F
    header[12:14] = struct.pack("<H", chip)
    table = image.write_table([NVS, APP, VFS] if rows is None else rows)
    return (bytes(header) + table).ljust(0x10000, b"\xff") + b"the interpreter" * 1000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class ChipInMemory:
    """A loader whose chip is a bytearray; `acts` is what was done to it."""

    def __init__(self, what: Chip = S3, rots: bool = False) -> None:
        self.what = what
        self.flash = bytearray(b"\xff" * (8 << 20))
        self.acts: list[str] = []
        self.rots = rots

    def chip(self) -> Chip:
        return self.what

    def read(self, start: int, size: int) -> bytes:
        return bytes(self.flash[start : start + size])

    def erase(self) -> None:
        self.acts.append("erase")
        self.flash[:] = b"\xff" * len(self.flash)

    def write(self, start: int, content: bytes) -> None:
        self.acts.append("write")
        self.flash[start : start + len(content)] = content

    def reset(self) -> None:
        self.acts.append("reset")

    def becomes(self, site: str, device: str) -> None:
        """As a controller that was provisioned."""
        content = f'{{"site": "{site}", "device": "{device}"}}'.encode()
        readings = LAYOUT.partitions[-1]
        at = readings.start + readings.size - BLOCK
        block = struct.pack("<2sHI", b"LI", len(content), binascii.crc32(content)) + content
        self.flash[at : at + len(block)] = block


def test_a_new_board_gets_the_image_with_our_partitions() -> None:
    chip, content, said = ChipInMemory(), made(), list[str]()
    chip.flash[0x600000:0x600004] = b"junk"
    flash(chip, content, sha256(content).upper() + "\n", said.append)

    assert chip.acts == ["erase", "write", "reset"]
    rows = image.read_table(bytes(chip.flash[LAYOUT.table_at :]))
    assert rows[:2] == [NVS, APP]
    assert [(row.label, row.start, row.size) for row in rows[2:]] == [
        (each.label, each.start, each.size) for each in LAYOUT.partitions
    ]
    after_table = LAYOUT.table_at + 0x1000
    assert chip.flash[after_table : len(content)] == content[after_table:]
    assert chip.flash[: LAYOUT.table_at] == content[: LAYOUT.table_at]
    assert chip.flash[0x600000:0x600004] == b"\xff" * 4
    assert "nobody yet" in said[-1]


def test_two_program_slots_stay_two() -> None:
    slots = [image.Row(0, 0x10 + at, 0x10000 + at * 0x270000, 0x270000, f"ota_{at}") for at in (0, 1)]
    rows = image.read_table(image.prepare(made([NVS, *slots, VFS]), LAYOUT)[LAYOUT.table_at :])
    assert [row.label for row in rows] == ["nvs", "ota_0", "ota_1", "vfs", "data", "events", "readings"]


REFUSED: list[tuple[str, bytes, type[faults.BoardError], str]] = [
    ("for an ESP32", made(chip=0), faults.WrongImage, "chip number 0"),
    ("for 4 MB", made(size=2), faults.WrongImage, "4 MB"),
    ("no boot loader", b"\x00" + made()[1:], faults.WrongImage, "address 0"),
    ("the program alone", made()[0x10000:], faults.WrongImage, "address 0"),
    (
        "a slot over our partitions",
        made([APP, image.Row(0, 16, 0x310000, 0x300000, "b")]),
        faults.WrongImage,
        "b",
    ),
    ("no slot", made([NVS, VFS]), faults.WrongImage, "no program slot"),
    ("no table", made()[:0x8000] + b"\xff" * 0x9000, faults.WrongImage, "no partition table"),
    ("a damaged table", made().replace(b"factory", b"factorx"), faults.WrongImage, "damaged"),
    ("too long", made().ljust(0x500001, b"x"), faults.WrongImage, "longer"),
]


@pytest.mark.parametrize(
    ("content", "fault", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_images_refused_before_the_board_is_touched(
    content: bytes, fault: type[faults.BoardError], words: str
) -> None:
    chip = ChipInMemory()
    with pytest.raises(fault, match=words):
        flash(chip, content, sha256(content), print)
    assert chip.acts == []


def test_another_file_than_promised_is_refused() -> None:
    chip, content = ChipInMemory(), made()
    with pytest.raises(faults.WrongImage, match="SHA-256"):
        flash(chip, content, sha256(content[:-1]), print)
    assert chip.acts == []


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        (Chip("ESP32-C3", (), 8 << 20, ""), faults.WrongChip),
        (Chip("ESP32-S3", ("Embedded PSRAM 8MB (AP_3v3)",), 8 << 20, ""), faults.WrongChip),
        (Chip("ESP32-S3", (), 4 << 20, ""), faults.WrongFlash),
        (Chip("ESP32-S3", (), 16 << 20, ""), faults.WrongFlash),
        (Chip("ESP32-S3", (), 0, ""), faults.WrongFlash),
    ],
)
def test_wrong_boards_are_left_as_they_are(what: Chip, fault: type[faults.BoardError]) -> None:
    chip, content = ChipInMemory(what), made()
    with pytest.raises(fault):
        flash(chip, content, sha256(content), print)
    assert chip.acts == []


def test_a_controller_is_refused_kept_or_replaced() -> None:
    chip, content, said = ChipInMemory(), made(), list[str]()
    chip.becomes("ferme", "wall-1")
    with pytest.raises(faults.OtherIdentity, match="wall-1 of ferme"):
        flash(chip, content, sha256(content), print)
    assert chip.acts == []

    flash(chip, content, sha256(content), said.append, keep=True)
    assert chip.acts == ["write", "reset"]
    assert "wall-1 of ferme, as before" in said[-1]

    flash(chip, content, sha256(content), said.append, replace=True)
    assert chip.acts == ["write", "reset", "erase", "write", "reset"]
    assert "nobody yet" in said[-1]


@pytest.mark.parametrize(
    "spoilt", [b"", b"LI\x00\x00" + bytes(4), b"LI\x05\x00\x00\x00\x00\x00hello", b"LI\xff\xff"]
)
def test_a_damaged_copy_is_nobody(spoilt: bytes) -> None:
    assert content_of(spoilt.ljust(BLOCK, b"\xff")) == b""


def test_esptool_still_has_what_is_asked_of_it() -> None:
    """There is no chip here; this holds our calls against the pinned esptool's own signatures."""
    tools.make_importable()
    cmds = importlib.import_module("esptool.cmds")
    for name, arguments in {
        "detect_chip": ("/dev/null",),
        "run_stub": (None,),
        "attach_flash": (None,),
        "detect_flash_size": (None,),
        "read_flash": (None, 0, 1, None),
        "erase_flash": (None,),
        "write_flash": (None, [(0, b"")]),
        "reset_chip": (None, "hard-reset"),
    }.items():
        inspect.signature(getattr(cmds, name)).bind(*arguments)
    loader = importlib.import_module("esptool.targets").ESP32S3ROM
    assert S3.name == loader.CHIP_NAME
    for method in ("get_chip_features", "read_mac", "change_baud"):
        assert callable(getattr(loader, method))


def test_nothing_at_the_port_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = made()
    (tmp_path / "image.bin").write_bytes(content)
    words = [
        "flash",
        str(tmp_path / "no-port"),
        "--image",
        str(tmp_path / "image.bin"),
        "--sha256",
        sha256(content),
    ]
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("loquet: NoAnswer: ")
    assert len(captured.err.strip().splitlines()) == 1
