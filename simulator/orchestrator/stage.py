"""The stage: brokers, server, gateways, controllers and their world, all running."""

import asyncio
import re
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx

from simulator.controllers import Fleet, identity
from simulator.load.launch import Load, load_command
from simulator.mailbox import Mailbox
from simulator.orchestrator import files
from simulator.orchestrator.eavesdropper import Eavesdropper
from simulator.orchestrator.ensemble import Ensemble
from simulator.orchestrator.interpreters import InterpreterClock
from simulator.orchestrator.processes import Child, ProcessError
from simulator.orchestrator.runfolder import LOOPBACK, free_port
from simulator.orchestrator.stores import Choice, open_stores
from simulator.parts.broker import broker_command
from simulator.parts.places import ROOT
from simulator.proxy import Link
from simulator.world.world import World

START_S = 40.0
"""Seconds a part may take until it is ready; a noisy machine takes a few."""

WORLD_SPEED = 10.0
"""Cold rooms and zones live ten times as fast as people and doors: their own factor, nothing else's."""


EMBEDDED = Choice()
"""No database but the server's own file."""


@dataclass(frozen=True)
class Breakage:
    """What a sabotage changes before anything starts: patches of programs (`simulator.story.broken`)."""

    name: str
    programs: tuple[str, ...] = ()
    firmware: tuple[str, str, str] | None = None
    """(file in firmware/, text, replacement)."""


class Stage(Ensemble):
    """Everything of one run. Processes: `server`, `broker:SITE`, `gateway:SITE`; links: `CONTROLLER` (to its
    broker) and `gateway:SITE` (to the server).
    """

    def __init__(
        self,
        folder: Path,
        scenario: Path,
        port: int,
        seed: int,
        say: Callable[[str], None],
        breakage: Breakage | None,
        stores: Choice = EMBEDDED,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.scenario = scenario
        self.document: dict[str, Any] = tomllib.loads(scenario.read_text(encoding="utf-8"))
        self.port = port
        self.say = say
        self.children: dict[str, Child] = {}
        self.links: dict[str, Link] = {}
        self.taps: dict[str, Eavesdropper] = {}
        self.mailbox = Mailbox()
        self.world = World(scenario, seed=seed, speed=WORLD_SPEED)
        self.fleet: Fleet
        self.interpreters: InterpreterClock
        self.secrets: files.Secrets
        self.gateways: dict[str, files.GatewayFiles] = {}
        self._expected: set[str] = set()
        self._breakage = breakage
        self._stores = stores
        self._clients: dict[str, httpx.AsyncClient] = {}

    @property
    def server_url(self) -> str:
        """Where the server's pages are."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def command_ttl_s(self) -> float:
        """How long a remote opening may take, as the server is configured."""
        return files.COMMAND_TTL_S

    @property
    def sites(self) -> list[str]:
        """Ids of the sites."""
        return [site["id"] for site in self.document["sites"]]

    def site_of(self, controller: str) -> str:
        """The site a controller belongs to."""
        return self.world.plans[controller].site

    def check(self) -> None:
        """Raises ProcessError if a program that should run has ended by itself."""
        for name in self._expected:
            self.children[name].check()

    async def start(self, name: str) -> None:
        """Start a program again that was stopped or killed; waits until it is ready."""
        await self.children[name].start()
        self._expected.add(name)
        await self._ready(name)

    async def stop(self, name: str) -> None:
        """End a program in good order."""
        self._expected.discard(name)
        await self.children[name].stop()

    def running(self) -> dict[str, bool]:
        """Every program, and whether it runs now."""
        return {name: child.is_running for name, child in self.children.items()}

    async def power(self, controller: str, on: bool) -> None:
        """Switch a controller's mains."""
        self.fleet[controller].power(on)

    async def reset(self, controller: str) -> None:
        """Press a controller's reset button."""
        self.fleet[controller].reset()

    async def kill(self, name: str) -> None:
        """SIGKILL a program."""
        self._expected.discard(name)
        await self.children[name].kill()

    def client(self) -> httpx.AsyncClient:
        """A new browser without any cookie, ended with the stage."""
        client = httpx.AsyncClient(
            base_url=self.server_url,
            timeout=10.0,
            follow_redirects=True,
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        self._stack.push_async_callback(client.aclose)
        return client

    async def login(self, email: str) -> httpx.AsyncClient:
        """A browser in which that person has asked for a login link and used the one that was mailed."""
        if email not in self._clients:
            client = self.client()
            before = self.mailbox.count
            asked = await client.post("/login", data={"email": email})
            asked.raise_for_status()
            mail = await self.mailbox.wait_for(
                lambda mail: mail.to(email) and any("/login/" in link for link in mail.links), 15.0, before
            )
            link = next(link for link in mail.links if "/login/" in link)
            page = await client.get(link)
            page.raise_for_status()
            action = re.search(r'<form[^>]*method="post"[^>]*action="([^"]*)"', page.text)
            answer = await client.post(action.group(1) if action and action.group(1) else link)
            answer.raise_for_status()
            self._clients[email] = client
        return self._clients[email]

    async def login_link(self, email: str) -> str:
        """A one-time login link, as the server's command prints it."""
        said = await self._run("server", "login-link", "--config", str(self.folder / "server.toml"), email)
        return said.strip().splitlines()[-1]

    async def until(self, holds: Callable[[], bool], what: str, timeout: float = 15.0) -> None:  # noqa: ASYNC109
        """Wait for a condition of the world; TimeoutError names it."""
        try:
            await self.world.until(holds, timeout)
        except TimeoutError as error:
            raise TimeoutError(f"waited {timeout:.0f} s in vain: {what}") from error

    def load_device(self, device: str, rate: int, count: int, seed: int) -> tuple[Child, Path]:
        """A program that speaks as `device` (switch the real one off first) and makes `count` records, `rate`
        a second; with the ledger it writes.
        """
        site = self.site_of(device)
        folder = self.folder / "load"
        folder.mkdir(exist_ok=True)
        ledger = folder / f"{device}.ledger"
        port, psk = self.links[device].port, self.secrets.controllers[device]["psk"]
        load = Load(site, device, port, psk, rate, count, seed, boot=1000)
        command, environment = load_command(load, ledger)
        child = Child(f"load:{device}", command, self.folder / "logs" / f"load-{device}.log", environment)
        self._stack.push_async_callback(child.stop)
        return child, ledger

    # ---- starting ------------------------------------------------------------------------------------------

    def _program(self, program: str, *arguments: str) -> list[str]:
        if self._breakage is not None and program in self._breakage.programs:
            return [sys.executable, "-m", "simulator.story.broken", self._breakage.name, program, *arguments]
        return [sys.executable, "-m", program, *arguments]

    async def _run(self, program: str, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            program,
            *arguments,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, complaint = await process.communicate()
        if process.returncode != 0:
            raise ProcessError(
                f"{program} {arguments[0]}: {complaint.decode(errors='replace').strip()[-600:]}"
            )
        return output.decode()

    def _child(self, name: str, command: list[str]) -> None:
        log = self.folder / "logs" / f"{name.replace(':', '-')}.log"
        self.children[name] = Child(name, command, log, folder=ROOT)

    async def _launch(self, name: str, command: list[str]) -> None:
        self._child(name, command)
        self._stack.push_async_callback(self.children[name].stop)
        await self.start(name)

    async def _step(self, text: str, started: float) -> None:
        self.say(f"  {text:<46} {time.monotonic() - started:6.1f} s")

    async def _start(self) -> None:
        started = time.monotonic()
        await self._stack.enter_async_context(self.mailbox)
        await self._start_server()
        await self._step("server", started)
        await self._stack.enter_async_context(self.world)
        for site in self.sites:
            await self._start_site(site)
            await self._step(f"site {site}: broker and gateway", started)
        self.fleet = await self._stack.enter_async_context(
            Fleet(self.world, self.folder / "controllers", firmware=self._firmware())
        )
        self.interpreters = InterpreterClock(self.world.log, self.fleet)
        for name in self.world.plans:
            await self._start_controller(name)
        await self._step(f"{len(self.world.plans)} controllers under MicroPython", started)

    async def _start_server(self) -> None:
        secrets_path = self.folder / "secrets.json"
        opened = self._stack.enter_context(open_stores(self._stores, self.folder))
        for line in opened.said:
            self.say(f"  {line}")
        settings = files.write_server(
            self.folder, self.port, self.mailbox.port, token_hex(16), opened.entries
        )
        await self._run(
            "server",
            "setup",
            "--config",
            str(settings),
            "--site",
            str(self.scenario),
            "--secrets",
            str(secrets_path),
        )
        self.secrets = files.read_secrets(secrets_path)
        await self._launch("server", self._program("server", "run", "--config", str(settings)))

    async def _start_site(self, site: str) -> None:
        link = await self._stack.enter_async_context(Link(f"gateway {site} to server", target_port=self.port))
        self.links[f"gateway:{site}"] = link
        broker_port, tls_port = free_port(), free_port()
        tap = Eavesdropper(broker_port)
        await tap.start()
        self._stack.push_async_callback(tap.stop)
        self.taps[site] = tap
        psks = {
            name: self.secrets.controllers[name]["psk"]
            for name, plan in self.world.plans.items()
            if plan.site == site
        }
        gateway = files.write_gateway(
            self.folder / site,
            site,
            link.port,
            self.secrets.gateways[site],
            psks,
            broker_port,
            tap.port,
            tls_port,
        )
        self.gateways[site] = gateway
        said = await self._run("gateway", "broker", "--config", str(gateway.settings))
        configuration = Path(said.strip().splitlines()[-1])
        await self._launch(f"broker:{site}", broker_command(configuration))
        await self._launch(
            f"gateway:{site}", self._program("gateway", "run", "--config", str(gateway.settings))
        )

    async def _start_controller(self, name: str) -> None:
        plan = self.world.plans[name]
        link = await self._stack.enter_async_context(
            Link(f"{name} to broker", target_port=self.gateways[plan.site].tls_port)
        )
        self.links[name] = link
        board = "locker-bank" if plan.kind == "bank" else "cold-room"
        secret = self.secrets.controllers[name]
        controller = await self.fleet.add(
            name, identity(plan.site, name, board, link.port, secret["psk"], secret["key"])
        )
        controller.power(True)

    def _firmware(self) -> Path:
        source = ROOT / "firmware"
        if self._breakage is None or self._breakage.firmware is None:
            return source
        from simulator.story.broken import altered_firmware

        return altered_firmware(source, self.folder / "firmware", *self._breakage.firmware)

    async def _ready(self, name: str) -> None:
        kind, _, site = name.partition(":")
        child = self.children[name]
        if kind == "server":
            await self._answers(child, f"{self.server_url}/readyz")
        elif kind == "broker":
            await self._listens(child, self.gateways[site].broker_port)

    async def _answers(self, child: Child, url: str) -> None:
        async with httpx.AsyncClient(timeout=2.0) as client:
            deadline = time.monotonic() + START_S
            while True:
                child.check()
                try:
                    if (await client.get(url)).status_code == 200:
                        return
                except httpx.TransportError:
                    child.check()
                if time.monotonic() > deadline:
                    raise ProcessError(f"{child.name} was not ready after {START_S:.0f} s:\n{child.tail()}")
                await asyncio.sleep(0.05)

    async def _listens(self, child: Child, port: int) -> None:
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
