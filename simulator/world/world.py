"""The world: every site's walls and hangars, their physics, and the socket that the controllers' stand-ins
talk to.

    async with World(Path("simulator/scenarios/demo.toml"), seed=1) as world:
        wall = world.walls["wall-1"]
        await wall.type("1234 5678")
        await world.until(lambda: wall.door_is_open(3), timeout=5)

Everything runs in the event loop that entered it. Controllers are started by `simulator.controllers`.
"""

import asyncio
import random
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from simulator.world import plan as plans
from simulator.world.bank_board import BankBoard
from simulator.world.board import Board
from simulator.world.flash import PowerCutError
from simulator.world.hangar import Hangar
from simulator.world.log import Log
from simulator.world.room_board import RoomBoard
from simulator.world.wall import Wall
from simulator.world.wire import Frames, Operation

_TICK_S = 0.25
_STALL_S = 0.1
"""A loop later than this has stood still: its requests waited in their sockets."""

_POLL_S = 0.02


class World:
    """All sites of one site file. `speed` is the factor of rooms' and zones' own time (each zone's can be set
    too).
    """

    def __init__(self, site: Path, *, seed: int = 0, speed: float = 1.0) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.log = Log(self.clock, self.wall_clock)
        self.plans = {plan.id: plan for plan in plans.read(site)}
        self.boards: dict[str, Board] = {}
        self.walls: dict[str, Wall] = {}
        self.hangars: dict[str, Hangar] = {}
        self.address = ("127.0.0.1", 0)
        """Where the stand-ins connect, once entered."""
        chance = random.Random(seed)
        for name, plan in self.plans.items():
            own = random.Random(chance.random())
            board: Board
            if plan.kind == "bank":
                board = BankBoard(plan, self.log, self.clock, self.wall_clock, own)
                self.walls[name] = Wall(board)
            else:
                board = RoomBoard(plan, self.log, self.clock, self.wall_clock, own)
                self.hangars[name] = Hangar(board)
            for zone in board.zones.values():
                zone.speed = speed
            self.boards[name] = board
        self._seen = self.clock()
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.Task[None] | None = None
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self.connections: dict[str, Connection] = {}

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._seen = self.clock()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        self.address = self._server.sockets[0].getsockname()[:2]
        for name, board in self.boards.items():
            board.rescheduled = lambda name=name: self._reschedule(name)  # type: ignore[misc]
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        for alarm in self._alarms.values():
            alarm.cancel()
        for connection in list(self.connections.values()):
            connection.drop()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def until(self, predicate: Callable[[], bool], timeout: float) -> None:  # noqa: ASYNC109
        """Wait for a condition, looked at after each event and every 20 ms. TimeoutError."""
        woken = asyncio.Event()
        end = self.log.listen(lambda _event: woken.set())
        try:
            async with asyncio.timeout(timeout):
                while not predicate():
                    woken.clear()
                    try:
                        await asyncio.wait_for(woken.wait(), _POLL_S)
                    except TimeoutError:
                        continue
        finally:
            end()

    def awake(self) -> None:
        """Called before any look: if this process was busy elsewhere, no watchdog bites."""
        now = self.clock()
        stall = now - self._seen - _TICK_S
        self._seen = now
        if stall > _STALL_S:
            for board in self.boards.values():
                board.forgive(stall)

    def _reschedule(self, name: str) -> None:
        old = self._alarms.pop(name, None)
        if old is not None:
            old.cancel()
        due = self.boards[name].due
        if due is not None:
            # The loop's clock is the world's: both are the monotonic one.
            self._alarms[name] = asyncio.get_running_loop().call_at(due, self._alarm, name)

    def _alarm(self, name: str) -> None:
        self.awake()
        self._alarms.pop(name, None)
        board = self.boards[name]
        board.advance(self.clock())
        if name not in self._alarms:
            self._reschedule(name)

    async def _tick(self) -> None:
        last = self.clock()
        while True:
            await asyncio.sleep(_TICK_S)
            self.awake()
            now = self.clock()
            for board in self.boards.values():
                for zone in board.zones.values():
                    zone.step(now - last)
            last = now


class Connection(asyncio.Protocol):
    """One controller's end of the wire."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._frames = Frames()
        self._board: Board | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answers leave at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def drop(self) -> None:
        """Cut the wire: what comes after is not heard."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_lost(self, _error: Exception | None) -> None:
        """The process has ended."""
        self._transport = None
        if self._board is not None and self._world.connections.get(self._board.name) is self:
            del self._world.connections[self._board.name]

    def data_received(self, data: bytes) -> None:
        """Requests; normally one at a time."""
        self._world.awake()
        for operation, payload in self._frames.feed(data):
            if self._transport is None:
                return
            if operation is Operation.HELLO:
                self._hello(payload.decode())
            if self._board is None:
                self.drop()
                return
            try:
                answer = self._board.handle(operation, payload)
            except PowerCutError:
                self.drop()
                return
            if answer.delay_s:
                asyncio.get_running_loop().call_later(answer.delay_s, self._send, answer.encode())
            else:
                self._send(answer.encode())

    def _hello(self, name: str) -> None:
        self._board = self._world.boards.get(name)
        older = self._world.connections.get(name)
        if older is not None:
            older.drop()
        if self._board is not None:
            self._world.connections[name] = self

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
