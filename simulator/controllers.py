"""Controllers: the firmware's compiled files under a real MicroPython, one process each, on a world's boards.

    async with World(site_file, seed=1) as world, Fleet(world, folder) as fleet:
        wall = await fleet.add("wall-1", identity("ferme", "wall-1", "locker-bank", 8884, psk, key))
        wall.power(True)
        ...
        wall.cut_at_flash_write(7, torn=True)  # SIGKILL in the middle of the 7th program or erase from now
        wall.power(True)  # it comes back when somebody restores the power
        wall.reset()  # the processor starts again, the chips keep their registers

Each controller has a folder: `flash.bin` (its flash; made if it is not there), `console.log` (all it prints).
Its heap is limited as on the board. Another program than the firmware runs with `Fleet(..., program=path)`: a
MicroPython script that finds the stand-ins, and `firmware`, on its path.

A process can't outlive this one: it is killed with its parent, and ends when the world's socket closes.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Coroutine, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.parts.interpreter import compile_firmware, micropython_command
from simulator.parts.lifetime import ending_with_us
from simulator.parts.places import ROOT
from simulator.world.board import HARD_RESET
from simulator.world.flash import Cut, Flash
from simulator.world.world import World

DATA_KB = 160
"""Heap for what the program works on; this 64-bit interpreter's objects take twice their room on the chip."""

CODE_KB = 240
"""Heap for the code, which the chip runs from flash and this interpreter loads: firmware, and stand-ins."""

HEAP = f"{DATA_KB + CODE_KB}k"


FIRMWARE = ROOT / "firmware"
BOARDS = ROOT / "simulator" / "boards"


class ControllerError(Exception):
    """A controller's flash could not be made, or its interpreter did not start; the text says why."""


@dataclass(frozen=True)
class Identity:
    """What is written into a controller at the factory: `/data/identity.json`. Keys in hex."""

    site: str
    device: str
    board: str
    broker_host: str
    broker_port: int
    psk: str
    key: str


def identity(site: str, device: str, board: str, broker_port: int, psk: str, key: str) -> Identity:
    """An identity whose broker listens on this machine."""
    return Identity(site, device, board, "127.0.0.1", broker_port, psk, key)


async def make_flash(path: Path, who: Identity) -> None:
    """A flash as it leaves the factory. ControllerError."""
    half = path.with_suffix(".half")
    Flash.create(half)
    paper = path.with_name("identity.json")
    paper.touch(mode=0o600)
    paper.write_text(json.dumps(asdict(who)))
    process = await asyncio.create_subprocess_exec(
        *micropython_command(),
        str(BOARDS / "make_flash.py"),
        str(half),
        str(paper),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    paper.unlink()
    if process.returncode:
        raise ControllerError(f"{path}: {output.decode(errors='replace').strip()}")
    half.chmod(0o600)
    half.rename(path)


class Controller:
    """One controller: the process and its power."""

    def __init__(
        self, world: World, name: str, folder: Path, program: Path, search_path: str, interpreter: list[str]
    ) -> None:
        self.name = name
        self.folder = folder
        self.board = world.boards[name]
        self.flash = Flash(folder / "flash.bin")
        self.starts = 0
        """Times the processor has started."""
        self._world = world
        self._program = program
        self._search_path = search_path
        self._interpreter = interpreter
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = 0
        """Counts starts and ends asked for, so that an older start finds out that it is no longer wanted."""
        self.board.flash = self.flash
        self.board.processor = self

    @property
    def running(self) -> bool:
        """Whether a process runs."""
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    def power(self, on: bool) -> None:
        """Mains to the controller and everything on its board; nothing happens if it is so already."""
        if on == self.board.powered:
            return
        if on:
            self.board.power_on()
            self.board.log.add(self.name, "power", detail="on")
            self._launch()
        else:
            self.cut("off")

    def cut(self, why: str) -> None:
        """The power is gone, now: SIGKILL, outputs fall. What was written to flash stays."""
        self._end()
        self.board.power_off()
        self.board.log.add(self.name, "power", detail=why)

    def reset(self) -> None:
        """Press the reset button."""
        self.restart(HARD_RESET, "reset button")

    def restart(self, cause: int, why: str) -> None:
        """The processor starts again; the chips around keep their power. Without power nothing happens."""
        if not self.board.powered:
            return
        self._end()
        self.board.processor_reset()
        self.board.reset_cause = cause
        self.board.log.add(self.name, "power", detail=why)
        self._launch()

    def cut_at_flash_write(self, count: int, *, torn: bool = True) -> None:
        """The power fails at the `count`-th program or erase from now (1 = the next), half-way if torn, else
        before it.
        """
        self.flash.cut = Cut(count, torn)

    def rss_bytes(self) -> int:
        """Resident memory of the process, the Python that carries the interpreter included. 0 without a
        process.
        """
        return self._status("VmRSS")

    def _status(self, field: str) -> int:
        if self.pid is None:
            return 0
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def console(self) -> str:
        """All it has printed."""
        path = self.folder / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def ended(self) -> int:
        """Wait until the process of now has ended; its exit code (negative: killed by that signal)."""
        if self._starting is not None:
            await self._starting
        if self._process is None:
            raise ControllerError(f"{self.name} was never started")
        return await self._process.wait()

    async def close(self) -> None:
        """End the process and let go of the flash."""
        if self.board.powered:
            self.cut("off")
        await asyncio.gather(*self._tasks)
        self.flash.close()
        self.board.flash = None

    def _end(self) -> None:
        self._turn += 1
        connection = self._world.connections.get(self.name)
        if connection is not None:
            connection.drop()
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    def _launch(self) -> None:
        self._turn += 1
        self._starting = self._keep(self._run(self._turn, self._starting, self._process))

    def _keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(
        self, turn: int, starting: asyncio.Task[None] | None, before: asyncio.subprocess.Process | None
    ) -> None:
        """Start the process, unless the power has gone or another start was asked for meanwhile."""
        if starting is not None:
            await starting
        if before is not None:
            await before.wait()
        if turn == self._turn:
            try:
                process = await self._execute()
            except (OSError, subprocess.SubprocessError) as error:
                self.board.log.add(self.name, "fault", detail=f"the interpreter did not start: {error}")
                return
            if turn != self._turn:
                process.kill()
                await process.wait()
                return
            self._process = process
            self.starts += 1
            self._keep(self._watch(process))

    async def _execute(self) -> asyncio.subprocess.Process:
        host, port = self._world.address
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "MICROPYPATH": self._search_path,
            "LOQUET_WORLD": f"{host}:{port}",
            "LOQUET_CONTROLLER": self.name,
            "LOQUET_FLASH": str(self.flash.path),
        }
        with (self.folder / "console.log").open("ab") as console:
            return await asyncio.create_subprocess_exec(
                *self._interpreter,
                str(self._program),
                env=environment,
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=asyncio.subprocess.STDOUT,
                preexec_fn=ending_with_us(),
            )

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if process is self._process and code != -signal.SIGKILL:
            # On the board the watchdog would find it; it does here too, if the program had started it.
            self.board.log.add(self.name, "fault", detail=f"the program ended with {code}")


class Fleet:
    """The controllers of a world. `folder` has one for each and the compiled code; `firmware`: its source;
    `interpreter`: the command of another MicroPython than the board's double.

    Entering compiles what has changed: CompileError, LookupError (`simulator.parts.interpreter`).
    """

    def __init__(
        self,
        world: World,
        folder: Path,
        *,
        program: Path | None = None,
        firmware: Path = FIRMWARE,
        interpreter: list[str] | None = None,
    ) -> None:
        self._world = world
        self._firmware = firmware
        self._folder = folder
        self._program = program
        self._interpreter = interpreter
        self._controllers: dict[str, Controller] = {}

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._compile)
        return self

    @property
    def code(self) -> Path:
        """Where the compiled files lie: `main.py`, `firmware/**.mpy`, `boards/*.mpy`."""
        return self._folder / "code"

    def _compile(self) -> None:
        compile_firmware(self._firmware, self.code / "firmware")
        compile_firmware(BOARDS, self.code / "boards")
        shutil.copyfile(FIRMWARE / "main.py", self.code / "main.py")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for controller in self._controllers.values():
            await controller.close()

    def __getitem__(self, name: str) -> Controller:
        return self._controllers[name]

    def __iter__(self) -> Iterator[Controller]:
        return iter(self._controllers.values())

    async def add(self, name: str, who: Identity) -> Controller:
        """Put a controller in its place, without power; a flash is kept. ControllerError, LookupError."""
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "flash.bin").exists():
            await make_flash(folder / "flash.bin", who)
        program = self._program or self.code / "main.py"
        path = f"{self.code / 'boards'}:{self.code}:.frozen"
        interpreter = self._interpreter or micropython_command(HEAP)
        controller = Controller(self._world, name, folder, program, path, interpreter)
        self._controllers[name] = controller
        return controller
