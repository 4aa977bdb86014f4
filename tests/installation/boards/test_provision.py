"""`provision` on a real MicroPython at a serial line, on simulated chips: what it writes, what it
refuses.
"""

import asyncio
import json
import os
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hardware.board import load_board
from installation.boards import faults, program
from installation.boards.person import Person, identify
from installation.boards.provisioning import _script_wants, provision
from installation.boards.repl import ScriptFailed
from simulator.controllers import Fleet, identity
from simulator.world.world import World
from tests.installation.boards.board_under_test import SILICON, BoardUnderTest, SiliconRepl

pytestmark = [pytest.mark.interpreter, pytest.mark.system]

SITE = Path(__file__).resolve().parents[2] / "firmware" / "wall" / "site.toml"


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    return program.build()


@pytest.fixture
def secrets_file(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.json"
    names = ("wall", "small", "rooms")
    path.touch(mode=0o600)
    keys = {name: {"psk": secrets.token_hex(32), "key": secrets.token_hex(32)} for name in names}
    path.write_text(json.dumps({"controllers": keys}))
    return path


def person(secrets_file: Path, device: str = "wall") -> Person:
    return identify(SITE, device, secrets_file, "192.168.1.10:8884")


PAGE = (Path(__file__).resolve().parents[3] / "docs" / "hardware.md").read_text(encoding="utf-8")
SHOWN = PAGE[PAGE.index("\nboard: ") + 1 :].partition("\n```")[0].splitlines()
"""What the page prints of a `provision`, after the line that says who it is for."""


def own(lines: list[str]) -> list[str]:
    """Without what is a chip's, an interpreter's or a site's own."""
    words = r"chip \w+|MicroPython [\d.]+|identity: \S+ of \S+"
    return [re.sub(words, lambda found: found[0].split(maxsplit=1)[0], line).rstrip(",") for line in lines]


class Visit:
    """A board on the bench, and what was said."""

    def __init__(self, board: BoardUnderTest) -> None:
        self.board = board
        self.said: list[str] = []
        self.sent: list[str] = []

    async def provision(
        self, who: Person, files: dict[str, bytes], *, replace: bool = False, **silicon: object
    ) -> None:
        def work() -> None:
            with SiliconRepl(self.board.port, SILICON | silicon) as repl:
                self.sent = repl.sent
                provision(repl, who, files, self.said.append, replace=replace, root=self.board.root)

        await asyncio.to_thread(work)


def on_a_board(
    tmp_path: Path,
    name: str,
    story: Callable[[Visit], Awaitable[Any]],
    before: Callable[[World], None] = lambda _world: None,
) -> None:
    """A world with that controller's board, powered, and MicroPython at its port."""

    async def play() -> None:
        async with World(SITE, seed=1) as world:
            before(world)
            async with BoardUnderTest(world, name, tmp_path) as board:
                await story(Visit(board))

    asyncio.run(play())


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Line:
    """What a sound wall's board answers."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """The answer of a real one, asked once."""
    found: dict[str, Any] = {}
    folder = tmp_path_factory.mktemp("line")

    async def story(visit: Visit) -> None:
        def work() -> None:
            with SiliconRepl(visit.board.port, SILICON) as repl:
                wanted = _script_wants(load_board("locker-bank"), visit.board.root)
                found.update(json.loads(repl.run("ask", wanted)))

        await asyncio.to_thread(work)

    on_a_board(folder, "wall", story)
    return Line(found)


class Told:
    """A line whose board answers as told, and to which nothing may be written."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    def run(self, script: str, wanted: dict[str, object]) -> str:
        assert script == "ask", "written to"
        assert wanted
        return json.dumps(self.facts)

    def put(self, path: str, content: bytes) -> None:
        raise AssertionError(f"written to: {path}, {len(content)} bytes")

    def remove(self, path: str) -> None:
        raise AssertionError(f"removed: {path}")

    def reset(self) -> None:
        raise AssertionError("reset")


def test_a_board_becomes_a_controller_and_is_left_alone_the_second_time(
    tmp_path: Path, secrets_file: Path, files: dict[str, bytes]
) -> None:
    who = person(secrets_file)

    async def story(visit: Visit) -> None:
        await visit.provision(who, files)
        assert visit.sent == ["ask", "have", "have", "become", "reset"]
        assert own(visit.said) == own(SHOWN), "docs/hardware.md, at `provision`"
        assert "probes on OW_CHILLED: 2811005c0a0000d2, 2812005c0a00008b" in visit.said
        assert "probes on OW_FROZEN: none" in visit.said
        there = Path(visit.board.root)
        assert everything(there) == files

        (there / "firmware" / "stranger.mpy").write_bytes(b"left from an older program")
        (there / "main.py").write_bytes(b"half")
        visit.said.clear()
        await visit.provision(who, files)
        assert not (there / "firmware" / "stranger.mpy").exists()
        assert "1 of them new" in "\n".join(visit.said)
        assert "as it was" in "\n".join(visit.said)

    on_a_board(tmp_path, "wall", story)


def test_a_probe_that_the_site_file_does_not_know_is_named(
    tmp_path: Path, secrets_file: Path, files: dict[str, bytes]
) -> None:
    def another_probe(world: World) -> None:
        world.walls["wall"].probe("chilled", 1).rom = "2899005c0a0000ab"

    async def story(visit: Visit) -> None:
        await visit.provision(person(secrets_file), files)
        assert any("not in the site file: 2899005c0a0000ab" in line for line in visit.said)

    on_a_board(tmp_path, "wall", story, another_probe)


def test_no_key_is_printed(tmp_path: Path, secrets_file: Path, files: dict[str, bytes]) -> None:
    who = person(secrets_file)

    async def story(visit: Visit) -> None:
        await visit.provision(who, files)
        for key in json.loads(who.content)["psk"], json.loads(who.content)["key"]:
            assert key not in "\n".join(visit.said)
            assert key not in repr(who)

    on_a_board(tmp_path, "wall", story)


@pytest.mark.parametrize("kept", ["both", "the copy only"])
def test_a_board_that_is_somebody_else_is_refused_by_file_and_by_copy(
    kept: str, tmp_path: Path, secrets_file: Path, files: dict[str, bytes]
) -> None:
    async def story(visit: Visit) -> None:
        await visit.provision(person(secrets_file), files)
        if kept == "the copy only":
            with visit.board.flash_file.open("r+b") as flash:
                flash.write(b"\0" * 8192)  # a file system beyond repair
        before = visit.board.flash_file.read_bytes()
        with pytest.raises(faults.OtherIdentity, match="wall of bench, not small of bench"):
            await visit.provision(person(secrets_file, "small"), files)
        assert visit.sent == ["ask"]
        assert visit.board.flash_file.read_bytes() == before

    on_a_board(tmp_path, "wall", story)


def test_replaced_it_forgets_who_it_was(tmp_path: Path, secrets_file: Path, files: dict[str, bytes]) -> None:
    async def story(visit: Visit) -> None:
        await visit.provision(person(secrets_file), files)
        with visit.board.flash_file.open("r+b") as flash:
            flash.seek(64 * 4096)
            flash.write(b"a record that was never told")
        await visit.provision(person(secrets_file, "small"), files, replace=True)
        assert "it was wall of bench" in "\n".join(visit.said)
        content = visit.board.flash_file.read_bytes()
        assert b"a record that was never told" not in content
        assert json.loads(person(secrets_file).content)["key"].encode() not in content
        assert json.loads(person(secrets_file, "small").content)["key"].encode() in content

        with visit.board.flash_file.open("r+b") as flash:
            flash.seek(64 * 4096)
            flash.write(b"a record of commissioning")
        await visit.provision(person(secrets_file, "small"), files)
        assert b"a record of commissioning" in visit.board.flash_file.read_bytes()
        await visit.provision(person(secrets_file, "small"), files, replace=True)
        assert b"a record of commissioning" not in visit.board.flash_file.read_bytes()

    on_a_board(tmp_path, "wall", story)


REFUSALS: list[tuple[str, dict[str, object], type[faults.BoardError]]] = [
    ("another chip", {"machine": "Generic ESP32 module with ESP32"}, faults.WrongChip),
    ("4 MB of flash", {"flash": 4 << 20}, faults.WrongFlash),
    ("no partitions of ours", {"partitions": {"vfs": 6 << 20}}, faults.WrongFlash),
    ("an old MicroPython", {"version": [1, 28, 0]}, faults.WrongInterpreter),
    ("CircuitPython", {"name": "circuitpython"}, faults.WrongInterpreter),
    ("no TLS with pre-shared keys", {"psk": False}, faults.WrongInterpreter),
    ("no littlefs", {"littlefs": False}, faults.WrongInterpreter),
    ("another bytecode", {"mpy": 7}, faults.WrongInterpreter),
    ("a stranger's chips", {"i2c": [0x3C, 0x27, 0x68]}, faults.WrongBoard),
    ("no display", {"i2c": [0x20, 0x68]}, faults.WrongBoard),
]


@pytest.mark.parametrize(
    ("silicon", "fault"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_what_is_refused_before_anything_is_written(
    silicon: dict[str, object], fault: type[faults.BoardError], line: Line, secrets_file: Path
) -> None:
    with pytest.raises(fault):
        provision(Told(line.facts | silicon), person(secrets_file), {}, print)


def test_a_room_s_board_is_not_taken_for_a_wall_s_and_a_revision_not_for_another(
    tmp_path: Path, secrets_file: Path, files: dict[str, bytes]
) -> None:
    def another_revision(world: World) -> None:
        board = world.boards["wall"]
        board.readers[board.pin("REV1")] = lambda: True

    async def rooms(visit: Visit) -> None:
        with pytest.raises(faults.WrongBoard, match="0x27 is silent"):
            await visit.provision(person(secrets_file), files)

    async def wall(visit: Visit) -> None:
        with pytest.raises(faults.WrongBoard, match="0x20 answers"):
            await visit.provision(person(secrets_file, "rooms"), files)
        with pytest.raises(faults.WrongRevision, match="revision 3"):
            await visit.provision(person(secrets_file), files)

    (tmp_path / "rooms").mkdir()
    on_a_board(tmp_path / "rooms", "rooms", rooms)
    (tmp_path / "wall").mkdir()
    on_a_board(tmp_path / "wall", "wall", wall, another_revision)


def test_a_flash_that_refuses_writes_is_told_without_a_key(
    tmp_path: Path, secrets_file: Path, files: dict[str, bytes]
) -> None:
    who = person(secrets_file)

    async def story(visit: Visit) -> None:
        visit.board.world.boards["wall"].flash = None
        with pytest.raises(ScriptFailed, match="OSError") as refused:
            await visit.provision(who, files)
        assert json.loads(who.content)["key"] not in str(refused.value)
        assert "reset" not in visit.sent

    on_a_board(tmp_path, "wall", story)


def test_the_firmware_starts_on_a_flash_that_was_provisioned(
    tmp_path: Path, secrets_file: Path, files: dict[str, bytes]
) -> None:
    """Its display says that it waits for a configuration; without an identity it would stay dark."""
    who = person(secrets_file, "small")

    async def story(visit: Visit) -> None:
        await visit.provision(who, files)

    on_a_board(tmp_path, "small", story)

    async def play() -> None:
        async with World(SITE, seed=1) as world, Fleet(world, tmp_path / "fleet") as fleet:
            folder = tmp_path / "fleet" / "small"
            folder.mkdir(parents=True)
            os.rename(tmp_path / "flash.bin", folder / "flash.bin")
            controller = await fleet.add("small", identity("x", "x", "x", 1, "", ""))
            controller.power(True)
            wall = world.walls["small"]
            await world.until(lambda: any(line.strip() for line in wall.display()), 30)
            assert "no identity" not in controller.console()

    asyncio.run(play())
