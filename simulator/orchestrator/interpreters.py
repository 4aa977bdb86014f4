"""Processor time of each controller's interpreter, as the kernel counts it, at each key and coil start."""

from pathlib import Path

from simulator.controllers import Fleet
from simulator.world.log import Log, WorldEvent

_WATCHED = ("key", "coil_on")


class InterpreterClock:
    """Listens to the world's log from its making on. Linux: /proc/PID/schedstat, nanoseconds."""

    def __init__(self, log: Log, fleet: Fleet) -> None:
        self._fleet = fleet
        self._spent: dict[tuple[str, float], int] = {}
        log.listen(self._note)

    def between_ms(self, start: WorldEvent, end: WorldEvent) -> float | None:
        """Milliseconds from one event to the other; None where the kernel does not say."""
        first = self._spent.get((start.controller, start.at_monotonic))
        last = self._spent.get((end.controller, end.at_monotonic))
        return None if first is None or last is None else (last - first) / 1e6

    def _note(self, event: WorldEvent) -> None:
        if event.kind not in _WATCHED:
            return
        account = Path(f"/proc/{self._fleet[event.controller].pid}/schedstat")
        if account.exists():
            self._spent[(event.controller, event.at_monotonic)] = int(account.read_text().split()[0])
