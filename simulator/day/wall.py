"""The wall of a simulated day: doors, goods, keys, coils, fridges, in the shapes of the firmware's drivers.

Mechanics and cold are those of `simulator.world`; only chips and buses are left out.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from firmware.contract import records
from firmware.drivers.ds18b20 import ProbeBus
from firmware.drivers.items import Items
from firmware.drivers.keypad import Keypad
from simulator.day.diary import Diary
from simulator.day.timeline import Timeline
from simulator.world.chips.ds18b20 import rom_bytes
from simulator.world.doors import Door, Happening
from simulator.world.plan import ControllerPlan, DoorPlan
from simulator.world.zone import Zone

_KEY_S = (0.12, 0.4)
_SWITCH = ("door_open", "door_close")


class Wall:
    """Everything in front of and behind the doors of one bank. `power` False: its coils and keys are dead."""

    def __init__(self, plan: ControllerPlan, timeline: Timeline, diary: Diary) -> None:
        self.plan = plan
        self.timeline = timeline
        self._diary = diary
        self._chance = timeline.chance("wall")
        self.doors = {door.number: Door(door.number, self._chance) for door in plan.doors}
        self._plans = {door.number: door for door in plan.doors}
        self.zones = {
            zone.id: Zone(zone, timeline.chance(f"zone {zone.id}"), lambda what: self._note(what))
            for zone in plan.zones
        }
        self._stepped = 0.0
        self.blind: set[int] = set()
        self.coils: list[int] = []
        """Doors whose coil is on: never more than one."""
        self.keys: deque[str] = deque()
        self.finger = asyncio.Lock()
        """Who stands at the keypad; others queue behind."""
        self.on_coil: Callable[[int, bool], None] = lambda _door, _on: None
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._watching: list[asyncio.Future[None]] = []

    def _note(self, what: str) -> None:
        self._diary.say("world", what)

    # hands.

    async def type(self, code: str) -> None:
        """Press keys one after the other."""
        for key in code:
            self.keys.append(key)
            self.timeline.moved()
            await asyncio.sleep(self._chance.uniform(*_KEY_S))

    def pull(self, number: int) -> bool:
        """Open a door wide that stands ajar; whether it is."""
        wide, happened = self.doors[number].pull(self.timeline.seconds)
        self._happened(number, happened)
        return wide

    def push(self, number: int) -> None:
        """Push a door shut; it takes a moment."""
        self._happened(number, self.doors[number].push(self.timeline.seconds))

    def put(self, number: int, item: str) -> None:
        """Goods go in."""
        self._happened(number, self.doors[number].put(item, self.timeline.seconds))

    def take(self, number: int) -> None:
        """Goods come out."""
        self._happened(number, self.doors[number].take(self.timeline.seconds))

    def force(self, number: int) -> None:
        """Break a door open."""
        self._happened(number, self.doors[number].force(self.timeline.seconds))

    def open_doors(self) -> list[int]:
        """Doors that stand open."""
        return [number for number, door in self.doors.items() if door.is_open]

    async def until(self, what: Callable[[], bool], within_s: float) -> bool:
        """Wait until something holds at the doors; False if it does not in time."""
        deadline = self.timeline.seconds + within_s
        while not what():
            left = deadline - self.timeline.seconds
            if left <= 0.001:
                return False
            waiting = self.timeline.loop.create_future()
            self._watching.append(waiting)
            timer = self.timeline.loop.call_later(left, self._look)
            await waiting
            timer.cancel()
        return True

    # mechanics.

    def _happened(self, number: int, happened: list[Happening]) -> None:
        for each in happened:
            detail = f" ({each.detail})" if each.detail else ""
            self._note(f"door {number}: {each.kind}{detail}")
            if each.kind in _SWITCH:
                self._diary.counts[each.kind] += 1
                self._share()
        self.timeline.moved()
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer.cancel()
        due = self.doors[number].next_change(self.timeline.seconds)
        if due is not None:
            self._timers[number] = self.timeline.loop.call_at(due, self._advance, number)
        self._look()

    def _advance(self, number: int) -> None:
        self._timers.pop(number, None)
        self._happened(number, self.doors[number].advance(self.timeline.seconds))

    def _look(self) -> None:
        watching, self._watching = self._watching, []
        for each in watching:
            if not each.done():
                each.set_result(None)

    def _share(self) -> None:
        """An open door warms its zone."""
        self.step()
        for zone in self.zones.values():
            mine = [door.number for door in self.plan.doors if door.zone == zone.id]
            wide = [number for number in mine if self.doors[number].is_open]
            zone.space.open_share = len(wide) / len(mine) if mine else 0.0

    def step(self) -> None:
        """Let the cold go on to the present."""
        passed, self._stepped = self.timeline.seconds - self._stepped, self.timeline.seconds
        for zone in self.zones.values():
            zone.step(passed)

    # what the controller's drivers reach.

    def at(self, board: int, channel: int) -> DoorPlan:
        """The door on a lock; KeyError if nothing hangs there."""
        for door in self.plan.doors:
            if (door.board, door.channel) == (board, channel):
                return door
        raise KeyError((board, channel))

    def coil(self, number: int, on: bool) -> None:
        """Current through a coil, or no more."""
        if on:
            self.coils.append(number)
            self._diary.counts["coil starts"] += 1
        else:
            self.coils.remove(number)
        self._note(f"coil {number} {'on' if on else 'off'}")
        self.on_coil(number, on)
        self._happened(number, self.doors[number].coil(on, self.timeline.seconds))

    def all_off(self) -> None:
        """The power is gone: so is every current."""
        for number in list(self.coils):
            self.coil(number, False)
        self.keys.clear()

    def item(self, number: int) -> int:
        """What the item sensor of a compartment says."""
        if number in self.blind or not self._plans[number].item_sensor:
            return records.BLIND
        return records.PRESENT if self.doors[number].items else records.ABSENT


class Locks:
    """A lock board's driver (`firmware.drivers.seams.LockBoard`)."""

    def __init__(self, wall: Wall, board: int) -> None:
        self._wall = wall
        self._board = board
        self.locks = wall.plan.boards[board].locks
        self.open_bits = 0

    async def pulse(self, channel: int, pulse_ms: int) -> bool:
        """Energise one lock for so long."""
        number = self._wall.at(self._board, channel).number
        self._wall.coil(number, True)
        await asyncio.sleep(pulse_ms / 1000)
        self._wall.coil(number, False)
        return True

    async def refresh(self) -> bool:
        """Read the contacts, bounces and all."""
        now, bits = self._wall.timeline.seconds, 0
        for door in self._wall.plan.doors:
            if door.board == self._board and self._wall.doors[door.number].contact(now):
                bits |= 1 << (door.channel - 1)
        self.open_bits = bits
        return True

    def guard(self) -> None:
        """A coil's time is bounded by `pulse` itself here."""


class Keys(Keypad):
    """The keypad's driver: a key that was pressed is scanned once."""

    def __init__(self, wall: Wall) -> None:
        super().__init__([], [])
        self._wall = wall

    def scan(self, now_ms: int) -> str:  # noqa: ARG002 - the real one debounces by it
        """The key that went down since the last scan."""
        return self._wall.keys.popleft() if self._wall.keys else ""


class Eyes(Items):
    """The item sensors' driver."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall

    async def look(self, board: int, channel: int) -> int:
        """What the sensor of one compartment says."""
        return self._wall.item(self._wall.at(board, channel).number)


class Bus(ProbeBus):
    """The probes of one 1-Wire bus."""

    def __init__(self, wall: Wall, bus: int) -> None:
        self._wall = wall
        zones = [wall.zones[zone.id] for zone in wall.plan.zones if zone.bus == bus]
        self._probes = {rom_bytes(probe.rom): probe for zone in zones for probe in zone.probes}

    def _is_anybody_there(self) -> bool:
        return any(not probe.unplugged for probe in self._probes.values())

    def convert(self) -> bool:
        """Start a conversion in every probe."""
        self._wall.step()
        for probe in self._probes.values():
            if not probe.unplugged:
                probe.convert(self._wall.timeline.seconds)
        return self._is_anybody_there()

    def read(self, rom: bytes) -> bytearray | None:
        """Nine bytes; all ones where nobody answers, None if the bus is empty."""
        if not self._is_anybody_there():
            return None
        probe = self._probes.get(rom)
        if probe is None or probe.unplugged:
            return bytearray(b"\xff" * 9)
        return bytearray(probe.scratchpad(self._wall.timeline.seconds))
