"""`flash`: MicroPython and the partition table on a board, once it is known to be the right one and
nobody's.
"""

import json
from collections.abc import Callable

from hardware.layout import BLOCK, Layout, load_layout
from installation.boards import image as images
from installation.boards.faults import OtherIdentity, WrongChip, WrongFlash
from installation.boards.loader import Chip, Loader
from installation.boards.spare import content_of


def check_chip(chip: Chip, layout: Layout) -> None:
    """Whether our boards carry this chip. WrongChip, WrongFlash."""
    if chip.name != "ESP32-S3":
        raise WrongChip(f"this is an {chip.name}; these boards carry an ESP32-S3")
    octal = [feature for feature in chip.features if "PSRAM 8MB" in feature or "PSRAM 16MB" in feature]
    if octal:
        raise WrongChip(
            f"this module has octal memory ({octal[0]}) on GPIO35 to 37, which the boards use: "
            "take an ESP32-S3-WROOM-1-N8"
        )
    if chip.flash_bytes != layout.flash_bytes:
        raise WrongFlash(
            f"this module has {chip.flash_bytes >> 20} MB of flash, the program needs {layout.flash_mb} MB"
        )


def carried(loader: Loader, layout: Layout) -> tuple[str, str] | None:
    """Site and device of the identity that the board carries, by the copy in its readings' last block."""
    readings = next(each for each in layout.partitions if each.label == "readings")
    content = content_of(loader.read(readings.start + readings.size - BLOCK, BLOCK))
    try:
        found = json.loads(content)
        return str(found["site"]), str(found["device"])
    except (ValueError, KeyError, TypeError):
        return None


def flash(
    loader: Loader,
    image: bytes,
    sha256: str,
    say: Callable[[str], None],
    *,
    keep: bool = False,
    replace: bool = False,
) -> None:
    """Write a board. `keep`: a controller keeps what it is and has, only MicroPython is new. `replace`: it
    forgets who it was. WrongImage before the board is touched; WrongChip, WrongFlash, OtherIdentity before it
    is written; NoAnswer, NotKept.
    """
    layout = load_layout()
    images.check(image, sha256, layout)
    prepared = images.prepare(image, layout)
    say(f"image: {len(image)} bytes, SHA-256 as given, for ESP32-S3 with {layout.flash_mb} MB")
    chip = loader.chip()
    check_chip(chip, layout)
    say(f"board: {chip.name}, {chip.flash_bytes >> 20} MB, {chip.mac}")
    who = carried(loader, layout)
    if who is not None and not (keep or replace):
        raise OtherIdentity(
            f"this board is {who[1]} of {who[0]}: --keep writes MicroPython and leaves all else, "
            "--replace makes it forget who it was and what it has not yet told"
        )
    if keep and who is None:
        say("it is nobody yet: nothing to keep")
    if who is None or replace:
        say("erasing the whole flash")
        loader.erase()
    say("writing and reading back")
    loader.write(0, prepared)
    loader.reset()
    kept = f"{who[1]} of {who[0]}, as before" if who is not None and keep else "nobody yet: provision it now"
    say(f"done. The board is {kept}")
