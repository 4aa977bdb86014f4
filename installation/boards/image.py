"""A MicroPython image for these boards: is it the right one, and with which partition table does it go on.

Pure. Formats: Espressif's firmware image header (magic E9, flash size in the fourth byte, chip in bytes 12
and 13) and ESP-IDF's partition table (32-byte rows AA 50 type subtype offset size label flags, then EB EB and
the MD5 of the rows), as their documentation gives them.
"""

import hashlib
import struct
from dataclasses import dataclass

from hardware.layout import Layout
from installation.boards.faults import WrongImage

ESP32_S3 = 9
_MAGIC = 0xE9
_ROW = struct.Struct("<2sBBII16sI")
_ROW_MAGIC = b"\xaa\x50"
_SUM_MAGIC = b"\xeb\xeb" + b"\xff" * 14
_TABLE_BYTES = 0x1000
_MOST_ROWS = 95
_SIZES_MB = {0: 1, 1: 2, 2: 4, 3: 8, 4: 16, 5: 32, 6: 64, 7: 128}
_APP, _DATA = 0, 1
_FILE_SYSTEMS = (0x81, 0x82, 0x83)


@dataclass(frozen=True)
class Row:
    """One partition: bytes from the flash's beginning."""

    kind: int
    subtype: int
    start: int
    size: int
    label: str


def read_table(data: bytes) -> list[Row]:
    """The rows of a partition table. WrongImage if there is none, or its MD5 is wrong."""
    rows: list[Row] = []
    for at in range(0, min(len(data), _TABLE_BYTES) - _ROW.size + 1, _ROW.size):
        chunk = data[at : at + _ROW.size]
        if chunk.startswith(_ROW_MAGIC):
            _, kind, subtype, start, size, label, _flags = _ROW.unpack(chunk)
            rows.append(Row(kind, subtype, start, size, label.rstrip(b"\0").decode("ascii", "replace")))
        elif chunk.startswith(_SUM_MAGIC[:2]):
            if chunk[16:] != hashlib.md5(data[:at], usedforsecurity=False).digest():
                raise WrongImage("the image's partition table is damaged")
            break
        else:
            break
    if not rows:
        raise WrongImage("the image has no partition table: take the whole image (.bin), not the .app-bin")
    return rows


def write_table(rows: list[Row]) -> bytes:
    """The table, filled up to its sector."""
    if len(rows) > _MOST_ROWS:
        raise WrongImage(f"a partition table has at most {_MOST_ROWS} rows")
    body = b"".join(
        _ROW.pack(_ROW_MAGIC, row.kind, row.subtype, row.start, row.size, row.label.encode("ascii"), 0)
        for row in rows
    )
    body += _SUM_MAGIC + hashlib.md5(body, usedforsecurity=False).digest()
    return body.ljust(_TABLE_BYTES, b"\xff")


def check(image: bytes, sha256: str, layout: Layout) -> None:
    """Whether the file is the one promised, whole, made for this chip with this much flash. WrongImage."""
    found = hashlib.sha256(image).hexdigest()
    if found != sha256.strip().lower():
        raise WrongImage(f"the image's SHA-256 is {found}, not the one given: another file, or a damaged one")
    if len(image) < layout.table_at + _TABLE_BYTES or image[0] != _MAGIC:
        raise WrongImage("this is no image that begins with a boot loader: take the .bin for address 0")
    chip = image[12] | image[13] << 8
    if chip != ESP32_S3:
        raise WrongImage(f"the image is for chip number {chip}, these boards carry an ESP32-S3 ({ESP32_S3})")
    size_mb = _SIZES_MB.get(image[3] >> 4, 0)
    if size_mb != layout.flash_mb:
        raise WrongImage(
            f"the image is made for {size_mb} MB of flash: take the one for {layout.flash_mb} MB, "
            "or its boot loader would refuse the partitions"
        )


def prepare(image: bytes, layout: Layout) -> bytes:
    """The image with our partition table in the place of its own: its program slots stay, the file system
    that it would have is replaced by the layout's partitions. WrongImage if they would overlap.
    """
    rows = [
        row
        for row in read_table(image[layout.table_at :])
        if not (row.kind == _DATA and row.subtype in _FILE_SYSTEMS)
    ]
    if not any(row.kind == _APP for row in rows):
        raise WrongImage("the image's partition table has no program slot")
    for row in rows:
        if row.start + row.size > layout.program_end:
            raise WrongImage(
                f"the image's partition {row.label} ends at {row.start + row.size:#x}, "
                f"ours begin at {layout.program_end:#x}"
            )
    if len(image) > layout.program_end:
        raise WrongImage(f"the image is longer than the {layout.program_end:#x} bytes below our partitions")
    rows += [Row(_DATA, each.subtype, each.start, each.size, each.label) for each in layout.partitions]
    table = write_table(rows)
    return image[: layout.table_at] + table + image[layout.table_at + _TABLE_BYTES :]
