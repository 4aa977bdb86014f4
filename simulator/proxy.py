"""Links between parts, as TCP proxies that no part is told of: cut, silent, slow, in slices, half open, held.

async with Link("wall-1 to broker", target_port=8884) as link:  # link.port is what the part is given
    link.cut()  # connections break, new ones are refused: a switched-off switch
    link.mend()
    link.silence()  # nothing passes, nobody is told: a pulled cable; `mend` lets what was sent arrive
    link.hold("down")  # one direction waits: "down" is towards who connected, "up" towards the target
    link.release()
    link.half_open()  # the target sees the connection end, who connected sees nothing at all
    link.delay_s = 0.3
    link.slice_bytes = 1
"""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Literal, Self

Direction = Literal["up", "down"]
_CHUNK = 65536


class Link:
    """One listening port on 127.0.0.1 that leads to another."""

    def __init__(self, name: str, *, target_port: int, port: int = 0) -> None:
        self.name = name
        self.target_port = target_port
        self.port = port
        self.delay_s = 0.0
        """Added to each piece that passes, in either direction."""
        self.slice_bytes = 0
        """Pieces of this size at most; 0: as they come."""
        self.bytes_passed: dict[Direction, int] = {"up": 0, "down": 0}
        self.connections = 0
        """Connections ever taken."""
        self._is_cut = False
        self._open: dict[Direction, asyncio.Event] = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.release()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        self._is_cut = True
        self._break_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    @property
    def live(self) -> int:
        """Connections through the link now."""
        return len(self._pairs)

    @property
    def is_up(self) -> bool:
        """Whether new connections pass, in both directions."""
        return not self._is_cut and all(gate.is_set() for gate in self._open.values())

    @property
    def is_cut(self) -> bool:
        """Whether connections are broken and refused."""
        return self._is_cut

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._is_cut = True
        self._break_all()

    def silence(self) -> None:
        """Hold both directions; connections stay, new ones are taken and hear nothing."""
        self.hold("up")
        self.hold("down")

    def hold(self, direction: Direction) -> None:
        """Let nothing pass in one direction until `release`."""
        self._open[direction].clear()

    def release(self) -> None:
        """Let pass what was held."""
        for gate in self._open.values():
            gate.set()

    def half_open(self) -> None:
        """End each connection on the target's side only; who connected is left talking to nobody."""
        for pair in list(self._pairs):
            pair.leave_near_side()

    def mend(self) -> None:
        """As new: nothing cut, held, slow or in slices. Connections that were half open break now."""
        self._is_cut = False
        self.delay_s = 0.0
        self.slice_bytes = 0
        for pair in [pair for pair in self._pairs if pair.abandoned]:
            pair.break_off()
        self.release()

    def _refuses(self) -> bool:
        return self._is_cut

    def _break_all(self) -> None:
        for pair in list(self._pairs):
            pair.break_off()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._refuses():
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()  # the target is down: who connected learns it as it would without us
            return
        if self._refuses():  # it was cut meanwhile
            writer.transport.abort()
            far_writer.transport.abort()
            return
        pair = _Pair(writer, far_writer)
        self._pairs.add(pair)
        try:
            await pair.run(
                self._pump(reader, far_writer, "up", pair), self._pump(far_reader, writer, "down", pair)
            )
        finally:
            self._pairs.discard(pair)
            pair.break_off()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction, pair: "_Pair"
    ) -> None:
        while True:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = b""
            if pair.abandoned:
                if direction == "up" and data:
                    continue  # swallowed: nobody is there
                if direction == "up":
                    return
                await pair.ended.wait()
                return
            await self._open[direction].wait()
            if not data:
                return
            step = self.slice_bytes or len(data)
            for at in range(0, len(data), step):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._open[direction].wait()
                writer.write(data[at : at + step])
                try:
                    await writer.drain()
                except OSError:
                    return
            self.bytes_passed[direction] += len(data)


class _Pair:
    """The two connections behind one that came through a link."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self._near = near
        self._far = far
        self.abandoned = False
        self.ended = asyncio.Event()

    async def run(self, *pumps: Coroutine[None, None, None]) -> None:
        """Until one side ends."""
        tasks = [asyncio.ensure_future(pump) for pump in pumps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def leave_near_side(self) -> None:
        self.abandoned = True
        self._far.transport.abort()

    def break_off(self) -> None:
        self.ended.set()
        self._far.transport.abort()
        self._near.transport.abort()
