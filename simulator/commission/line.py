"""A controller's other end while it is put into service: a broker, and whoever seals and acknowledges.

The installer's machine has the keys (they were just written to the board), so that nothing else has to run:
neither gateway nor server. What the controller holds of this afterwards is wiped with `provision --replace`.
"""

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware.contract import grants, records, seals, topics
from firmware.contract.commands import OPEN, Command
from firmware.contract.config import Config
from firmware.contract.errors import ContractError
from simulator.ear import Ear
from simulator.orchestrator.runfolder import LOOPBACK, free_port
from simulator.parts.broker import broker_command, configuration_user

Record = dict[str, object]
_TTL_MS = 30_000


class LineError(Exception):
    """The broker does not run, or the controller says nothing."""


@dataclass(frozen=True)
class Keys:
    """A controller's keys, as its secrets file has them."""

    psk: bytes
    key: bytes


class Line:
    """`async with Line(folder, "ferme", "wall-1", keys) as line:` listens for that one controller."""

    def __init__(
        self, folder: Path, site: str, device: str, keys: Keys, listen: tuple[str, int] | None = None
    ) -> None:
        self.site = site
        self.device = device
        self.host, self.port = listen or (LOOPBACK, free_port())
        self.hellos: list[Record] = []
        self.descriptions: list[Record] = []
        self.records: list[Record] = []
        """In the order of their first arrival; one that is sent twice is there once."""
        self._folder = folder
        self._keys = keys
        self._inner_port = free_port()
        self._known: set[tuple[str, int, int]] = set()
        self._heard_at = 0.0
        self._set_version = 0
        self._held: list[bytes] = []
        self._broker: subprocess.Popen[bytes] | None = None
        self._ear = Ear(site, self._take)
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._start_broker)
        try:
            await self._ear.listen(self._inner_port)
        except TimeoutError:
            await self.__aexit__(None, None, None)
            log = (self._folder / "broker.log").read_text(errors="replace")[-400:]
            raise LineError(f"the broker does not answer: {log}") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ear.stop()
        if self._broker is not None:
            self._broker.terminate()
            await asyncio.to_thread(self._broker.wait)

    def _start_broker(self) -> None:
        keys = self._folder / "keys"
        keys.touch(mode=0o600)
        keys.write_text(f"{self.device}:{self._keys.psk.hex()}\n")
        configuration = self._folder / "broker.conf"
        configuration.write_text(
            f"per_listener_settings true\nuser {configuration_user()}\n"
            f"listener {self.port} {self.host}\npsk_file {keys}\npsk_hint loquet\n"
            f"use_identity_as_username true\n"
            f"listener {self._inner_port} {LOOPBACK}\nallow_anonymous true\n"
        )
        with (self._folder / "broker.log").open("ab") as log:
            self._broker = subprocess.Popen(broker_command(configuration), stdout=log, stderr=log)

    # ---- what arrives --------------------------------------------------------------------------------------

    def _take(self, topic: str, payload: bytes) -> None:
        try:
            _, device, leaf = topics.parse(topic)
            message = records.decode(payload) if device == self.device else {}
        except ContractError:
            return  # nobody of ours
        if leaf == "desc" and message:
            self.descriptions.append(message)
        elif leaf == "up" and message:
            self._keep(message)
        self._changed.set()

    def _keep(self, message: Record) -> None:
        if message["k"] == "hello":
            self.hellos.append(message)
            self._heard_at = time.monotonic()
            return
        number = (records.text(message, "e"), records.integer(message, "l"), records.integer(message, "n"))
        if number not in self._known:
            self._known.add(number)
            self.records.append(message)
        # No gateway would do this before its disk has them; here nothing depends on them afterwards.
        self._publish(
            "ack", records.encode(records.ack(number[0], number[1], records.integer(message, "b"), number[2]))
        )

    def mark(self) -> int:
        """Where the records stand now, for `since`."""
        return len(self.records)

    def since(self, mark: int, kind: str) -> list[Record]:
        """Records of a kind that arrived after the mark."""
        return [record for record in self.records[mark:] if record["k"] == kind]

    async def until(self, holds: Callable[[], object], within_s: float) -> bool:
        """Wait for a condition of what arrives; whether it came to hold."""
        end = time.monotonic() + within_s
        while not holds():
            self._changed.clear()
            left = end - time.monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return bool(holds())
        return True

    # ---- what is sent --------------------------------------------------------------------------------------

    def _publish(self, leaf: str, payload: bytes) -> None:
        self._ear.publish(topics.topic(self.site, self.device, leaf), payload)

    def _seal(self, leaf: str, body: bytes) -> bytes:
        key = seals.derive(self._keys.key, b"doc")
        return seals.seal(key, self.site, self.device, leaf, body)

    def send_time(self) -> None:
        """Our clock's word, as a gateway with a disciplined clock gives it."""
        body = {"v": 1, "t": int(time.time()), "q": records.DISCIPLINED, "e": "0" * 16}
        self._ear.publish(topics.topic(self.site, topics.GATEWAY, "time"), json.dumps(body))

    async def configure(self, config: Config) -> bool:
        """Send a configuration; whether the controller obeys it."""
        mark = self.mark()
        self._publish("desired", self._seal("desired", config.pack()))
        return await self.until(lambda: self._applied(mark, "cfg", config.version), 20)

    def _applied(self, mark: int, document: str, version: int) -> bool:
        applied = self.since(mark, "applied")
        return any(each["d"] == document and each["ver"] == version and each["ok"] == 1 for each in applied)

    async def grant(self, door: int, short: str, long: str) -> bool:
        """Let two codes open a door, any number of times; whether the controller knows them."""
        key = seals.derive(self._keys.key, b"code")
        codes = (seals.code_mac(key, short), seals.code_mac(key, long))
        grant = grants.Grant(1, 1, grants.STAFF, 0, door, 0, 4_000_000_000, 0, *codes, "Mise en service")
        mark, version, after = self.mark(), self._set_version + 1, [grant.pack()]
        for body in grants.pieces(version, self._set_version, self._held, after):
            self._publish("desired", self._seal("desired", body))
        self._set_version, self._held = version, after
        return await self.until(lambda: self._applied(mark, "grants", version), 20)

    async def open(self, door: int, within_s: float = 12.0) -> str:
        """Order a door open; the outcome as the controller tells it, "" if it tells none."""
        hello = self.hellos[-1]
        uptime = records.integer(hello, "u") + int((time.monotonic() - self._heard_at) * 1000)
        name = secrets.token_hex(8)
        command = Command(name, OPEN, records.integer(hello, "b"), uptime + _TTL_MS, door)
        mark = self.mark()
        self._publish("cmd", self._seal("cmd", command.pack()))
        await self.until(lambda: self._ended(mark, name), within_s)
        return self._ended(mark, name)

    def _ended(self, mark: int, name: str) -> str:
        for record in self.since(mark, "cmd"):
            if record["id"] == name:
                return str(record.get("o") or record["st"])
        return ""
