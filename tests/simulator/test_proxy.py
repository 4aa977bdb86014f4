"""Links: what passes, what does not, and who is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from simulator.proxy import Link

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Scene = Callable[[Link, Ends, Ends], Awaitable[None]]


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Link, Ends, Ends]]:
    """A link with one connection through it: the near end and the far end."""
    arrived: asyncio.Queue[Ends] = asyncio.Queue()
    done = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await arrived.put((reader, writer))
        await done.wait()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server, Link("test", target_port=server.sockets[0].getsockname()[1]) as link:
        near = await asyncio.open_connection("127.0.0.1", link.port)
        far = await arrived.get()
        try:
            yield link, near, far
        finally:
            near[1].close()
            done.set()


def play(scene: Scene) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), connected() as (link, near, far):
            await scene(link, near, far)

    asyncio.run(run())


async def is_broken(end: Ends) -> bool:
    try:
        return await end[0].read(1) == b""
    except ConnectionError:
        return True
    finally:
        end[1].close()


def test_bytes_pass_both_ways_and_in_slices() -> None:
    async def scene(link: Link, near: Ends, far: Ends) -> None:
        link.slice_bytes = 1
        near[1].write(b"up there")
        assert await far[0].readexactly(8) == b"up there"
        far[1].write(b"down here")
        assert await near[0].readexactly(9) == b"down here"
        assert link.live == 1

    play(scene)


def test_cut_breaks_what_is_there_and_refuses_what_comes_until_mended() -> None:
    async def scene(link: Link, near: Ends, far: Ends) -> None:
        link.cut()
        assert await is_broken(near)
        assert await is_broken(far)
        again = await asyncio.open_connection("127.0.0.1", link.port)
        assert await is_broken(again)
        link.mend()
        again = await asyncio.open_connection("127.0.0.1", link.port)
        assert link.is_up
        far[1].close()
        link.cut()
        assert await is_broken(again)
        assert link.connections == 3

    play(scene)


def test_what_was_held_arrives_when_released() -> None:
    async def scene(link: Link, near: Ends, far: Ends) -> None:
        link.hold("down")
        far[1].write(b"late")
        near[1].write(b"question")
        assert await far[0].readexactly(8) == b"question", "the other way is open"
        assert link.bytes_passed["down"] == 0
        link.release()
        assert await near[0].readexactly(4) == b"late"

    play(scene)


def test_half_open_ends_the_far_side_only() -> None:
    async def scene(link: Link, near: Ends, far: Ends) -> None:
        link.half_open()
        assert await is_broken(far)
        near[1].write(b"is anybody there")
        await near[1].drain()
        reading = asyncio.ensure_future(is_broken(near))
        assert link.live == 1
        assert not reading.done()
        link.mend()
        assert await reading

    play(scene)


def test_a_target_that_is_down_breaks_the_connection() -> None:
    async def run() -> None:
        async with asyncio.timeout(10):
            server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            server.close()
            await server.wait_closed()
            async with Link("test", target_port=port) as link:
                assert await is_broken(await asyncio.open_connection("127.0.0.1", link.port))

    asyncio.run(run())
