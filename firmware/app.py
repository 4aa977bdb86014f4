"""The whole controller, wired: which service gets what, in which order, and who is critical.

The same program runs a wall and the cold rooms; what the board does not have is not started.
"""

import asyncio
import gc
import os
import sys

import machine

from firmware import boot
from firmware.board import Board
from firmware.contract import records
from firmware.contract.errors import ContractError
from firmware.contract.seals import derive
from firmware.core.journal import Journal
from firmware.core.ring import SCRATCH, Ring
from firmware.core.timekeeping import Clock
from firmware.drivers import secure_socket
from firmware.services.clock import Time
from firmware.services.coil import Coil
from firmware.services.commands import Commands
from firmware.services.desired import Desired
from firmware.services.doors import Doors
from firmware.services.health import Health
from firmware.services.holdings import Holdings
from firmware.services.identity import FILE, Identity, IdentityError, parse
from firmware.services.indicators import Indicators
from firmware.services.keypad import Entry
from firmware.services.link import Link
from firmware.services.looks import Looks
from firmware.services.probes import Probes
from firmware.services.recorder import Recorder, Uptime
from firmware.services.screen import Screen
from firmware.services.storage import Files, Spare
from firmware.supervisor import Heart, Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import Connection
    from firmware.supervisor import Service

VERSION = "0.1.0"
_WATCHDOG_MS = 8_000
_CONNECT_MS = 5_000
_CAUSES = ("unknown", "power", "hard", "watchdog", "deepsleep", "soft")


def _last_boot(journal: Journal) -> int:
    """Boot of the newest event, 0 if there is none: a file system made anew must not count boots from 1
    again, or a command captured in an old boot would fit the new one.
    """
    ring = journal.rings[records.EVENTS]
    found = ring.read_after(ring.last - 1) if ring.last else None
    if found is None:
        return 0
    try:
        return records.integer(records.decode(found[1]), "b")
    except ContractError:
        return 0


def _fresh_epoch() -> int:
    return int.from_bytes(os.urandom(4), "little") | 1


class App:
    """Everything of one controller, made once; nothing moves before `run`."""

    def __init__(self, identity: Identity, files: Files, mounted: bool) -> None:
        self._identity = identity
        self.uptime = Uptime()
        self.files = files
        self.clock = Clock(files.number("floor"))
        scratch = bytearray(SCRATCH)
        journal = Journal(
            Ring(boot.events(), records.EVENTS, scratch), Ring(boot.readings(), records.READINGS, scratch)
        )
        self.journal_whole = journal.mount(_fresh_epoch())
        journal.boot = max(files.number("boot"), _last_boot(journal)) + 1
        files.put_number("boot", journal.boot)
        self.recorder = Recorder(journal, self.uptime, self.clock)
        self.holdings = Holdings(files)
        self.holdings.load()
        self._mounted = mounted
        if not mounted:
            self.holdings.forget_blocks()
        self.board = Board(identity)
        self.supervisor = Supervisor(machine.WDT(timeout=_WATCHDOG_MS))
        self._wire()

    def _task(self, name: str, service: "Service", heart: Heart, critical: bool, deadline_ms: int) -> None:
        self.supervisor.add(name, service, heart, critical, deadline_ms)

    def _wire(self) -> None:
        board, recorder, holdings = self.board, self.recorder, self.holdings
        doc_key = derive(self._identity.key, b"doc")
        heart = Heart()
        indicators = Indicators(board.buzzer, board.light, heart)
        self._task("indicators", indicators, heart, True, 2_000)
        heart = Heart()
        screen = Screen(board.bank.display if board.bank is not None else None, self.uptime, heart)
        self._task("screen", screen, heart, False, 5_000)
        doors, entry = self._wire_bank(screen, indicators)
        heart = Heart()
        self.probes = Probes(board.probe_buses, board.contacts, holdings, recorder, indicators, screen, heart)
        self._task("probes", self.probes, heart, True, 5_000)
        heart = Heart()
        self.time = Time(self.clock, board.clock, self.uptime, self.files, heart)
        self._task("clock", self.time, heart, True, 5_000)
        heart = Heart()
        tamper = board.bank.tamper if board.bank is not None else None
        self.health = Health(recorder, holdings, indicators, board.mains, tamper, doors, entry, heart)
        self._task("health", self.health, heart, False, 5_000)
        self._wire_link(Desired(self._identity, doc_key, holdings, recorder), doors)

    def _wire_bank(self, screen: Screen, indicators: Indicators) -> tuple[Doors | None, Entry | None]:
        bank = self.board.bank
        if bank is None:
            return None, None
        heart = Heart()
        doors = Doors(self.holdings, self.recorder, screen, indicators, bank.leds, bank.lock_board, heart)
        self._task("doors", doors, heart, True, 3_000)
        heart = Heart()
        self._task("coil", Coil(doors, heart), heart, True, 4_000)
        heart = Heart()
        self._task("looks", Looks(doors, bank.items, heart), heart, False, 4_000)
        heart = Heart()
        code_key = derive(self._identity.key, b"code")
        entry = Entry(bank.keypad, code_key, self.holdings, self.recorder, doors, screen, heart)
        self._task("keypad", entry, heart, True, 2_000)
        return doors, entry

    def _wire_link(self, desired: Desired, doors: Doors | None) -> None:
        identity = self._identity
        commands = Commands(identity, derive(identity.key, b"doc"), self.holdings, self.recorder, doors)
        heart = Heart()
        link = Link(
            identity,
            self.recorder,
            self.holdings,
            desired,
            commands,
            self.time,
            self.board.uplinks(identity),
            self._connect,
            self.describe,
            self.renew_journal,
            heart,
        )
        self._task("link", link, heart, False, 12_000)

    async def _connect(self) -> "Connection":
        identity = self._identity
        secured = secure_socket.context(identity.device, identity.psk)
        return await secure_socket.connect(identity.broker_host, identity.broker_port, secured, _CONNECT_MS)

    def describe(self) -> dict[str, object]:
        """What this controller is, for the retained `desc`."""
        config = self.holdings.config
        return {
            "v": 1,
            "fw": VERSION,
            "hw": self.board.revision,
            "board": self._identity.board,
            "kind": config.kind,
            "cfg": config.version,
            "doors": [[door.number, 1 if door.item_sensor else 0] for door in config.doors],
            "zones": [[zone.zone_id, len(zone.probes), zone.low, zone.high] for zone in config.zones],
            "heap": max(self.health.heap_peak, gc.mem_alloc()),
            "faults": self.supervisor.faults,
            "flash": self.files.errors + self.recorder.flash_errors,
            "pause": self.supervisor.worst_pause_ms,
            "i2c": self.board.wire.lost,
        }

    def _last_reading(self) -> int:
        """Unix time at which the last durable reading ended, 0 if unknown."""
        ring = self.recorder.journal.rings[records.READINGS]
        found = ring.read_after(ring.last - 1) if ring.last else None
        if found is None:
            return 0
        try:
            message = records.decode(found[1])
            begun = records.integer(message, "p0")
            return begun + records.integer(message, "s") if begun else 0
        except ContractError:
            return 0

    def announce(self) -> None:
        """The boot record: why, and what may be missing since the last boot (R-48)."""
        journal = self.recorder.journal
        valid = self.time.at_boot()
        cause = machine.reset_cause()
        word = _CAUSES[cause] if 0 <= cause < len(_CAUSES) else "unknown"
        if not self._mounted:
            word += ", files made anew"
        if not self.journal_whole:
            word += ", journal made anew"
        for name in self.holdings.damaged:
            word += ", " + name + " damaged"
        last_s = self._last_reading()
        now_s = self.clock.now(self.uptime.ms()) if valid else 0
        self._record_boot(word, last_s, now_s, valid)
        for block in self.holdings.blocks.held:
            if block.reason == "damaged":
                self.recorder.event("block", {"id": block.block_id, "z": block.zone, "r": block.reason})
        journal_lost = not self.journal_whole and journal.boot > 1
        if journal.rings[records.READINGS].last or journal_lost:
            # Somebody's goods may have been inside; a device that never took a reading has had none.
            self.probes.after_power_cut(last_s, now_s)

    def _record_boot(self, cause: str, last_s: int, now_s: int, valid: bool) -> None:
        rings = self.recorder.journal.rings
        fields: dict[str, object] = {
            "c": cause[:64],
            "fw": VERSION,
            "pe": rings[records.EVENTS].last,
            "pr": rings[records.READINGS].last,
            "m0": last_s,
            "m1": now_s,
            "rtc": 1 if valid else 0,
        }
        self.recorder.event("boot", fields)

    def renew_journal(self) -> None:
        """The gateway has numbers that this flash has lost: a new epoch gives none twice (R-40)."""
        valid, last_s = self.clock.is_valid, self._last_reading()
        now_s = self.clock.now(self.uptime.ms()) if valid else 0
        self.recorder.journal.renew(_fresh_epoch())
        self._record_boot("journal made anew", last_s, now_s, valid)

    async def run(self) -> None:
        """Start everything; returns never."""
        self.announce()
        if self.board.bank is not None:
            self.board.bank.leds.setup()
        gc.collect()
        await self.supervisor.run()


def _identity(files: Files, spare: Spare) -> Identity:
    """Who this board is, from its files or else from the copy; each mends the other. Raises IdentityError."""
    kept, copy = files.read(FILE), spare.read()
    if not kept and copy:
        identity = parse(copy)
        files.write(FILE, copy)
        return identity
    identity = parse(kept)
    if kept != copy:
        spare.write(kept)
    return identity


def run() -> None:
    """The controller's life, from safe outputs to a reset."""
    boot.safe_outputs()
    mounted = boot.mount()
    files = Files(boot.DATA)
    try:
        identity = _identity(files, boot.spare())
    except IdentityError as error:
        # Nothing can be decided without keys: outputs stay safe, and a person has to commission the board.
        print("no identity:", error.args[0])
        return
    try:
        asyncio.run(App(identity, files, mounted).run())
    except Exception as error:  # noqa: BLE001 - whatever it was, a reset is the only way on
        sys.print_exception(error)
    machine.reset()
