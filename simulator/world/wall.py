"""A wall of lockers as people meet it: keys, display, lights, doors, goods; and what harms it."""

import asyncio

from simulator.world.bank_board import KEYS, BankBoard
from simulator.world.chips.ds18b20 import Probe, Wire
from simulator.world.doors import Happening
from simulator.world.zone import Zone

HOLD_S = 0.08
"""How long a finger holds a key."""

AWAY_S = 0.1
"""How long it is away before the next."""

_LOOK_S = 0.005
_LOOKS = 400
"""A controller that does not look at its keys for two seconds will not look at all."""


class Wall:
    """One bank. Doors go by the number painted on them; KeyError for one that is not there."""

    def __init__(self, board: BankBoard) -> None:
        self.board = board
        self.id = board.name

    @property
    def zones(self) -> dict[str, Zone]:
        """Cooled zones by id."""
        return self.board.zones

    def zone(self, zone_id: str) -> Zone:
        """One cooled zone: `zone("chilled").compressor(False)`."""
        return self.board.zones[zone_id]

    def probe(self, zone_id: str, number: int) -> Probe:
        """A probe by its number in the zone, from 0: `probe("chilled", 0).unplug()`."""
        return self.board.zones[zone_id].probes[number]

    def wire(self, zone_id: str) -> Wire:
        """The 1-Wire bus of a zone, which can be shorted or cut."""
        plan = next(plan for plan in self.board.plan.zones if plan.id == zone_id)
        return self.board.buses[self.board.pin(self.board.wires[plan.bus])]

    # ---- keys and signs ------------------------------------------------------------------------------------

    def key_down(self, key: str) -> None:
        """A finger closes the contact. ValueError for a key that is not there."""
        if not any(key in row for row in KEYS) or len(key) != 1:
            raise ValueError(f"no key {key!r}")
        self.board.keys_down.add(key)
        self.board.log.add(self.id, "key", detail=key)

    def key_up(self, key: str) -> None:
        """And lets it open."""
        self.board.keys_down.discard(key)

    async def press(self, key: str, hold_s: float = HOLD_S) -> None:
        """One key, held for 80 ms, then away for 100 ms; longer where a busy machine stops the controller.

        A chip looks at its keys a hundred times a second. The process that stands in for it may be stopped
        for longer than a press, which would then have left no trace.
        """
        self.key_down(key)
        try:
            await self._looked_at(hold_s)
        finally:
            self.key_up(key)
        await self._looked_at(AWAY_S)

    async def _looked_at(self, seconds: float) -> None:
        """Stay so for that long, and until a whole scan of the keypad has seen it, if there are scans."""
        before = self.board.scans
        await asyncio.sleep(seconds)
        for _ in range(_LOOKS):
            if not before or not self.board.powered or self.board.scans >= before + 2:
                return
            await asyncio.sleep(_LOOK_S)

    async def type(self, keys: str) -> None:
        """Keys one after the other; spaces are for the reader."""
        for key in keys.replace(" ", ""):
            await self.press(key)

    def display(self) -> list[str]:
        """The four lines."""
        return self.board.display.lines()

    def leds(self) -> set[int]:
        """Doors whose light is on."""
        return self.board.lit

    def buzzer(self) -> bool:
        """Whether it sounds."""
        return self.board.output("BUZZER")

    def alarm_light(self) -> bool:
        """Whether it is lit."""
        return self.board.output("LED_ALARM")

    # ---- doors and goods -----------------------------------------------------------------------------------

    def door_is_open(self, door: int) -> bool:
        """Whether the door stands away from its frame."""
        self.board.advance(self.board.clock())
        return self.board.doors[door].is_open

    def contents(self, door: int) -> list[str]:
        """What lies in the compartment."""
        return list(self.board.doors[door].items)

    def pull(self, door: int) -> bool:
        """Open a door that is ajar; a latched one holds. Whether it is open now."""
        is_open, happenings = self.board.doors[door].pull(self.board.clock())
        self._done(door, happenings)
        return is_open

    def push(self, door: int) -> None:
        """Push it shut; it latches a moment later."""
        self._done(door, self.board.doors[door].push(self.board.clock()))

    def put(self, door: int, item: str = "goods") -> None:
        """Put goods in. ValueError if the door is shut."""
        self._done(door, self.board.doors[door].put(item, self.board.clock()))

    def take(self, door: int) -> None:
        """Take everything out. ValueError if the door is shut."""
        self._done(door, self.board.doors[door].take(self.board.clock()))

    def _done(self, door: int, happenings: list[Happening]) -> None:
        self.board.note(door, happenings)
        self.board.refresh()

    # ---- harm ----------------------------------------------------------------------------------------------

    def jam(self, door: int, on: bool = True) -> None:
        """The latch lets go but the door does not move."""
        self.board.doors[door].jammed = on
        self._fault(door, "jammed", on)

    def block(self, door: int, on: bool = True) -> None:
        """Something keeps the door from closing."""
        self.board.doors[door].blocked = on
        self._fault(door, "blocked", on)

    def force(self, door: int) -> None:
        """Break the door open."""
        self.board.log.add(self.id, "fault", door, "forced")
        self._done(door, self.board.doors[door].force(self.board.clock()))

    def blind(self, door: int, on: bool = True) -> None:
        """The item receiver sees light even with the emitters off."""
        self._mark(self.board.blind, door, on)
        self._fault(door, "blind sensor", on)

    def dirty(self, door: int, on: bool = True) -> None:
        """The item receiver never sees light."""
        self._mark(self.board.dirty, door, on)
        self._fault(door, "dirty sensor", on)

    def open_box(self, on: bool = True) -> None:
        """The controller's box is opened: the tamper contact."""
        self.board.box_open = on
        self._fault(None, "box open", on)

    def cut_line(self, on: bool = True) -> None:
        """The lock boards' cable is cut."""
        self.board.line.broken = on
        self._fault(None, "lock boards' line cut", on)

    def board_dead(self, index: int, on: bool = True) -> None:
        """One RS-485 lock board (by its place on the line, from 0) loses its supply."""
        self.board.line.boards[index].dead = on
        self._fault(None, f"lock board {index} dead", on)

    @staticmethod
    def _mark(marked: set[int], door: int, on: bool) -> None:
        if on:
            marked.add(door)
        else:
            marked.discard(door)

    def _fault(self, door: int | None, what: str, on: bool) -> None:
        if door is not None and door not in self.board.doors:
            raise KeyError(door)
        self.board.log.add(self.id, "fault", door, what if on else f"{what} no more")
