"""The only task that energises a coil, one at a time (invariant 4)."""

from firmware.services.doors import Doors
from firmware.supervisor import Heart


class Coil:
    """The only task that energises a coil, one at a time."""

    def __init__(self, doors: Doors, heart: Heart) -> None:
        self._doors = doors
        self._heart = heart
        self._busy = 0

    async def run(self) -> None:
        """Pulse what `Doors` wants, and say when the coil is off again."""
        doors = self._doors
        if self._busy:
            # This task was restarted in the middle of a pulse: nobody knows what became of it.
            number, self._busy = self._busy, 0
            doors.pulsed(number, False)
        while True:
            self._heart.beat()
            if not doors.wanted:
                doors.pulse.clear()
                self._heart.rest()
                await doors.pulse.wait()
            number, doors.wanted = doors.wanted, 0
            if not number:
                continue
            self._busy = number
            self._heart.beat()
            place = doors.place(number)
            answered = False
            if place is not None:
                answered = await place[0].pulse(place[1], doors.config.pulse_ms)
            self._busy = 0
            doors.pulsed(number, answered)
