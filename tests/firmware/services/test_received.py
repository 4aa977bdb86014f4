"""What arrives for a controller and is obeyed, ignored or refused (R-04, R-22, R-33, R-34, R-50 to R-53,
R-60 to R-64).
"""

import json

from firmware.contract import commands, grants, records, seals
from firmware.contract.commands import Command
from firmware.contract.config import Board, Config, Door, Zone
from firmware.core.journal import Journal
from firmware.core.ring import Ring
from firmware.core.timekeeping import Clock
from firmware.services.commands import Commands
from firmware.services.desired import Desired
from firmware.services.holdings import Holdings
from firmware.services.identity import Identity
from firmware.services.recorder import Recorder, Uptime
from firmware.services.storage import Files
from tests.firmware.core.flash import MemoryFlash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

KEY = bytes(range(32))
DOC = seals.derive(KEY, b"doc")
NOW_MS = 10_000


class Memory(Files):
    """Files that outlive a controller's power."""

    def __init__(self) -> None:
        super().__init__("")
        self.kept: dict[str, bytes] = {}
        self.refuses: tuple[str, ...] = ()
        """Beginnings of names that the flash does not take."""
        self.short_of_memory = False

    def read(self, name: str) -> bytes:
        return self.kept.get(name, b"")

    def write_parts(self, name: str, parts: "Iterable[bytes | bytearray | memoryview]") -> bool:
        if self.short_of_memory:
            raise MemoryError
        if any(name.startswith(start) for start in self.refuses):
            return False
        self.kept[name] = b"".join([bytes(part) for part in parts])
        return True


class Fixed(Uptime):
    """Uptime that a test sets."""

    def __init__(self) -> None:
        self.now = NOW_MS

    def ms(self) -> int:
        return self.now


class Controller:
    """The receiving half of a controller without doors."""

    def __init__(self, files: Memory, boot: int = 3) -> None:
        self.journal = Journal(Ring(MemoryFlash(8, 4096), 0), Ring(MemoryFlash(8, 4096), 1))
        self.journal.mount(0xC0FFEE01)
        self.journal.boot = boot
        self.holdings = Holdings(files)
        self.holdings.load()
        identity = Identity("ferme", "wall-1", "locker-bank", "127.0.0.1", 8884, bytes(32), KEY)
        self.recorder = Recorder(self.journal, Fixed(), Clock(0))
        self.desired = Desired(identity, DOC, self.holdings, self.recorder)
        self.commands = Commands(identity, DOC, self.holdings, self.recorder, None)

    def events(self, kind: str) -> list[dict[str, object]]:
        """Records of a kind, each checked against the contract."""
        found: list[dict[str, object]] = []
        ring = self.journal.rings[0]
        record = ring.read_after(0)
        while record is not None:
            message: dict[str, object] = json.loads(record[1])
            records.check(message)
            if message["k"] == kind:
                found.append(message)
            record = ring.read_after(record[0])
        return found

    def results(self) -> list[object]:
        """How the commands ended."""
        return [message["st"] for message in self.events("cmd")]


def _config(version: int, pulse_ms: int = 400) -> bytes:
    zone = Zone("chilled", 0, ["28a1000000000011"], -100, 400, 400, 1800, 600, 120)
    doors = [Door(1, "chilled", 0, 1, True), Door(2, "", 0, 2, False)]
    board = [Board("8a80", 1, 16)]
    return Config(version, "bank", "0", 5, 60, pulse_ms, 3, 3, 300, 120, board, doors, [zone]).pack()


def _grant(gid: int) -> bytes:
    return grants.Grant(gid, 7, grants.CUSTOMER, grants.ONCE, 1, 1, 2, 0, bytes(8), b"12345678", "").pack()


def _sealed(body: bytes, leaf: str = "desired", device: str = "wall-1") -> bytes:
    return seals.seal(DOC, "ferme", device, leaf, body)


def _command(
    number: int, op: str, not_after_ms: int = NOW_MS + 5000, boot: int = 3, by: str = "Camille"
) -> bytes:
    command = Command(f"{number:016x}", op, boot, not_after_ms, 1, "chilled", "b-1", by)
    return _sealed(command.pack(), "cmd")


def test_r60_a_configuration_is_in_flash_before_it_is_an_event() -> None:
    files = Memory()
    controller = Controller(files)
    controller.desired.arrived(_sealed(_config(4)), False)
    assert controller.holdings.config.version == 4
    applied = controller.events("applied")[0]
    assert (applied["d"], applied["ver"], applied["ok"]) == ("cfg", 4, 1)
    assert Controller(files).holdings.config.version == 4


def test_r61_a_configuration_not_above_the_held_one_is_ignored() -> None:
    controller = Controller(Memory())
    for version in (4, 4, 3, 1):
        controller.desired.arrived(_sealed(_config(version)), False)
    assert controller.holdings.config.version == 4
    assert len(controller.events("applied")) == 1
    controller.desired.arrived(_sealed(_config(5)), False)
    assert controller.holdings.config.version == 5


def test_r62_a_configuration_no_controller_should_obey_changes_nothing() -> None:
    controller = Controller(Memory())
    controller.desired.arrived(_sealed(_config(4)), False)
    controller.desired.arrived(_sealed(_config(5, 1001)), False)
    assert controller.holdings.config.version == 4
    refused = controller.events("applied")[-1]
    assert (refused["ok"], refused["r"]) == (0, "config")


def test_r22_another_devices_leafs_or_altered_document_is_refused_and_recorded() -> None:
    controller = Controller(Memory())
    altered = bytearray(_sealed(_config(4)))
    altered[-5] ^= 1
    for payload in (
        bytes(altered),
        _sealed(_config(4), device="wall-2"),
        _sealed(_config(4), "cmd"),
        b"",
        b"x",
    ):
        controller.desired.arrived(payload, False)
    assert controller.holdings.config.version == 0
    assert [message["r"] for message in controller.events("applied")] == ["badseal"] * 5


def test_r04_retained_messages_are_ignored_and_recorded() -> None:
    controller = Controller(Memory())
    controller.desired.arrived(_sealed(_config(4)), True)
    controller.commands.arrived(_command(1, commands.BLOCK), True)
    assert controller.holdings.config.version == 0
    assert controller.events("applied")[0]["r"] == "retained"
    assert controller.results() == [records.RETAINED]


def test_r33_r34_grants_are_applied_whole_or_refused_with_a_reason() -> None:
    files = Memory()
    controller = Controller(files)
    held = [_grant(gid) for gid in range(1, 40)]
    first = grants.pieces(1, 0, [], held)
    controller.desired.arrived(_sealed(first[1]), False)
    for body in first:
        controller.desired.arrived(_sealed(body), False)
    events = controller.events("applied")
    assert [(message["ok"], message.get("r")) for message in events] == [(0, "base"), (1, None)]
    assert events[1]["cnt"] == 39
    broken = grants.unpack_piece(grants.pieces(2, 1, held, held[1:])[0])
    broken.set_digest = bytes(8)
    controller.desired.arrived(_sealed(broken.pack()), False)
    assert controller.events("applied")[-1]["r"] == "digest"
    again = Controller(files)
    assert (again.holdings.book.version, again.holdings.book.count) == (1, 39)
    assert again.holdings.book.digest == grants.digest(held)


def test_r52_every_refused_command_is_recorded_with_its_reason() -> None:
    controller = Controller(Memory())
    arrive = controller.commands.arrived
    altered = bytearray(_command(1, commands.BLOCK))
    altered[20] ^= 0x80
    arrive(bytes(altered), False)
    arrive(_command(1, commands.BLOCK, NOW_MS - 1), False)
    arrive(_command(1, commands.BLOCK, NOW_MS + 120_001), False)
    arrive(_command(1, commands.BLOCK, boot=2), False)
    arrive(_sealed(b'{"v":1}', "cmd"), False)
    arrive(_command(1, "format"), False)
    expected = [records.BAD_SEAL, records.LATE, records.MALFORMED, records.OTHER_BOOT, records.MALFORMED]
    expected.append(records.MALFORMED)
    assert controller.results() == expected
    assert controller.holdings.blocks.held == []


def test_r51_a_command_acts_once_also_after_a_reboot_of_the_same_flash() -> None:
    files = Memory()
    controller = Controller(files)
    controller.commands.arrived(_command(1, commands.BLOCK), False)
    controller.commands.arrived(_command(1, commands.BLOCK), False)
    assert controller.results() == [records.DONE, records.DUPLICATE]
    assert controller.events("cmd")[1]["st1"] == records.DONE
    again = Controller(files, 4)
    again.commands.arrived(_command(1, commands.BLOCK, boot=4), False)
    assert again.results() == [records.DUPLICATE]


def test_r53_r64_a_block_outlives_documents_and_power_and_a_named_person_lifts_it() -> None:
    files = Memory()
    controller = Controller(files)
    controller.desired.arrived(_sealed(_config(4)), False)
    controller.commands.arrived(_command(1, commands.BLOCK), False)
    assert controller.holdings.blocked == {1: "hand"}
    controller.desired.arrived(_sealed(_config(5)), False)
    assert controller.holdings.blocked == {1: "hand"}
    controller = Controller(files, 4)
    assert controller.holdings.blocked == {1: "hand"}
    controller.commands.arrived(_command(2, commands.RELEASE, boot=4, by=""), False)
    assert controller.holdings.blocked == {1: "hand"}
    controller.commands.arrived(_command(3, commands.RELEASE, boot=4), False)
    assert controller.holdings.blocked == {}
    assert controller.events("release")[0]["by"] == "Camille"


def _send(controller: Controller, version: int, base: int, before: list[bytes], after: list[bytes]) -> None:
    for body in grants.pieces(version, base, before, after):
        controller.desired.arrived(_sealed(body), False)


def test_more_grants_than_fit_are_refused_and_recorded_and_what_is_held_stays() -> None:
    controller = Controller(Memory())
    _send(controller, 1, 0, [], [_grant(1)])
    _send(controller, 2, 0, [], [_grant(gid) for gid in range(1, grants.MAX_GRANTS + 2)])
    refused = controller.events("applied")[1]
    assert (refused["ok"], refused["ver"], refused["r"]) == (0, 2, "full")
    assert (controller.holdings.book.version, controller.holdings.book.count) == (1, 1)
    _send(controller, 3, 0, [], [_grant(gid) for gid in range(1, grants.MAX_GRANTS + 1)])
    assert controller.holdings.book.count == grants.MAX_GRANTS


def test_a_document_for_which_memory_is_short_is_refused_and_recorded() -> None:
    files = Memory()
    controller = Controller(files)
    files.short_of_memory = True
    _send(controller, 1, 0, [], [_grant(1)])
    controller.desired.arrived(_sealed(_config(4)), False)
    files.short_of_memory = False
    refusals = [(message["d"], message["ok"], message["r"]) for message in controller.events("applied")]
    assert refusals == [("grants", 0, "memory"), ("cfg", 0, "memory")]
    _send(controller, 1, 0, [], [_grant(1)])
    assert controller.holdings.book.version == 1


def test_r60_what_flash_refuses_is_not_in_force_and_is_recorded() -> None:
    files = Memory()
    controller = Controller(files)
    controller.desired.arrived(_sealed(_config(4)), False)
    _send(controller, 1, 0, [], [_grant(1)])
    files.refuses = ("config", "grants")
    controller.desired.arrived(_sealed(_config(5)), False)
    _send(controller, 2, 1, [_grant(1)], [_grant(2)])
    refusals = [(message["d"], message["ok"], message["r"]) for message in controller.events("applied")[2:]]
    assert refusals == [("cfg", 0, "flash"), ("grants", 0, "flash")]
    held = controller.holdings
    assert (held.config.version, held.book.version, held.book.by_id(2)) == (4, 1, None)
    files.refuses = ()
    controller.desired.arrived(_sealed(_config(5)), False)
    _send(controller, 2, 1, [_grant(1)], [_grant(2)])
    again = Controller(files).holdings
    assert (again.config.version, again.book.version, again.book.by_id(1)) == (5, 2, None)


def test_a_block_that_flash_refuses_is_in_force_and_written_later() -> None:
    files = Memory()
    controller = Controller(files)
    controller.desired.arrived(_sealed(_config(4)), False)
    files.refuses = ("blocks",)
    assert controller.holdings.block("b-1", "chilled", "warm")
    assert (controller.holdings.blocked, controller.holdings.owed) == ({1: "warm"}, ["blocks"])
    controller.holdings.pay()
    assert controller.holdings.owed == ["blocks"]
    files.refuses = ()
    controller.holdings.pay()
    assert controller.holdings.owed == []
    assert Controller(files).holdings.blocked == {1: "warm"}


def test_a_command_whose_id_flash_refuses_does_not_act() -> None:
    files = Memory()
    controller = Controller(files)
    controller.desired.arrived(_sealed(_config(4)), False)
    files.refuses = ("commands",)
    controller.commands.arrived(_command(1, commands.BLOCK), False)
    assert controller.results() == [records.FAILED]
    assert controller.holdings.blocked == {}
    files.refuses = ()
    controller.commands.arrived(_command(1, commands.BLOCK), False)
    assert controller.results() == [records.FAILED, records.DUPLICATE]
    assert controller.holdings.blocked == {}


def test_marks_are_never_lost_to_a_page_that_flash_refuses() -> None:
    files = Memory()
    controller = Controller(files)
    ids = range(1, 31)
    _send(controller, 1, 0, [], [_grant(gid) for gid in ids])
    book = controller.holdings.book
    for gid in ids:
        book.begin_use(gid)
        grant = book.by_id(gid)
        assert grant is not None
        book.settle(grant, records.COLLECTED, 0)
    assert controller.holdings.keep_marks(0)
    assert controller.holdings.keep_marks(1)
    files.refuses = ("marks0",)
    _send(controller, 2, 1, [_grant(gid) for gid in ids], [_grant(gid) for gid in ids[8:]])
    assert not controller.holdings.keep_marks(-1)
    again = Controller(files).holdings
    assert all(again.book.is_used(gid) for gid in ids[8:])
    files.refuses = ()
    controller.holdings.pay()
    assert controller.holdings.keep_marks(-1)
    again = Controller(files).holdings
    assert all(again.book.is_used(gid) for gid in ids[8:])
