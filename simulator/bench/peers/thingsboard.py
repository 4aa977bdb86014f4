"""thingsboard-gateway as its makers ship it, in an environment of its own: MQTT connector → SQLite storage →
an upstream broker that stands for a ThingsBoard server. Rate limits are switched off, everything else has its
defaults; its session at our broker is kept while it is away, which is kinder to it than its own default.
"""

import asyncio
import json
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.bench.line import NotHereError
from simulator.bench.load.site import LOOKER, PASSWORD, Site, listens, until
from simulator.bench.peers.upstream import RIGHTS
from simulator.orchestrator.ensemble import Ensemble
from simulator.orchestrator.files import write_private
from simulator.orchestrator.processes import Child
from simulator.orchestrator.runfolder import LOOPBACK, free_port
from simulator.parts.broker import broker_command, configuration_user
from simulator.parts.places import PARTS
from simulator.proxy import Link

VERSION = "3.8.5"
FOLDER = PARTS / "peers" / "thingsboard"
TOPIC = "tb/{}/up"
WINDOW = 10_000
"""Records that may be under way to its upstream: it gathers for 50 ms and more."""
START_S = 60.0
LIMITS_OFF = (
    "rateLimits",
    "dpRateLimits",
    "messagesRateLimits",
    "deviceMessagesRateLimits",
    "deviceRateLimits",
    "deviceDpRateLimits",
)


def prepare(say: Callable[[str], None]) -> None:
    """Install it if it is not there. NotHereError if it can't be had."""
    stamp = FOLDER / f"installed-{VERSION}"
    if stamp.exists():
        return
    say(f"  installing thingsboard-gateway {VERSION} into {FOLDER} …")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    python = FOLDER / "bin" / "python"
    commands = [
        [sys.executable, "-m", "venv", str(FOLDER)],
        [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install",
         f"thingsboard-gateway=={VERSION}"],
    ]  # fmt: skip
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotHereError(
                f"it can't be installed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}"
            )
    stamp.touch()


class Stand(Ensemble):
    """A broker for devices, the gateway, and an upstream; all end with it."""

    def __init__(self, folder: Path, devices: int, say: Callable[[str], None]) -> None:
        super().__init__()
        self.folder = folder
        self.site = Site(folder, devices, queued=0)
        self.ledger = folder / "upstream.jsonl"
        self.counter = folder / "counter"
        self.gateway: Child
        self.upstream = Link("thingsboard-gateway to upstream", target_port=free_port())
        self._say = say

    async def _start(self) -> None:
        prepare(self._say)
        await self._stack.enter_async_context(self.site)
        await self._stack.enter_async_context(self.upstream)
        await self._start_upstream()
        await self.start_gateway()
        await self._until_it_works()

    async def _start_upstream(self) -> None:
        rights = write_private(self.folder / "upstream.acl", RIGHTS)
        configuration = write_private(
            self.folder / "upstream.conf",
            f"user {configuration_user()}\nlistener {self.upstream.target_port} {LOOPBACK}\n"
            f"acl_file {rights}\n"
            "allow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n",
        )
        broker = self.site.child("upstream-broker", broker_command(configuration))
        await broker.start()
        await listens(broker, self.upstream.target_port)
        self.counter.write_bytes(bytes(8))
        subscriber = self.site.child(
            "upstream",
            [
                sys.executable,
                "-m",
                "simulator.bench.peers.upstream",
                str(self.upstream.target_port),
                str(self.counter),
                str(self.ledger),
            ],
        )
        await subscriber.start()
        await until(lambda: "listening" in subscriber.tail(), "the upstream listens", 20)

    async def start_gateway(self) -> None:
        """Start it, on the files of before if there are any."""
        home = self.folder / "home"
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "logs").mkdir(exist_ok=True)
        (home / "data").mkdir(exist_ok=True)
        for name, content in self._files().items():
            (home / "config" / name).write_text(json.dumps(content, indent=1))
        program = FOLDER / "bin" / "thingsboard-gateway"
        child = self.site.child("thingsboard", [str(FOLDER / "bin" / "python"), str(program)])
        child.folder = home
        child.environment = {
            "TB_GW_CONFIG_DIR": str(home / "config"),
            "TB_GW_LOGS_PATH": str(home / "logs"),
            # Its search for updates stays on this machine, and fails at once.
            "HTTPS_PROXY": f"http://{LOOPBACK}:9",
        }
        await child.start()
        self.gateway = child

    def _files(self) -> dict[str, Any]:
        free = dict.fromkeys(LIMITS_OFF, "0:0,")
        main = {
            "thingsboard": {
                "host": LOOPBACK,
                "port": self.upstream.port,
                "remoteShell": False,
                "remoteConfiguration": False,
                "statistics": {"enable": False, "enableCustom": False},
                "security": {"type": "accessToken", "accessToken": "bench"},
                "qos": 1,
                "syncDevicesSharedAttributesOnConnect": False,
                "reportStrategy": {"type": "ON_RECEIVED"},
                **free,
            },
            "storage": {"type": "sqlite", "data_file_path": "./data/", "messages_ttl_in_days": 7},
            "grpc": {"enabled": False},
            "connectors": [{"name": "bench", "type": "mqtt", "configuration": "mqtt.json"}],
        }
        keys = [{"type": "integer", "key": key, "value": "${" + key + "}"} for key in ("n", "d", "s", "x")]
        connector = {
            "broker": {
                "host": LOOPBACK,
                "port": self.site.port,
                "clientId": LOOKER,
                "version": 4,
                "cleanSession": False,
                "security": {"type": "basic", "username": LOOKER, "password": PASSWORD},
            },
            "mapping": [
                {
                    "topicFilter": TOPIC.format("+"),
                    "subscriptionQos": 1,
                    "converter": {
                        "type": "json",
                        "deviceInfo": {
                            "deviceNameExpressionSource": "topic",
                            "deviceNameExpression": "(?<=tb/)(.*?)(?=/up)",
                            "deviceProfileExpressionSource": "constant",
                            "deviceProfileExpression": "bench",
                        },
                        "sendDataOnlyOnChange": False,
                        "timeout": 60000,
                        "attributes": [],
                        "timeseries": keys,
                    },
                }
            ],
        }
        logs = {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"console": {"class": "logging.StreamHandler", "level": "WARNING"}},
            "root": {"level": "WARNING", "handlers": ["console"]},
        }
        return {"tb_gateway.json": main, "mqtt.json": connector, "logs.json": logs}

    def received(self) -> int:
        """Records that have reached the upstream."""
        found: int = struct.unpack("<Q", self.counter.read_bytes())[0]
        return found

    def arrived(self) -> list[tuple[float, str, int]]:
        """(monotonic s, device, number) of each record at the upstream, in the order of arrival."""
        text = self.ledger.read_text() if self.ledger.exists() else ""
        rows = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [(at, device, number) for at, found in rows for device, number in found]

    async def _until_it_works(self) -> None:
        """Send a record of each device until one arrives upstream."""
        deadline = time.monotonic() + START_S
        while not self.received():
            self.gateway.check()
            if time.monotonic() > deadline:
                raise NotHereError(
                    f"nothing passed through it within {START_S:.0f} s: {self.gateway.tail(3)}"
                )
            await self.site.crowd(flow="puback", qos=1, topic=TOPIC, each=1, readings_every=0, patience_s=5)
        await self.settled()

    async def settled(self, quiet_s: float = 2.0, within_s: float = 120.0) -> None:
        """Wait until nothing has arrived upstream for a while."""
        last, since, deadline = -1, time.monotonic(), time.monotonic() + within_s
        while time.monotonic() - since < quiet_s and time.monotonic() < deadline:
            now = self.received()
            if now != last:
                last, since = now, time.monotonic()
            await asyncio.sleep(0.1)

    async def flood(self, each: int) -> tuple[float, int, int]:
        """As many records of each device as it can take: records a second that arrived upstream, how many
        did, how many never do.
        """
        before = len(self.arrived())
        result = await self.site.crowd(
            flow="counted",
            topic=TOPIC,
            each=each,
            readings_every=0,
            counter=str(self.counter),
            window=WINDOW,
            patience_s=20.0,
        )
        fresh = self.arrived()[before:]
        different = len({(device, number) for _, device, number in fresh})
        seconds = max((at for at, _, _ in fresh), default=result.ended_s) - result.begun_s
        return different / seconds, different, result.total - different
