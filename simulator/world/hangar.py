"""A hangar's cold rooms as people meet them: walk-in doors, an alarm, probes."""

from simulator.world.chips.ds18b20 import Probe, Wire
from simulator.world.room_board import RoomBoard
from simulator.world.zone import Zone


class Hangar:
    """Two cold rooms of one controller. Rooms go by the id of their zone."""

    def __init__(self, board: RoomBoard) -> None:
        self.board = board
        self.id = board.name

    @property
    def zones(self) -> dict[str, Zone]:
        """Rooms by id."""
        return self.board.zones

    def zone(self, zone_id: str) -> Zone:
        """One room: `zone("room-1").compressor(False)`."""
        return self.board.zones[zone_id]

    def probe(self, zone_id: str, number: int) -> Probe:
        """A probe by its number in the room, from 0."""
        return self.board.zones[zone_id].probes[number]

    def wire(self, zone_id: str) -> Wire:
        """The 1-Wire bus of a room, which can be shorted or cut."""
        plan = next(plan for plan in self.board.plan.zones if plan.id == zone_id)
        return self.board.buses[self.board.pin(self.board.wires[plan.bus])]

    def open_door(self, zone_id: str) -> None:
        """Somebody walks in and leaves the door open."""
        self._door(zone_id, True)

    def close_door(self, zone_id: str) -> None:
        """And shuts it."""
        self._door(zone_id, False)

    def _door(self, zone_id: str, is_open: bool) -> None:
        space = self.board.zones[zone_id].space
        if space.door_open != is_open:
            space.open_share = float(is_open)
            self.board.log.add(self.id, "door_open" if is_open else "door_close", detail=zone_id)

    def buzzer(self) -> bool:
        """Whether it sounds."""
        return self.board.output("BUZZER")

    def alarm_light(self) -> bool:
        """Whether it is lit."""
        return self.board.output("LED_ALARM")
