"""Each door, one after the other: does its order open it, does its contact see it, does its sensor see goods.

The controller says what its contact saw, the person which door moved; where the two disagree lies the fault.
"""

from collections.abc import Callable

from firmware.contract import records
from simulator.commission.finding import Finding
from simulator.commission.line import Line
from simulator.commission.person import Person
from simulator.world.plan import ControllerPlan, DoorPlan

LONGEST_COIL_MS = 1_000
"""Cabinet locks' coils stand about a second; the firmware's and the lock boards' pulses are 400 to 500 ms."""

_DOOR = "door"
_ITEM = "item sensor"
_COIL = "coil's on-time"
_ANSWER_S = 8.0


class DoorChecks:
    """The doors of one wall."""

    def __init__(
        self, line: Line, person: Person, plan: ControllerPlan, found: Callable[[Finding], None]
    ) -> None:
        self._line = line
        self._person = person
        self._plan = plan
        self._found = found
        self.faulty: set[int] = set()
        """Doors that were looked at and are not as they should be: named once, whatever they do later."""

    def soundest(self) -> int:
        """The door to try other things at: the lowest that is not known to be faulty, else the lowest."""
        numbers = {door.number for door in self._plan.doors}
        return min(numbers - self.faulty or numbers)

    async def run(self) -> None:
        """All of them, in the order of their numbers."""
        for door in sorted(self._plan.doors, key=lambda door: door.number):
            await self._door(door)

    async def _open(self, number: int) -> tuple[str, set[int], set[int]]:
        """Outcome, doors that moved, doors whose contacts moved unasked."""
        mark = self._line.mark()
        outcome = await self._line.open(number)
        moved = await self._person.open_doors(number)
        await self._line.until(lambda: self._strays(mark) >= moved - {number}, 1.0)
        return outcome, moved, self._strays(mark)

    def _strays(self, mark: int) -> set[int]:
        found = self._line.since(mark, "door")
        return {records.integer(each, "d") for each in found if each["s"] == 1 and each["x"] == 1}

    async def _door(self, door: DoorPlan) -> None:
        number, mark = door.number, self._line.mark()
        outcome, moved, strays = await self._open(number)
        finding = self._judge(door, outcome, moved, strays)
        self._found(finding)
        if not finding.good:
            self.faulty.add(number)
        if moved:
            await self._coil(number)
        if finding.good and door.item_sensor:
            await self._item(number)
        elif moved:
            await self._person.shut(moved)
            # What moved unasked must be seen to be at rest again before the next order is judged.
            await self._line.until(lambda: self._at_rest(mark), 3.0)

    def _at_rest(self, mark: int) -> bool:
        last = {each["d"]: each["s"] for each in self._line.since(mark, "door")}
        return not any(last.values())

    def _judge(self, door: DoorPlan, outcome: str, moved: set[int], strays: set[int]) -> Finding:
        number, board = door.number, self._plan.boards[door.board]
        said = f"the controller says {outcome or 'nothing'}, " + (
            f"door {', '.join(map(str, sorted(moved)))} opened" if moved else "no door opened"
        )

        def fault(name: str, advice: str) -> Finding:
            return Finding(_DOOR, f"door {number}", said, name, advice)

        if moved == {number} and outcome == records.OPENED:
            return Finding(_DOOR, f"door {number}", "its order opens it, its contact sees it")
        if len(moved) > 1:
            twins = [d.number for d in self._plan.doors if d.channel == door.channel and d.number in moved]
            if len(twins) > 1:
                return fault(
                    "address clash",
                    f"two lock boards answer to {board.address}: set the switches of one, power it anew",
                )
            return fault("two doors on one order", "look for wires that touch at the lock board's terminals")
        if moved and moved != {number}:
            other = next(iter(moved))
            return fault("cables swapped", f"exchange the cables of {number} and {other} at the lock board")
        if outcome == records.NO_ANSWER:
            return fault(
                "lock board silent",
                f"board at address {board.address}: supply, address switches, A and B exchanged, termination",
            )
        if outcome == records.ALREADY_OPEN:
            return fault(
                "contact reversed",
                "the contact says open while the door is shut: set the lock board to the other kind of "
                "switch, or find the cut wire",
            )
        if moved and strays:
            where = ", ".join(map(str, sorted(strays)))
            return fault("contacts swapped", f"its contact reports as door {where}: exchange their cables")
        if moved:
            return fault("contact unseen", "the door opened and its contact said nothing: plug, magnet, wire")
        return fault("door stuck", "the lock's cable, the latch, goods that press against the door")

    async def _coil(self, number: int) -> None:
        held = await self._person.hold_ms(number)
        if held is None:
            return
        said = f"held for {held} ms"
        if held > LONGEST_COIL_MS:
            advice = f"longer than {LONGEST_COIL_MS} ms burns coils: set the board's pulse to half a second"
            self._found(Finding(_COIL, f"door {number}", said, "coil on for too long", advice))
        else:
            self._found(Finding(_COIL, f"door {number}", said))

    async def _item(self, number: int) -> None:
        """The door is open: once with goods, once without."""
        await self._person.put(number)
        full = await self._shut_and_look(number)
        _, moved, _ = await self._open(number)
        await self._person.take(number)
        empty = await self._shut_and_look(number) if moved else None
        words = {records.ABSENT: "empty", records.PRESENT: "full", records.BLIND: "blind", None: "nothing"}
        said = f"with goods it says {words[full]}, without {words[empty]}"
        if (full, empty) == (records.PRESENT, records.ABSENT):
            self._found(Finding(_ITEM, f"door {number}", said))
        elif records.BLIND in (full, empty):
            advice = "the receiver sees light with the emitters off: daylight, or a short on its line"
            self._found(Finding(_ITEM, f"door {number}", said, "sensor blind", advice))
        elif empty == records.PRESENT:
            advice = "the receiver sees no light: clean and align it, look at the emitters' string"
            self._found(Finding(_ITEM, f"door {number}", said, "sensor dark", advice))
        else:
            advice = "the beam passes beside the goods: move it to where goods lie"
            self._found(Finding(_ITEM, f"door {number}", said, "sensor sees nothing", advice))

    async def _shut_and_look(self, number: int) -> int | None:
        mark = self._line.mark()
        await self._person.shut({number})
        await self._line.until(lambda: self._after(mark, number), _ANSWER_S)
        after = self._after(mark, number)
        return records.integer(after[-1], "i") if after else None

    def _after(self, mark: int, number: int) -> list[dict[str, object]]:
        return [each for each in self._line.since(mark, "after") if each["d"] == number]
