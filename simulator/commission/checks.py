"""The checklist of a controller, in the order in which one thing stands on the other."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from firmware.contract import codes, config, records
from simulator.commission.doors import DoorChecks
from simulator.commission.finding import Finding
from simulator.commission.line import Line
from simulator.commission.person import Person
from simulator.world.plan import ControllerPlan, ZonePlan

NAMES = ("doors", "display", "keypad", "contacts", "probes", "alarm", "network", "clock")
"""Of the checks; a wall has no `contacts`, a room neither doors nor display nor keypad."""

HELLO_S = 60.0
RISE_CDEG = 150
"""A probe held in the hand rises by more than this within a minute; the others of its zone do not."""

CLOCK_S = 5
_KEYS = "1234567890*"
_HEALTH = ("good", "silent", "wrong checksums", "no supply", "shorted", "out of range", "stuck")


class NoControllerError(Exception):
    """The controller does not speak, or does not obey a configuration: nothing can be checked."""


class Checks:
    """All checks of one controller; each finding is told as it is found."""

    def __init__(
        self,
        line: Line,
        person: Person,
        plan: ControllerPlan,
        found: Callable[[Finding], None],
        chance: random.Random,
    ) -> None:
        self._line = line
        self._person = person
        self._plan = plan
        self._found = found
        self._chance = chance
        self._version = 0
        self._short = self._long = ""
        self._doors = DoorChecks(line, person, plan, found)

    def _good(self, check: str, subject: str, said: str) -> None:
        self._found(Finding(check, subject, said))

    def _bad(self, check: str, subject: str, said: str, fault: str, advice: str) -> None:
        self._found(Finding(check, subject, said, fault, advice))

    async def run(self, only: frozenset[str] = frozenset()) -> None:
        """Everything, or only these of `names`. NoControllerError."""
        await self._hello()
        await self._configure()
        for name, check in self._list().items():
            if not only or name in only:
                await check()

    def _list(self) -> dict[str, Callable[[], Awaitable[None]]]:
        own: dict[str, Callable[[], Awaitable[None]]]
        if self._plan.kind == config.BANK:
            own = {"doors": self._doors.run, "display": self._display, "keypad": self._keypad}
        else:
            own = {"contacts": self._contacts}
        return own | {
            "probes": self._all_probes,
            "alarm": self._sounder,
            "network": self._network,
            "clock": self._clock,
        }

    # ---- the controller itself -----------------------------------------------------------------------------

    async def _hello(self) -> None:
        begun = time.monotonic()
        if not await self._line.until(lambda: self._line.hellos and self._line.descriptions, HELLO_S):
            raise NoControllerError(
                f"{self._line.device} said nothing within {HELLO_S:.0f} s: power, network cable, "
                "the gateway's address it was provisioned with, its key"
            )
        said = self._line.descriptions[-1]
        wanted = "locker-bank" if self._plan.kind == config.BANK else "cold-room"
        told = f"{said['board']}, revision {said['hw']}, program {said['fw']}"
        if said["board"] != wanted:
            self._bad("hello", "controller", told, "wrong board", f"provision a {wanted}")
        else:
            self._good("hello", "controller", f"{told}, after {time.monotonic() - begun:.0f} s")

    def _config(self, **limits: int) -> config.Config:
        plan = self._plan
        self._version += 1
        zones = [
            config.Zone(
                zone.id,
                zone.bus,
                list(zone.probes),
                -30000,
                limits.get("high", 12500),
                limits.get("high", 12500),
                86_400,
                limits.get("silence", 600),
                limits.get("ajar", 86_400),
            )
            for zone in plan.zones
        ]
        boards, doors = plan.configured_boards(), plan.configured_doors()
        return config.Config(self._version, plan.kind, "", 1, 1, 400, 1, 1, 3600, 3600, boards, doors, zones)

    async def _configure(self, **limits: int) -> None:
        if not await self._line.configure(self._config(**limits)):
            raise NoControllerError("the controller refuses the configuration of the site file")

    # ---- people's side -------------------------------------------------------------------------------------

    async def _display(self) -> None:
        said = await self._person.first_line()
        if said.lower().startswith("bonjour"):
            self._good("display", "first line", f"says {said.strip()!r}")
            return
        advice = "ribbon at J12, contrast, the 5 V rail, the level shifter"
        self._bad("display", "first line", f"says {said.strip()!r}", "display dark or wrong", advice)

    def _make_codes(self) -> None:
        """Two codes, of which the long one has every digit."""
        digits = list("0123456789")
        self._chance.shuffle(digits)
        body = "".join(digits) + str(self._chance.randrange(10))
        self._long = body + codes.check_digit(body)
        self._short = body[:7] + codes.check_digit(body[:7])

    async def _need_codes(self, door: int) -> None:
        if self._short:
            return
        self._make_codes()
        if not await self._line.grant(door, self._short, self._long):
            raise NoControllerError("the controller refuses a grant")

    async def _keypad(self) -> None:
        door = self._doors.soundest()
        await self._need_codes(door)
        mark = self._line.mark()
        await self._person.type("#*" + self._long)
        if await self._line.until(lambda: self._accepted(mark), 8):
            self._good("keypad", "all digits and *", "a code with every digit is understood")
            await self._line.until(lambda: self._line.since(mark, "lock"), 8)
            await self._person.shut(await self._person.open_doors(door))
            return
        dead = [key for key in _KEYS if not await self._person.shows(key)]
        await self._person.type("#")
        said = f"no answer to {', '.join(dead)}" if dead else "the code was not understood"
        advice = "ribbon at J13: a row or a column of keys is one wire; one key alone is the keypad"
        self._bad("keypad", "all digits and *", said, "keys dead", advice)

    def _accepted(self, mark: int) -> bool:
        return any(each["r"] == records.ACCEPTED for each in self._line.since(mark, "try"))

    async def _sounder(self) -> None:
        mark = self._line.mark()
        is_bank = self._plan.kind == config.BANK
        if is_bank:
            await self._person.lid(True)
            cause = await self._line.until(lambda: self._alarm(mark, records.FORCED), 10)
            if not cause:
                advice = "the lid's switch is closed while the lid is open: magnet, wires at J16"
                self._bad("lid", "switch", "opening it was not noticed", "lid unseen", advice)
            else:
                self._good("lid", "switch", "opening it is an alarm")
        else:
            await self._configure(high=-5500)  # colder than any probe can be: too warm, at once
            cause = await self._line.until(lambda: self._alarm(mark, records.WARM), 10)
        if cause:
            await self._signal("sounder", await self._person.hears(), "BZ1 and Q3, the 5 V rail")
            await self._signal(
                "alarm light", await self._person.sees_light(), "the light's cable and its switch"
            )
        if is_bank:
            await self._person.lid(False)
        else:
            await self._configure()

    async def _signal(self, what: str, works: bool, where: str) -> None:
        if works:
            self._good("alarm", what, "works")
        else:
            self._bad("alarm", what, "nothing during an alarm", f"{what} dead", where)

    def _alarm(self, mark: int, kind: str) -> bool:
        return any(each["a"] == kind and each["s"] == 1 for each in self._line.since(mark, "alarm"))

    async def _contacts(self) -> None:
        """Cold rooms: each door is opened for longer than the ajar limit."""
        await self._configure(ajar=1)
        for zone in self._plan.zones:
            mark = self._line.mark()
            await self._person.room_door(zone.id, True)
            await self._line.until(lambda mark=mark: self._alarm(mark, records.AJAR), 8)  # type: ignore[misc]
            alarms = self._line.since(mark, "alarm")
            seen = {str(a.get("z")) for a in alarms if a["a"] == records.AJAR and a["s"] == 1}
            await self._person.room_door(zone.id, False)
            if seen == {zone.id}:
                self._good("room's door", zone.id, "its contact sees it")
            elif seen:
                said, advice = (
                    f"it reports as {', '.join(sorted(seen))}",
                    "exchange the contacts' wires at J7",
                )
                self._bad("room's door", zone.id, said, "contacts swapped", advice)
            else:
                advice = "the contact is open while the door is closed, and so on: magnet, wires at J7"
                self._bad("room's door", zone.id, "open, and nothing said", "contact unseen", advice)
        await self._configure()

    # ---- probes --------------------------------------------------------------------------------------------

    async def _all_probes(self) -> None:
        for zone in self._plan.zones:
            await self._probes(zone)

    async def _probes(self, zone: ZonePlan) -> None:
        """Warm each in the hand: the one that rises is the one, whatever its label says (its ROM decides)."""
        for number, rom in enumerate(zone.probes):
            subject = f"{zone.id}, probe {number} ({rom})"
            before = await self._means(zone)
            if number not in before:
                health = self._health(zone, number)
                advice = "its plug, the line's wires, its ROM number in the site file"
                self._bad("probe", subject, f"{health}", "probe silent", advice)
                continue
            await self._person.warm(zone.id, number, True)
            mark = self._line.mark()
            await self._line.until(
                lambda mark=mark, before=before: self._risen(zone, mark, before),  # type: ignore[misc]
                60,
            )
            risen = self._risen(zone, mark, before)
            await self._person.warm(zone.id, number, False)
            if risen == {number}:
                self._good("probe", subject, "the one that was warmed is the one that rose")
            elif risen:
                other = ", ".join(map(str, sorted(risen)))
                advice = "exchange their labels, or their numbers in the site file"
                self._bad("probe", subject, f"probe {other} rose", "probes swapped", advice)
            else:
                advice = "is this the probe that hangs on this zone's line?"
                self._bad("probe", subject, "none of the zone rose", "probe elsewhere", advice)

    def _rows(self, zone: ZonePlan, mark: int) -> list[list[int]]:
        found: list[list[int]] = []
        for record in self._line.since(mark, "r"):
            rows = record["z"]
            assert isinstance(rows, list)
            found += [row[1:] for row in rows if row[0] == zone.id]
        return found

    async def _means(self, zone: ZonePlan) -> dict[int, int]:
        """Mean of each probe that has one, over the next two periods of readings."""
        mark = self._line.mark()
        await self._line.until(lambda: len(self._line.since(mark, "r")) >= 2, 20)
        return {row[0]: row[2] for row in self._rows(zone, mark) if row[4] > 0}

    def _risen(self, zone: ZonePlan, mark: int, before: dict[int, int]) -> set[int]:
        rows = self._rows(zone, mark)
        return {row[0] for row in rows if row[4] > 0 and row[2] > before.get(row[0], 99_999) + RISE_CDEG}

    def _health(self, zone: ZonePlan, number: int) -> str:
        healths = [row[5] for row in self._rows(zone, 0) if row[0] == number]
        return _HEALTH[healths[-1]] if healths and healths[-1] < len(_HEALTH) else "no readings"

    # ---- what outlasts faults ------------------------------------------------------------------------------

    async def _network(self) -> None:
        """Without a network the controller goes on, and tells afterwards.

        What shows that it goes on is that a code is taken and some door answers it; which one answers is a
        cable's affair, and the doors' check has named it.
        """
        door = self._doors.soundest() if self._plan.doors else 0
        if door:
            await self._need_codes(door)
        hellos = len(self._line.hellos)
        await self._person.network(False)
        mark = self._line.mark()
        moved: set[int] = set()
        if door:
            await self._person.type("#" + self._short)
            moved = await self._person.open_doors(door)
            await self._person.shut(moved)
        told_early = bool(self._line.since(mark, "try"))
        await self._person.network(True)
        back = await self._line.until(lambda: len(self._line.hellos) > hellos, HELLO_S)
        if not back:
            advice = "socket, cable, switch; the gateway's broker"
            self._bad("network", "loss", "no word after it was mended", "does not come back", advice)
        elif not door:
            self._good("network", "loss", "came back by itself")
        elif told_early:
            advice = "another network carried it: switch that off too and do this again"
            self._bad("network", "loss", "the code was told at once", "not cut off", advice)
        else:
            later = await self._line.until(lambda: self._accepted(mark), 20)
            self._went_on(door, moved, told=later)

    def _went_on(self, door: int, moved: set[int], *, told: bool) -> None:
        """Judge what a code did while there was no network."""
        if moved and told:
            self._good("network", "loss", "a code opened meanwhile, and was told afterwards")
        elif told and door in self._doors.faulty:
            self._good("network", "loss", "a code was taken meanwhile, and told afterwards")
        else:
            said = "the opening was never told" if moved else "no code opened meanwhile"
            self._bad("network", "loss", said, "does not go on alone", "see the display's words")

    async def _clock(self) -> None:
        """Told the time, then without mains: does the battery clock know it afterwards?"""
        self._line.send_time()
        mark = self._line.mark()
        await self._line.until(lambda: self._disciplined(mark), 20)
        await self._person.power()
        if not await self._line.until(lambda: self._line.since(mark, "boot"), HELLO_S):
            advice = "supply, fuse, cable at J1"
            self._bad("clock", "battery", "no word after the power came back", "no boot", advice)
            return
        boot = self._line.since(mark, "boot")[-1]
        off_s = abs(records.integer(boot, "t") - time.time())
        if boot.get("rtc") == 1 and off_s <= CLOCK_S + HELLO_S:
            self._good("clock", "battery", "knew the time after a power cut")
        else:
            advice = "the cell CR2032 in its holder, the right way round"
            self._bad("clock", "battery", "forgot the time in a power cut", "battery flat", advice)

    def _disciplined(self, mark: int) -> bool:
        readings = self._line.since(mark, "r")
        return any(each["q"] == records.DISCIPLINED for each in readings)


def in_order(plan: ControllerPlan, doors: set[int] | None) -> ControllerPlan:
    """The plan, with these doors only (all, without)."""
    if doors is None:
        return plan
    return replace(plan, doors=tuple(door for door in plan.doors if door.number in doors))
