"""The judge's bench: every event comes here and goes to those whom it concerns."""

from typing import Any

from gateway.effects import Publish
from gateway.lanes import Lane
from server.foundation.audit import AuditEntry
from server.sitefile.document import ControllerPart
from simulator.day.board import Board
from simulator.day.gateway import Gateway
from simulator.day.judge.books import Books
from simulator.day.judge.broken import hold
from simulator.day.judge.coils import Coils
from simulator.day.judge.cold import Cold
from simulator.day.judge.journals import Journals
from simulator.day.judge.rights import Rights
from simulator.day.judge.touched import GONE, Touched
from simulator.day.judge.watched import Watched
from simulator.day.office import Office
from simulator.day.wall import Wall

BOUNDS_EVERY_S = 6 * 3600.0


class Judge:
    """Watches walls, controllers, gateways and the server."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.walls: dict[str, Watched] = {}
        self.touched = Touched(office.database)
        self.coils = Coils(office.database)
        self.books = Books(office)
        self.journals = Journals(office.database)
        self.rights = Rights(office.database, self.coils)
        self.cold = Cold(office.database)
        self.checks = 0
        self._bounds_s = 0.0
        office.after = self.server
        office.is_excused = self._is_excused

    def watch(self, wall: Wall, board: Board, gateway: Gateway, part: ControllerPart) -> None:
        """Take a controller under watch."""
        seen = self.walls[board.id] = self.rights.walls[board.id] = Watched(wall, board, gateway, part)
        wall.on_coil = lambda number, on: self._coil(seen, number, on)
        wall.on_step = lambda: self._stepped(seen)
        board.on_power = lambda on: self._power(seen, on)

    def hear(self, gateway: Gateway) -> None:
        """Listen to what a gateway publishes, and to what the server answers it."""

        def leaves(message: Publish) -> None:
            self.checks += 1
            self.journals.leaves(self.walls, gateway.database, message)

        def taken(epoch: str, lane: Lane, upto: int) -> None:
            self.checks += 1
            self.journals.taken(gateway.id, epoch, lane, upto)

        gateway.on_publish = leaves
        gateway.on_taken = taken

    def _is_excused(self, device: str, code: str) -> bool:
        """Readings dated ahead by a battery clock that has moved are put aside (R-49)."""
        seen = self.walls.get(device)
        return code == "future" and seen is not None and seen.board.keep.battery.has_moved

    # events.

    def told(self, device: str, kind: str, lane: int, number: int, fields: dict[str, Any]) -> None:
        """A record is durable at a controller."""
        self.checks += 1
        seen = self.walls[device]
        self.coils.told(seen, kind, fields)
        self.journals.told(seen, kind, lane, number, fields)
        seen.told(kind, fields)
        self.rights.told(seen, kind, fields)

    def _coil(self, seen: Watched, number: int, on: bool) -> None:
        self.checks += 1
        self.coils.changed(seen, number, on)

    def _stepped(self, seen: Watched) -> None:
        self.checks += 1
        self.journals.stepped(seen)
        self.cold.stepped(seen)
        self.cold.check(seen, self._office.is_up)

    def _power(self, seen: Watched, on: bool) -> None:
        if on:
            self.journals.booted(seen)
            self.coils.booted(seen)
        hold(on or not seen.wall.coils, "5: a coil without power")
        self.lines_changed()

    def lines_changed(self) -> None:
        """Mains, boxes or wires have changed somewhere."""
        for seen in self.walls.values():
            self.cold.stepped(seen)
            if seen.is_cut_off or not seen.reaches_server:
                seen.reached_s = seen.now_s
            if seen.is_cut_off != (not seen.reaches_server) or seen.is_linked != seen.board.is_linked:
                seen.changed_s = seen.now_s
            seen.is_cut_off, seen.is_linked = not seen.reaches_server, seen.board.is_linked

    def flash_mended(self, device: str) -> None:
        """A board's flash takes again what it is given."""
        self.walls[device].flash_s = self.walls[device].now_s

    def server(self, fresh: list[AuditEntry]) -> None:
        """After each transaction of the server. Raises InvariantError."""
        self.checks += 1
        touched = self.touched.drain()
        self.rights.given(self.coils.learn(touched))
        hold(not touched.get(GONE), f"17: deleted: {touched.get(GONE)}")
        self.books.check(touched, fresh)
        self.journals.check(touched, self.walls)
        self.cold.closed(touched, self.walls)
        self.rights.check()

    def ticked(self) -> None:
        """The server has looked at its timers."""
        self.checks += 1
        self.rights.check()
        for seen in self.walls.values():
            self.cold.stepped(seen)
            self.cold.check(seen, self._office.is_up)
            if seen.now_s - self._bounds_s >= BOUNDS_EVERY_S:
                self._bounds_s = seen.now_s
                self.books.bounded(list(self.walls.values()))

    def server_is_back(self, now_s: float) -> None:
        """The server is up again, or its clock right."""
        self.cold.server_since_s = now_s

    def restored(self, head: tuple[int, str]) -> None:
        """The server has an older database."""
        self.touched.drain()
        self.books.restored(head)
        self.journals.restored()
        self.rights.restored()

    def end(self) -> None:
        """Everything is still, every line is whole. Raises InvariantError."""
        self.server([])
        self.journals.end()
        self.books.end(list(self.walls.values()))
