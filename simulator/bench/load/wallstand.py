"""One wall as large as the bar says (48 doors, 8 probes) under the real firmware, with a broker and a
gateway's double that acknowledges: what the figures of a controller alone are measured on.

The server's keys are here, so that configuration and grants are sealed as the server seals them.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from firmware.contract import codes, config, grants, records, seals, topics
from simulator.bench.load import sitefiles
from simulator.bench.load.site import listens
from simulator.controllers import Controller, Fleet, identity
from simulator.ear import Ear
from simulator.orchestrator.ensemble import Ensemble
from simulator.orchestrator.files import write_private
from simulator.orchestrator.processes import Child
from simulator.orchestrator.runfolder import LOOPBACK, free_port
from simulator.parts.broker import broker_command, configuration_user
from simulator.world.board import ERASE_S
from simulator.world.wall import Wall
from simulator.world.world import World

SITE = "bench"
WALL = "wall-1"
GRANTS = 60
DAY_S = 86_400
HANDS_S = 0.3
"""How long somebody is at an open compartment."""


def random_code() -> str:
    """A well-formed code of eight digits."""
    body = "".join(secrets.choice("0123456789") for _ in range(7))
    return body + codes.check_digit(body)


class WallStand(Ensemble):
    """`async with WallStand(folder) as stand:` broker and world run; `switch_on` starts the controller."""

    def __init__(
        self,
        folder: Path,
        program: Path | None = None,
        interpreter: list[str] | None = None,
        tls: bool = True,
        period_s: int = 5,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.key, self.psk = secrets.token_bytes(32), secrets.token_bytes(32)
        self.period_s = period_s
        self.seen: dict[tuple[str, int], dict[int, dict[str, object]]] = {}
        """(journal epoch, lane) → number → record."""
        self.hellos = 0
        self.controller: Controller
        self.codes: list[tuple[int, str]] = []
        """(door, code) of each grant's credential."""
        self._program, self._interpreter, self._tls = program, interpreter, tls
        self._ports = (free_port(), free_port())
        self._changed = asyncio.Event()
        self._ear = Ear(SITE, self._take)

    async def _start(self) -> None:
        await self.start_broker()
        self._stack.callback(self._ear.stop)
        await self._ear.listen(self._ports[1])
        site = write_private(self.folder / "site.toml", sitefiles.full_wall(SITE, WALL, self.period_s))
        self.world = await self._stack.enter_async_context(World(site, seed=1))
        self.wall.board.erase_s = ERASE_S
        self.fleet = await self._stack.enter_async_context(
            Fleet(
                self.world,
                self.folder / "controllers",
                program=self._program,
                interpreter=self._interpreter,
            )
        )

    async def start_broker(self) -> None:
        """mosquitto with a listener for the wall and one for us."""
        keys = write_private(self.folder / "keys", f"{WALL}:{self.psk.hex()}\n")
        listener = f"psk_file {keys}\npsk_hint bench\nuse_identity_as_username true\n"
        if not self._tls:
            listener = "allow_anonymous true\n"
        configuration = write_private(
            self.folder / "broker.conf",
            f"per_listener_settings true\nuser {configuration_user()}\nset_tcp_nodelay true\n"
            f"listener {self._ports[0]} {LOOPBACK}\n{listener}"
            f"listener {self._ports[1]} {LOOPBACK}\nallow_anonymous true\n",
        )
        self.broker = Child("broker", broker_command(configuration), self.folder / "broker.log")
        self._stack.push_async_callback(self.broker.stop)
        await self.broker.start()
        await listens(self.broker, self._ports[1])

    @property
    def wall(self) -> Wall:
        """The people's side."""
        return self.world.walls[WALL]

    async def switch_on(self, within_s: float = 40.0) -> None:
        """A controller fresh from the factory, switched on; returns when it is connected."""
        paper = identity(SITE, WALL, "locker-bank", self._ports[0], self.psk.hex(), self.key.hex())
        self.controller = await self.fleet.add(WALL, paper)
        self.controller.power(True)
        await self.until(lambda: self.hellos > 0, "the controller connects", within_s)

    # ---- the gateway's part

    def _take(self, topic: str, payload: bytes) -> None:
        _, _, leaf = topics.parse(topic)
        if leaf != "up":
            return
        message = records.decode(payload)
        epoch, boot = records.text(message, "e"), records.integer(message, "b")
        if message["k"] == "hello":
            self.hellos += 1
            for lane in records.LANES:
                self._acknowledge(epoch, lane, boot)
        else:
            lane = records.integer(message, "l")
            self.seen.setdefault((epoch, lane), {})[records.integer(message, "n")] = message
            self._acknowledge(epoch, lane, boot)
        self._changed.set()

    def _acknowledge(self, epoch: str, lane: int, boot: int) -> None:
        held = self.seen.get((epoch, lane), {})
        upto = 0
        while upto + 1 in held:
            upto += 1
        self._publish("ack", records.encode(records.ack(epoch, lane, boot, upto)))

    def _publish(self, leaf: str, payload: bytes) -> None:
        self._ear.publish(topics.topic(SITE, WALL, leaf), payload)

    def events(self, kind: str) -> list[dict[str, object]]:
        """Event records of one kind."""
        return [
            record
            for (_, lane), numbered in self.seen.items()
            if lane == records.EVENTS
            for record in numbered.values()
            if record["k"] == kind
        ]

    @property
    def readings(self) -> int:
        """Readings records heard."""
        return sum(len(each) for (_, lane), each in self.seen.items() if lane == records.READINGS)

    async def until(self, holds: Callable[[], object], what: str, within_s: float = 20.0) -> None:
        """Wait for something that is heard or seen; TimeoutError names it, with the console's end."""
        deadline = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {within_s:.0f} s in vain: {what}; display: {self.shown!r}")
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), 0.02)
            except TimeoutError:
                continue

    # ---- the server's part

    def _send(self, body: bytes) -> None:
        key = seals.derive(self.key, b"doc")
        self._publish("desired", seals.seal(key, SITE, WALL, "desired", body))

    def _applied(self, document: str, version: int) -> bool:
        return any(
            record["d"] == document and record["ver"] == version and record["ok"] == 1
            for record in self.events("applied")
        )

    async def configure(self) -> None:
        """The wall's whole configuration, applied."""
        plan = self.world.plans[WALL]
        document = config.Config(
            1,
            plan.kind,
            "02 33 00 00 00",
            1,
            self.period_s,
            400,
            3,
            2,
            300,
            120,
            plan.configured_boards(),
            plan.configured_doors(),
            [
                config.Zone(zone.id, zone.bus, list(zone.probes), -100, 2000, 2000, 1800, 600, 120)
                for zone in plan.zones
            ],
        )
        self._send(document.pack())
        await self.until(lambda: self._applied("cfg", 1), "the configuration is applied")

    async def grant(self, count: int = GRANTS) -> None:
        """So many live grants, one credential each, over the doors in turn; applied."""
        now, code_key = int(time.time()), seals.derive(self.key, b"code")
        doors = len(self.world.plans[WALL].doors)
        packed = []
        for number in range(1, count + 1):
            door, code = (number - 1) % doors + 1, random_code()
            self.codes.append((door, code))
            made = grants.Grant(
                number,
                number,
                grants.CUSTOMER,
                0,
                door,
                now - 60,
                now + DAY_S,
                0,
                seals.code_mac(code_key, code),
                bytes(8),
                f"Commande {number}",
            )
            packed.append(made.pack())
        for body in grants.pieces(1, 0, [], packed):
            self._send(body)
        await self.until(lambda: self._applied("grants", 1), "the grants are applied")

    async def opens(self, number: int) -> int:
        """Type a credential's code until its door has been opened, shut it; the door's number."""
        door, code = self.codes[number]
        mark = len(self.world.log)
        await self.until(lambda: "votre code" in self.shown, "the keypad asks for a code", 40)
        await self.wall.type(code)
        await self.until(
            lambda: any(event.door == door for event in self.world.log.of(WALL, "coil_on", since=mark)),
            f"the coil of door {door} starts",
        )
        await self.until(lambda: self.wall.door_is_open(door), f"door {door} opens")
        # As hands do: the firmware looks at a contact several times before it believes it.
        await self.until(
            lambda: f"porte {door} ouverte" in self.shown, f"the display says that {door} is open"
        )
        await asyncio.sleep(HANDS_S)
        self.wall.push(door)
        await self.until(lambda: not self.wall.door_is_open(door), f"door {door} shuts")
        return door

    @property
    def console(self) -> str:
        """All that the controller has printed; empty before it is switched on."""
        return self.controller.console() if hasattr(self, "controller") else ""

    @property
    def shown(self) -> str:
        """The display as one text, in lower case."""
        return " ".join(" ".join(line.split()) for line in self.wall.display()).lower()
