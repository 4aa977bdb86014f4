"""A controller's board with the real MicroPython at its serial port: the interpreter on a pseudo-terminal, on
the simulated chips and flash of a world. What only silicon can say (its name, its flash's size, the partition
that holds the program) is laid over what the interpreter answers.
"""

import asyncio
import json
import os
import pty
import select
import subprocess
import threading
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from hardware.layout import PROGRAM, load_layout
from installation.boards.repl import MpremoteRepl
from simulator.controllers import BOARDS, HEAP
from simulator.parts.interpreter import compile_firmware, micropython_command
from simulator.world.flash import Flash
from simulator.world.world import World

SILICON: dict[str, object] = {"machine": "Generic ESP32S3 module with ESP32S3", "flash": 8 << 20}


class SiliconRepl(MpremoteRepl):
    """The line to the board, as `provision` uses it."""

    def __init__(self, port: str, silicon: dict[str, object]) -> None:
        super().__init__(port)
        self.silicon = silicon
        self.sent: list[str] = []

    def run(self, script: str, wanted: dict[str, object]) -> str:
        """The same script on the same interpreter."""
        self.sent.append(script)
        said = super().run(script, wanted)
        if script != "ask":
            return said
        facts = json.loads(said)
        program = next(each for each in load_layout().partitions if each.label == PROGRAM)
        facts["partitions"].setdefault(PROGRAM, program.size)
        return json.dumps(facts | self.silicon)

    def reset(self) -> None:
        """A process does not start again by itself."""
        self.sent.append("reset")


class _Cable:
    """Two pseudo-terminals, one at each end: a serial line whose ends both have names."""

    def __init__(self) -> None:
        self._board, self.board_end = pty.openpty()
        self._user, self._user_end = pty.openpty()
        for end in (self.board_end, self._user_end):
            tty.setraw(end)
        self.prompted = threading.Event()
        """The interpreter has said that it listens."""
        self._banner = b""
        self.port = os.ttyname(self._user_end)
        self._wake, self._end = os.pipe()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def _carry(self) -> None:
        ways = {self._board: self._user, self._user: self._board}
        while True:
            ready, _, _ = select.select([*ways, self._wake], [], [])
            if self._wake in ready:
                return
            for end in ready:
                data = os.read(end, 4096)
                os.write(ways[end], data)
                if not self.prompted.is_set():
                    self._banner += data
                    if self._banner.endswith(b">>> "):
                        self.prompted.set()

    def close(self) -> None:
        """Pull it out."""
        os.write(self._end, b".")
        self._thread.join()
        for descriptor in (self._board, self.board_end, self._user, self._user_end, self._wake, self._end):
            os.close(descriptor)


class BoardUnderTest:
    """`async with BoardUnderTest(world, "wall", folder) as board:`, powered, at the line `board.port`."""

    def __init__(self, world: World, name: str, folder: Path) -> None:
        self.world = world
        self.name = name
        self.folder = folder
        self.root = f"{folder / 'root'}/"
        self.flash_file = folder / "flash.bin"
        self.port = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._cable: _Cable | None = None
        self._flash: Flash | None = None

    async def __aenter__(self) -> Self:
        board = self.world.boards[self.name]
        await asyncio.to_thread(self._start)
        board.flash = self._flash
        board.power_on()
        assert self._cable is not None
        assert await asyncio.to_thread(self._cable.prompted.wait, 20), "the interpreter said nothing"
        return self

    def _start(self) -> None:
        stand_ins = self.folder / "stand-ins"
        compile_firmware(BOARDS, stand_ins)
        Path(self.root).mkdir(exist_ok=True)
        if not self.flash_file.exists():
            Flash.create(self.flash_file)
        self._flash = Flash(self.flash_file)
        self._cable = _Cable()
        self.port = self._cable.port
        host, port = self.world.address
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "MICROPYPATH": f"{stand_ins}:.frozen",
            "LOQUET_WORLD": f"{host}:{port}",
            "LOQUET_CONTROLLER": self.name,
            "LOQUET_FLASH": str(self.flash_file),
        }
        self._process = subprocess.Popen(
            micropython_command(HEAP),
            env=environment,
            stdin=self._cable.board_end,
            stdout=self._cable.board_end,
            stderr=self._cable.board_end,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._cable is not None
        self._process.kill()
        self._process.wait()
        self._cable.close()
        assert self._flash is not None
        board = self.world.boards[self.name]
        board.power_off()
        board.flash = None
        self._flash.close()
