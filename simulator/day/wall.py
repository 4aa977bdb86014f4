"""What one controller stands in front of: a bank's doors, goods and keys, or the rooms of a hangar.

Mechanics and cold are those of `simulator.world`; only chips and buses are left out (`drivers`).
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable

from firmware.contract import records
from simulator.day.diary import Diary
from simulator.day.timeline import Calm, Timeline
from simulator.world.climate import Space
from simulator.world.doors import Door, Happening
from simulator.world.plan import ControllerPlan
from simulator.world.zone import Zone

_KEY_S = (0.12, 0.4)
_SWITCH = ("door_open", "door_close")
_STEP_S = 10.0
"""A twelfth of the fastest change of a space: finer steps show nothing but cost most of a month."""


class _Space(Space):
    """The physics of `climate` in steps that fit a month."""

    def step(self, seconds: float) -> None:
        """Let `seconds` pass."""
        count = math.ceil(seconds / _STEP_S)
        for _ in range(count):
            self._small(seconds / count)


class Wall:
    """Everything behind the pins of one controller."""

    def __init__(self, plan: ControllerPlan, timeline: Timeline, diary: Diary) -> None:
        self.plan = plan
        self.timeline = timeline
        self.calm = Calm(timeline, self._is_busy)
        self._diary = diary
        self._chance = timeline.chance(f"wall {plan.id}")
        self.doors = {door.number: Door(door.number, self._chance) for door in plan.doors}
        self._plans = {door.number: door for door in plan.doors}
        self.zones: dict[str, Zone] = {}
        for each in plan.zones:
            zone = Zone(each, timeline.chance(f"zone {plan.id} {each.id}"), self._note)
            zone.space = _Space(zone.space.build)
            self.zones[each.id] = zone
        self._stepped = timeline.seconds
        self.open_rooms: set[str] = set()
        """Zones of a hangar whose door stands open."""
        self.blind: set[int] = set()
        self.coils: list[int] = []
        """Doors whose coil is on: never more than one."""
        self.keys: deque[str] = deque()
        self.finger = asyncio.Lock()
        """Who stands at the keypad; others queue behind."""
        self.on_coil: Callable[[int, bool], None] = lambda _door, _on: None
        self.on_step: Callable[[], None] = lambda: None
        """Told when the cold has gone on."""
        self.is_powered = False
        """Whether its keypad and coils have current."""
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._watching: list[asyncio.Future[None]] = []

    def _note(self, what: str) -> None:
        self._diary.say(self.plan.id, f"({what})")

    def _is_busy(self) -> bool:
        return bool(self.keys) or any(door.is_open for door in self.doors.values())

    # hands.

    async def type(self, code: str) -> None:
        """Press keys one after the other."""
        for key in code:
            if self.is_powered:
                self.keys.append(key)
                self.calm.moved()
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

    def room(self, zone: str, is_open: bool) -> None:
        """Open or shut the door of a room of the hangar."""
        if (zone in self.open_rooms) == is_open:
            return
        self.step()
        if is_open:
            self.open_rooms.add(zone)
        else:
            self.open_rooms.discard(zone)
        self.zones[zone].space.open_share = float(is_open)
        self._note(f"the door of {zone} is {'opened' if is_open else 'shut'}")
        self.calm.moved()

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
        self.calm.moved()
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
            if mine:
                zone.space.open_share = len(wide) / len(mine)

    def step(self) -> None:
        """Let the cold go on to the present."""
        passed, self._stepped = self.timeline.seconds - self._stepped, self.timeline.seconds
        if passed <= 0:
            return
        for zone in self.zones.values():
            zone.step(passed)
        self.on_step()

    # what the controller's drivers reach.

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
