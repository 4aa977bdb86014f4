"""One site for the controllers' own tests: a world, a real broker, a gateway that only acknowledges.

The server's keys are here, so that a test can say what only the server may say.
"""

import asyncio
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware.contract import codes, config, grants, records, seals, topics
from firmware.contract.commands import Command
from simulator.controllers import Controller, Fleet, identity
from simulator.ear import Ear
from simulator.parts import broker
from simulator.world.wall import HOLD_S, Wall
from simulator.world.world import World

SITE = "bench"
_WAIT_S = 20.0
_PRESSES = 5


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def random_code(digits: int) -> str:
    """A well-formed code of so many digits."""
    body = "".join(secrets.choice("0123456789") for _ in range(digits - 1))
    return body + codes.check_digit(body)


def wrong_code() -> str:
    """Well-formed, and nobody's."""
    return random_code(8)


class Device:
    """One controller as the gateway sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = secrets.token_bytes(32)
        self.psk = secrets.token_bytes(32)
        self.records: dict[tuple[str, int, int], dict[str, object]] = {}
        """By (epoch, lane, number): a record sent twice is one record."""
        self.hellos: list[dict[str, object]] = []
        self.states: list[dict[str, object]] = []
        self.acknowledges = True
        self.version = 0
        self.held: list[bytes] = []
        self.heard_at = 0.0
        """Monotonic time of the last hello."""

    def events(self, kind: str) -> list[dict[str, object]]:
        """Event records of one kind in their order."""
        found = [record for record in self.records.values() if record["l"] == 0 and record["k"] == kind]
        return sorted(found, key=lambda record: str(record["n"]).zfill(12))


class Bench:
    """`async with Bench(folder) as bench:` everything runs inside and is gone afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World(Path(__file__).with_name("site.toml"), seed=3)
        self.devices: dict[str, Device] = {}
        self._ports = (_free_port(), _free_port())
        self._broker: subprocess.Popen[bytes] | None = None
        self._ear = Ear(SITE, self._take)
        self._fleet: Fleet | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.devices = {name: Device(name) for name in ("wall", "small", "rooms")}
        self.start_broker()
        await self._ear.listen(self._ports[1], _WAIT_S)
        await self.world.__aenter__()
        self._fleet = Fleet(self.world, self.folder)
        await self._fleet.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._fleet is not None
        await self._fleet.__aexit__(kind, error, trace)
        await self.world.__aexit__(kind, error, trace)
        self._ear.stop()
        self.stop_broker()

    def start_broker(self) -> None:
        """mosquitto with a listener for devices (pre-shared keys) and one for us."""
        found = broker.find()
        assert found is not None
        keys = "".join(f"{device.name}:{device.psk.hex()}\n" for device in self.devices.values())
        (self.folder / "keys").write_text(keys)
        (self.folder / "broker.conf").write_text(
            f"""per_listener_settings true
user {broker.configuration_user()}
listener {self._ports[0]} 127.0.0.1
psk_file {self.folder / "keys"}
psk_hint bench
use_identity_as_username true
listener {self._ports[1]} 127.0.0.1
allow_anonymous true
"""
        )
        with (self.folder / "broker.log").open("ab") as log:
            self._broker = subprocess.Popen(
                [found.program, "-c", self.folder / "broker.conf"], stdout=log, stderr=log
            )

    def stop_broker(self) -> None:
        """SIGKILL: the broker is a wire, never a store."""
        assert self._broker is not None
        self._broker.kill()
        self._broker.wait()

    async def start(self, name: str) -> Controller:
        """A controller fresh from the factory, switched on."""
        assert self._fleet is not None
        device = self.devices[name]
        board = "cold-room" if name == "rooms" else "locker-bank"
        paper = identity(SITE, name, board, self._ports[0], device.psk.hex(), device.key.hex())
        controller = await self._fleet.add(name, paper)
        controller.power(True)
        return controller

    def wall(self, name: str = "wall") -> Wall:
        """The people's side."""
        return self.world.walls[name]

    async def type(self, name: str, keys: str) -> None:
        """Type as somebody does who looks at the display: a key is held until it has been taken, or pressed
        again.
        """
        wall = self.wall(name)
        for key in keys:
            before = wall.display()
            for _ in range(_PRESSES):
                wall.key_down(key)
                try:
                    await self.until(lambda before=before: wall.display() != before, 1)  # type: ignore[misc]
                except TimeoutError:
                    continue
                finally:
                    wall.key_up(key)
                    await asyncio.sleep(HOLD_S)
                break

    # The gateway.

    def _take(self, topic: str, payload: bytes) -> None:
        _, name, leaf = topics.parse(topic)
        device = self.devices.get(name)
        if device is None or leaf not in ("up", "state"):
            return
        message = records.decode(payload)
        if leaf == "state":
            device.states.append(message)
        elif message["k"] == "hello":
            device.hellos.append(message)
            device.heard_at = time.monotonic()
            for lane in records.LANES:
                self._acknowledge(device, message, lane)
        else:
            records.check(message)
            lane, seq = records.integer(message, "l"), records.integer(message, "n")
            device.records[(records.text(message, "e"), lane, seq)] = message
            self._acknowledge(device, message, lane)
        self._changed.set()

    def _acknowledge(self, device: Device, message: dict[str, object], lane: int) -> None:
        if not device.acknowledges:
            return
        epoch, boot = records.text(message, "e"), records.integer(message, "b")
        upto = 0
        while True:
            following = device.records.get((epoch, lane, upto + 1))
            gap = next(
                (
                    record
                    for (e, at, _), record in device.records.items()
                    if e == epoch and at == lane and record["k"] == "gap" and record["f"] == upto + 1
                ),
                None,
            )
            if following is None and gap is None:
                break
            upto = records.integer(gap, "n") if gap is not None else upto + 1
        self._publish(device.name, "ack", records.encode(records.ack(epoch, lane, boot, upto)))

    def acknowledge(self, name: str, epoch: str, lane: int, upto: int) -> None:
        """An acknowledgement of whatever number."""
        self._publish(name, "ack", records.encode(records.ack(epoch, lane, 1, upto)))

    def _publish(self, name: str, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        self._ear.publish(topics.topic(SITE, name, leaf), payload, retain=retain)

    def told(self) -> str:
        """What everybody saw and printed, for a failed test's output."""
        consoles = [path.read_text(errors="replace")[-3000:] for path in self.folder.rglob("console.log")]
        lines = consoles + [f"{wall.id}: {wall.display()}" for wall in self.world.walls.values()]
        for device in self.devices.values():
            lines += [f"{device.name}: {record}" for record in device.records.values() if record["l"] == 0]
        lines += [f"{e.controller} {e.kind} {e.door} {e.detail}" for e in self.world.log if e.kind != "flash"]
        return "\n".join(lines)

    async def until(self, what: Callable[[], object], within_s: float = _WAIT_S) -> None:
        """Wait for something that the gateway or the world will see; TimeoutError."""
        end = time.monotonic() + within_s
        while not what():
            self._changed.clear()
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                await asyncio.wait_for(self._changed.wait(), min(left, 0.02))
            except TimeoutError:
                continue

    # The server.

    def seal(self, name: str, leaf: str, body: bytes) -> bytes:
        """What only the server can make."""
        key = seals.derive(self.devices[name].key, b"doc")
        return seals.seal(key, SITE, name, leaf, body)

    async def configure(self, name: str, version: int = 1, **changes: int) -> None:
        """Send a configuration for the plan of this controller and wait until it is applied."""
        plan = self.world.plans[name]
        times = {"delay": 3, "silence": 4, "ajar": 60, "high": 400, "alert": 400} | changes
        document = config.Config(
            version,
            plan.kind,
            "02 33 00 00 00",
            1,
            2,
            400,
            3,
            1,
            300,
            120,
            plan.configured_boards(),
            plan.configured_doors(),
            [
                config.Zone(
                    zone.id,
                    zone.bus,
                    list(zone.probes),
                    -300,
                    times["high"],
                    times["alert"],
                    times["delay"],
                    times["silence"],
                    times["ajar"],
                )
                for zone in plan.zones
            ],
        )
        self._publish(name, "desired", self.seal(name, "desired", document.pack()))
        await self.until(lambda: self._applied(name, "cfg", version))

    def _applied(self, name: str, document: str, version: int) -> bool:
        return any(
            record["d"] == document and record["ver"] == version and record["ok"] == 1
            for record in self.devices[name].events("applied")
        )

    async def grant(self, name: str, *fresh: grants.Grant) -> None:
        """Make these the controller's whole set, and wait until it is applied."""
        device = self.devices[name]
        after = [grant.pack() for grant in fresh]
        base = device.version
        device.version += 1
        for body in grants.pieces(device.version, base, device.held if base else [], after):
            self._publish(name, "desired", self.seal(name, "desired", body))
        device.held = after
        version = device.version
        await self.until(lambda: self._applied(name, "grants", version))

    def mac(self, name: str, code: str) -> bytes:
        """A code as the controller knows it."""
        return seals.code_mac(seals.derive(self.devices[name].key, b"code"), code)

    def command(self, name: str, op: str, ttl_ms: int = 30_000, **fields: str | int) -> bytes:
        """A sealed command for the present boot."""
        hello = self.devices[name].hellos[-1]
        uptime = records.integer(hello, "u") + int((time.monotonic() - self.devices[name].heard_at) * 1000)
        body = Command(
            secrets.token_hex(8),
            op,
            records.integer(hello, "b"),
            uptime + ttl_ms,
            int(fields.get("door", 0)),
            str(fields.get("zone", "")),
            str(fields.get("block_id", "")),
            str(fields.get("by", "")),
        )
        return self.seal(name, "cmd", body.pack())

    def send_command(self, name: str, payload: bytes, *, retain: bool = False) -> None:
        """Put it on the wire."""
        self._publish(name, "cmd", payload, retain=retain)

    def send_desired(self, name: str, payload: bytes) -> None:
        """Put any bytes on the wire as desired state."""
        self._publish(name, "desired", payload)

    def send_time(self, unix: int, quality: int = records.DISCIPLINED) -> None:
        """The gateway's word for the time."""
        self._ear.publish(
            topics.topic(SITE, topics.GATEWAY, "time"),
            json.dumps({"v": 1, "t": unix, "q": quality, "e": "0" * 16}),
        )
