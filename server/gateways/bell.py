"""Wakes long polls of this process when their site's feed grew. Only a hint: the feed in the database is
the truth."""

import asyncio
import threading

_LOCK = threading.Lock()
_WAITING: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}


def ring(site_id: str) -> None:
    """Wakes whoever waits for the site; called from any thread, after the commit."""
    with _LOCK:
        for loop, event in _WAITING.get(site_id, []):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


class Listener:
    """`async with Listener(site) as bell: await bell.wait(seconds)`; rings between entering and waiting are
    not lost."""

    def __init__(self, site_id: str) -> None:
        self._site = site_id
        self._event = asyncio.Event()

    async def __aenter__(self) -> "Listener":
        with _LOCK:
            _WAITING.setdefault(self._site, []).append((asyncio.get_running_loop(), self._event))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        with _LOCK:
            _WAITING[self._site] = [entry for entry in _WAITING[self._site] if entry[1] is not self._event]

    async def wait(self, seconds: float) -> None:
        """Returns when rung, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()
