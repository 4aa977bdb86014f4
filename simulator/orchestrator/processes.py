"""Child processes that never outlive their parent: ended by pid, and by the kernel if we die first."""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from simulator.parts.lifetime import ending_with_us

GRACE_S = 5.0
"""Seconds a child has between SIGTERM and SIGKILL."""


class ProcessError(Exception):
    """A part did not start or ended by itself; the text says which, and where its log is."""


@dataclass
class Child:
    """One program with its own session (so that Ctrl-C reaches only us) and its own log file."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the program; raises ProcessError if it can't even be executed."""
        with self.log.open("ab") as log:
            try:
                self.process = await asyncio.create_subprocess_exec(
                    *self.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env={**os.environ, **self.environment},
                    start_new_session=True,
                    preexec_fn=ending_with_us(),
                )
            except OSError as error:
                raise ProcessError(f"{self.name} can't be started: {error}") from error

    @property
    def pid(self) -> int:
        """The running program's pid."""
        if self.process is None:
            raise ProcessError(f"{self.name} was not started")
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the program was started and has not ended."""
        return self.process is not None and self.process.returncode is None

    def check(self) -> None:
        """Raises ProcessError, with the last lines of the log, if the program has ended by itself."""
        if not self.is_running:
            code = None if self.process is None else self.process.returncode
            raise ProcessError(f"{self.name} ended with status {code}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """The last lines the program wrote."""
        if not self.log.exists():
            return "(no output)"
        return "\n".join("  | " + line for line in self.log.read_text(errors="replace").splitlines()[-lines:])

    async def kill(self) -> None:
        """SIGKILL, as a power cut or the kernel's out-of-memory killer would; returns when it is gone."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after the grace time; returns when it is gone."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), GRACE_S)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


def resident_kib(pid: int) -> int:
    """Resident memory of a process in KiB (Linux: VmRSS); 0 where the kernel does not say."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    for line in status.read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
