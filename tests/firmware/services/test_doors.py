"""The doors' shell: what it does when flash refuses, and what a new configuration leaves standing."""

import asyncio

from firmware.contract import records
from firmware.contract.config import Board, Config, Door, Zone
from firmware.contract.grants import CUSTOMER, ONCE, Grant, pieces, unpack_piece
from firmware.core.door import Request, request_of
from firmware.core.journal import Journal
from firmware.core.ring import FlashError, Ring
from firmware.core.timekeeping import Clock
from firmware.drivers.leds import Leds
from firmware.services.doors import Doors
from firmware.services.holdings import Holdings
from firmware.services.indicators import Indicators
from firmware.services.recorder import Recorder
from firmware.services.screen import Screen
from firmware.supervisor import Heart
from tests.firmware.core.flash import MemoryFlash
from tests.firmware.services.test_received import Fixed, Memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Refusing(Memory):
    """Files that flash refuses while `full`."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False

    def write_parts(self, name: str, parts: "Iterable[bytes | bytearray | memoryview]") -> bool:
        return False if self.full else super().write_parts(name, parts)


class Worn(MemoryFlash):
    """Flash that takes nothing while `worn`."""

    def __init__(self) -> None:
        super().__init__(8, 4096)
        self.worn = False

    def write(self, block: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        if self.worn:
            raise FlashError("write", block)
        super().write(block, data, offset)

    def erase(self, block: int) -> None:
        if self.worn:
            raise FlashError("erase", block)
        super().erase(block)


class Output:
    """A pin that remembers its level."""

    def __init__(self) -> None:
        self.level = 0

    def value(self, x: int) -> None:
        """As machine.Pin."""
        self.level = x


class Contacts:
    """A lock board of which only the contacts are used here."""

    locks = 16

    def __init__(self) -> None:
        self.open_bits = 0

    async def pulse(self, channel: int, pulse_ms: int) -> bool:
        """No lock answers."""
        return channel > self.locks and pulse_ms > 0

    async def refresh(self) -> bool:
        """`open_bits` are what they are."""
        return True

    def guard(self) -> None:
        """No coil is here."""


class Wall:
    """The doors of one controller, without its lock boards."""

    def __init__(self, numbers: list[int]) -> None:
        self.files = Refusing()
        self.events = Worn()
        self.uptime = Fixed()
        self.contacts = Contacts()
        self.buzzer, self.light = Output(), Output()
        journal = Journal(Ring(self.events, 0), Ring(Worn(), 1))
        journal.mount(0xC0FFEE01)
        journal.boot = 3
        self.journal = journal
        self.holdings = Holdings(self.files)
        self.indicators = Indicators(self.buzzer, self.light, Heart())
        recorder = Recorder(journal, self.uptime, Clock(1_790_000_000))
        screen = Screen(None, self.uptime, Heart())
        self.recorder, self.screen = recorder, screen
        self.doors = self.boot()
        self.configure(1, numbers)

    def boot(self) -> Doors:
        """The service as it is after a reset: nobody has looked at a door."""
        return Doors(
            self.holdings, self.recorder, self.screen, self.indicators, Leds([]), self.board, Heart()
        )

    def configure(self, version: int, numbers: list[int], *open_doors: int) -> None:
        """A configuration with these doors comes into force while some stand open."""
        zone = Zone("chilled", 0, ["28a1000000000011"], -100, 400, 400, 1800, 600, 120)
        doors = [Door(number, "chilled", 0, number, True) for number in numbers]
        boards = [Board("8a80", 1, 16)]
        config = Config(version, "bank", "0", 5, 60, 400, 3, 3, 300, 120, boards, doors, [zone])
        self.holdings.take_config(config.pack(), config)
        self.look(*open_doors)

    def board(self, _board: Board) -> Contacts:
        """As the controller's board makes drivers."""
        return self.contacts

    def grant(self, number: int) -> Request:
        """A customer's right to a door, held from now on."""
        grant = Grant(number, 7, CUSTOMER, ONCE, number, 1, 4_000_000_000, 0, bytes(8), b"12345678", "")
        for body in pieces(1, 0, [], [grant.pack()]):
            self.holdings.book.stage(unpack_piece(body))
        self.holdings.take_grants()
        return request_of(grant)

    def look(self, *numbers: int) -> None:
        """Enough looks at the contacts to be believed: these doors are open."""
        self.contacts.open_bits = sum([1 << number - 1 for number in numbers])
        for _ in range(3):
            asyncio.run(self.doors.round())

    def sounds(self) -> bool:
        """True while something is to be heard."""
        return self.indicators.loud

    def told(self, kind: str) -> list[dict[str, object]]:
        """Event records of a kind."""
        found: list[dict[str, object]] = []
        record = self.journal.rings[0].read_after(0)
        while record is not None:
            message = records.decode(record[1])
            records.check(message)
            if message["k"] == kind:
                found.append(message)
            record = self.journal.rings[0].read_after(record[0])
        return found


def test_a_use_that_the_journal_refuses_starts_no_coil_and_leaves_the_bank_free() -> None:
    wall = Wall([1, 2])
    request = wall.grant(1)
    wall.events.worn = True
    refused = False
    try:
        wall.doors.open([request])
    except FlashError:
        refused = True
    assert refused, "whoever calls is told that records were lost"
    assert wall.doors.wanted == 0
    assert wall.doors.bank.coil_door == 0
    assert not wall.doors.bank.busy
    wall.events.worn = False
    wall.doors.open([request])
    assert wall.doors.wanted == 1
    assert len(wall.told("use")) == 1


def test_a_use_whose_mark_is_refused_starts_no_coil_and_says_why() -> None:
    wall = Wall([1])
    request = wall.grant(1)
    wall.files.full = True
    for _ in range(4):
        wall.doors.open([request])
        assert wall.doors.wanted == 0
    lock = wall.told("lock")[0]
    assert (lock["o"], lock["x"], lock["r"]) == (records.REFUSED, 0, "flash")
    wall.files.full = False
    wall.doors.open([request])
    assert wall.doors.wanted == 1, "an attempt that never was is not counted"


def test_a_lost_record_costs_nobody_the_answer() -> None:
    wall = Wall([1, 2])
    command = Request(1, "cmd", "00112233445566aa")
    ended: list[str] = []
    wall.doors.answer_to(lambda _command_id, _door, outcome: ended.append(outcome))
    wall.doors.command(command)
    wall.doors.wanted = 0
    wall.events.worn = True
    lost = False
    try:
        wall.doors.pulsed(1, True)
        wall.look(1)
    except FlashError:
        lost = True
    assert lost
    assert ended == [records.OPENED]
    assert wall.doors.bank.coil_door == 0


def test_a_forced_door_sounds_until_it_is_closed_whatever_the_configuration() -> None:
    wall = Wall([1, 2])
    wall.look(2)
    assert wall.sounds()
    wall.configure(2, [1, 2], 2)
    assert wall.sounds()
    assert [alarm["s"] for alarm in wall.told("alarm")] == [1]
    wall.look()
    assert not wall.sounds()
    assert [alarm["s"] for alarm in wall.told("alarm")] == [1, 0]
    assert [(door["s"], door["x"]) for door in wall.told("door")] == [(1, 1), (0, 0)]


def test_a_door_that_is_configured_away_stops_sounding() -> None:
    wall = Wall([1, 2])
    wall.look(2)
    assert wall.sounds()
    wall.configure(2, [1], 2)
    assert not wall.sounds()
    assert [alarm["s"] for alarm in wall.told("alarm")] == [1, 0]


def test_one_wrong_look_at_boot_is_no_forced_door() -> None:
    wall = Wall([1])
    wall.doors = wall.boot()
    wall.contacts.open_bits = 1
    asyncio.run(wall.doors.round())
    wall.look()
    assert wall.told("alarm") == []
    assert wall.told("door") == []
    wall.doors = wall.boot()
    wall.look(1)
    assert [alarm["a"] for alarm in wall.told("alarm")] == [records.FORCED]
