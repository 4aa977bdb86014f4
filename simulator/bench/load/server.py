"""Our server as it is installed: set up on a site file, on either database, one process or several."""

import asyncio
import sys
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Self

from simulator.bench.line import NotHereError
from simulator.bench.load.site import listens
from simulator.orchestrator.ensemble import Ensemble
from simulator.orchestrator.files import Secrets, read_secrets, toml, write_private
from simulator.orchestrator.processes import Child, ProcessError
from simulator.orchestrator.runfolder import LOOPBACK, free_port
from simulator.parts import postgres
from simulator.parts.places import ROOT


class Database:
    """Where the server keeps what it knows; ends with its `async with`. `kind` is `sqlite` or `postgres`."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.url = f"sqlite:///{folder / 'server.db'}"
        self.version = ""
        self._folder = folder
        self._cluster: postgres.Cluster | None = None

    async def __aenter__(self) -> Self:
        if self.kind == "postgres":
            if postgres.find() is None:
                raise NotHereError("no PostgreSQL here: run ./loquet setup postgres")
            try:
                self._cluster = await asyncio.to_thread(postgres.start, self._folder / "postgres")
            except postgres.PostgresError as error:
                raise NotHereError(str(error)) from error
            await asyncio.to_thread(self._cluster.create, "bench")
            self.url, self.version = self._cluster.url("bench"), self._cluster.version
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._cluster is not None:
            await asyncio.to_thread(self._cluster.stop)


class Servers(Ensemble):
    """`async with Servers(folder, database, site_file) as servers:` set up and running, on `ports`."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        site_file: str,
        processes: int = 1,
        port: int = 0,
        more: dict[str, str | int | bool] | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.database = database
        self.secrets: Secrets
        self.ports = [port or free_port(), *(free_port() for _ in range(processes - 1))]
        self.children: list[Child] = []
        self._site_file = site_file
        self._more = more or {}

    @property
    def port(self) -> int:
        """The first process's."""
        return self.ports[0]

    async def run(self, *arguments: str) -> str:
        """A verb of the server's command line; what it prints. ProcessError."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server",
            *arguments,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await process.communicate()
        if process.returncode != 0:
            raise ProcessError(f"server {arguments[0]}: {complaint.decode(errors='replace').strip()[-600:]}")
        return said.decode()

    def config(self, at: int) -> Path:
        """The settings file of one process."""
        return self.folder / f"server-{at}.toml"

    async def _start(self) -> None:
        site = write_private(self.folder / "site.toml", self._site_file)
        secret = token_hex(16)
        for at, port in enumerate(self.ports):
            write_private(
                self.config(at),
                toml(
                    {
                        "database_url": self.database.url,
                        "listen": f"{LOOPBACK}:{port}",
                        "base_url": f"http://{LOOPBACK}:{port}",
                        "data_key_file": "data.key",
                        "webhook_secret": secret,
                        "secure_cookies": False,
                        **self._more,
                    }
                ),
            )
        kept = self.folder / "secrets.json"
        await self.run("setup", "--config", str(self.config(0)), "--site", str(site), "--secrets", str(kept))
        self.secrets = read_secrets(kept)
        for at, port in enumerate(self.ports):
            child = Child(
                f"server-{at}",
                [sys.executable, "-m", "server", "run", "--config", str(self.config(at))],
                self.folder / f"server-{at}.log",
                folder=ROOT,
            )
            self.children.append(child)
            self._stack.push_async_callback(child.stop)
            await child.start()
            await listens(child, port)
