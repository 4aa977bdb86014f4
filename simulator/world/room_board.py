"""The board of a hangar's cold rooms: a door contact and a 1-Wire bus for each room."""

from simulator.world.board import Board


class RoomBoard(Board):
    """Rooms are numbered as their buses: 0 and 1."""

    prefix = "ROOM"
    wires = ("OW_ROOM1", "OW_ROOM2")

    def level(self, gpio: int, _now: float) -> int:
        """Door contacts read 1 while the room's door stands open."""
        for index, net in enumerate(("DOOR_ROOM1", "DOOR_ROOM2")):
            if gpio == self.pin(net):
                return int(any(z.space.door_open for z in self.zones.values() if self._bus_of(z.id) == index))
        return super().level(gpio, _now)

    def _bus_of(self, zone: str) -> int:
        return next(plan.bus for plan in self.plan.zones if plan.id == zone)
