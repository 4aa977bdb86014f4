"""A site for the bench: a broker on the gateway's own generated files, with one listener more for devices
without TLS, a gateway, and the programs that load them. Everything ends with it.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gateway import settings as gateway_settings
from gateway.broker import files, passwords, revocation
from simulator.bench.load import counting
from simulator.bench.load.orders import Orders, Result
from simulator.orchestrator.ensemble import Ensemble
from simulator.orchestrator.files import toml, write_private
from simulator.orchestrator.processes import Child, ProcessError
from simulator.orchestrator.runfolder import LOOPBACK, free_port
from simulator.parts.broker import broker_command
from simulator.parts.places import ROOT
from simulator.proxy import Link

SITE = "bench"
PASSWORD = "only-for-this-run"
LOOKER = "looker"
"""A user of the plain listener who may read all that devices say: bare subscribers and peers log in as it."""
START_S = 30.0


def names(count: int) -> tuple[str, ...]:
    """Ids of so many devices."""
    return tuple(f"d-{number:03}" for number in range(1, count + 1))


class Site(Ensemble):
    """`async with Site(folder, devices) as site:` a broker runs; the rest is started by who needs it."""

    def __init__(self, folder: Path, devices: int, queued: int = 1000) -> None:
        super().__init__()
        self.folder = folder
        self.devices = names(devices)
        self.port = 0
        """The listener for devices with a password."""
        self.server = Link("gateway to server", target_port=free_port())
        """Between gateway and server; `server.target_port` is where a server is to listen."""
        self.broker: Child
        self.gateway: Child
        self.arrivals = folder / "arrivals.jsonl"
        """Ledger of the counting server."""
        self._queued = queued
        self._crowds = 0

    async def _start(self) -> None:
        await self._stack.enter_async_context(self.server)
        self._write_files()
        await self.start_broker()

    def _write_files(self) -> None:
        folder = self.folder
        write_private(folder / "token", counting.TOKEN + "\n")
        write_private(
            folder / "devices.json", json.dumps({name: os.urandom(32).hex() for name in self.devices})
        )
        self.config = write_private(
            folder / "gateway.toml",
            toml(
                {
                    "site": SITE,
                    "server_url": f"http://{LOOPBACK}:{self.server.port}",
                    "token_file": "token",
                    "store": "store/gateway.db",
                    "broker": f"{LOOPBACK}:{free_port()}",
                    "broker_dir": "broker",
                    "tls_listen": f"{LOOPBACK}:{free_port()}",
                    "broker_pid_file": "broker/mosquitto.pid",
                    "devices_file": "devices.json",
                    "persist_dir": "kept",
                }
            ),
        )
        self.settings = gateway_settings.read(self.config)

    def use_token(self, token: str) -> None:
        """Speak to a real server with its token, before the gateway starts."""
        write_private(self.folder / "token", token + "\n")

    # ---- processes

    def child(self, name: str, command: list[str]) -> Child:
        """A program of this run, ended with the site."""
        made = Child(name, command, self.folder / f"{name}.log", folder=ROOT)
        self._stack.push_async_callback(made.stop)
        return made

    async def start_broker(self) -> None:
        """mosquitto on the generated files and a listener for users with a password."""
        written = files.write(self.settings, revocation.admitted(self.settings))
        self.port = self.port or free_port()
        users = write_private(
            self.folder / "users",
            "".join(passwords.entry(name, PASSWORD) for name in (*self.devices, LOOKER)),
        )
        rights = write_private(
            self.folder / "rights.acl",
            written.rights.read_text() + f"\nuser {LOOKER}\ntopic readwrite #\n\npattern write tb/%u/up\n",
        )
        text = written.configuration.read_text().replace(
            "max_queued_messages 1000", f"max_queued_messages {self._queued}"
        )
        configuration = write_private(
            self.folder / "broker.conf",
            text + f"\nlistener {self.port} {LOOPBACK}\nallow_anonymous false\n"
            f"password_file {users}\nacl_file {rights}\n",
        )
        self.broker = self.child("broker", broker_command(configuration))
        await self.broker.start()
        await listens(self.broker, self.port)
        await listens(self.broker, self.settings.broker.port)

    async def start_gateway(self) -> None:
        """The gateway, as a site starts it; returns once it hears the broker's devices."""
        self.gateway = self.child(
            "gateway", [sys.executable, "-m", "gateway", "run", "--config", str(self.config)]
        )
        await self.gateway.start()

    async def start_counting(self) -> Child:
        """A server that only counts what arrives, behind `server`."""
        child = self.child(
            "counting",
            [
                sys.executable,
                "-m",
                "simulator.bench.load.counting",
                str(self.server.target_port),
                str(self.arrivals),
            ],
        )
        await child.start()
        await listens(child, self.server.target_port)
        return child

    # ---- loads

    async def start_crowd(self, **how: object) -> tuple[Child, Path]:
        """A crowd under orders, and the file in which its result will be."""
        self._crowds += 1
        result = self.folder / f"crowd-{self._crowds}.result.json"
        orders = Orders(
            **{
                "site": SITE,
                "port": self.port,
                "password": PASSWORD,
                "devices": self.devices,
                "result": str(result),
                **how,
            }  # type: ignore[arg-type]
        )
        path = self.folder / f"crowd-{self._crowds}.orders.json"
        orders.write(path)
        child = self.child(
            f"crowd-{self._crowds}", [sys.executable, "-m", "simulator.bench.load.crowd", str(path)]
        )
        await child.start()
        return child, result

    async def crowd(self, within_s: float = 300.0, **how: object) -> Result:
        """Play orders to their end."""
        return await finished(*await self.start_crowd(**how), within_s=within_s)

    def arrived(self, boot: int = 1) -> list[tuple[float, str, list[tuple[str, int, int]], int]]:
        """The counting server's ledger: when, gateway's lane, (device, lane, number) of each record of a boot
        (a crowd's, unless its orders say otherwise, is 1), gaps.
        """
        if not self.arrivals.exists():
            return []
        text = self.arrivals.read_text()
        rows = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [
            (at, lane, [(device, of, number) for device, of, number, made in seen if made == boot], gaps)
            for at, lane, seen, gaps in rows
        ]


async def finished(child: Child, result: Path, within_s: float) -> Result:
    """A crowd's result once its process has ended. ProcessError, TimeoutError."""
    if child.process is None:
        raise ProcessError(f"{child.name} was not started")
    status = await asyncio.wait_for(child.process.wait(), within_s)
    if status != 0:
        raise ProcessError(f"{child.name} ended with {status}:\n{child.tail()}")
    return Result.read(result)


async def listens(child: Child, port: int) -> None:
    """Wait until somebody listens on a port. ProcessError if the program ends first or takes too long."""
    deadline = time.monotonic() + START_S
    while True:
        child.check()
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            if time.monotonic() > deadline:
                raise ProcessError(f"{child.name} does not listen:\n{child.tail()}") from None
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


async def until(holds: Callable[[], bool], what: str, within_s: float, every_s: float = 0.05) -> None:
    """Wait for a condition outside this process; TimeoutError names it."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within_s:.0f} s in vain: {what}")
        await asyncio.sleep(every_s)
