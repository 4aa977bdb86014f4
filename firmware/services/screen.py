"""The display's task: what should be seen is said by others, and is brought there when the bus lets it.

Three layers: the base (welcome, alarm, out of service), what the person's visit is at, and a message for some
seconds.
"""

import asyncio

from firmware.core import texts
from firmware.drivers.display import ROWS, Display
from firmware.services.recorder import Uptime
from firmware.supervisor import Heart

_ROUND_MS = 40
_RETRY_MS = 2_000
_RENEW_MS = 600_000
"""A display that lost its supply for a moment shows nothing and says nothing: set up again while nobody
looks.
"""
MESSAGE_MS = 6_000


class Screen:
    """Four lines for the person in front of the wall."""

    def __init__(self, display: Display | None, uptime: Uptime, heart: Heart) -> None:
        self._display = display
        self._uptime = uptime
        self._heart = heart
        self._base = texts.screen("welcome")
        self._visit: list[str] | None = None
        self._message: list[str] | None = None
        self._until_ms = 0

    def base(self, name: str, first: str = "", second: str = "") -> None:
        """What is seen when nobody does anything."""
        self._base = texts.screen(name, first, second)

    def visit(self, name: str, first: str = "", second: str = "") -> None:
        """Where the person's visit is; covers any message."""
        self._visit = texts.screen(name, first, second)
        self._message = None

    def end_visit(self) -> None:
        """Back to the base; a message still stands its time."""
        self._visit = None

    def message(self, name: str, first: str = "", second: str = "", for_ms: int = MESSAGE_MS) -> None:
        """Something to be read for a while."""
        self._message = texts.screen(name, first, second)
        self._until_ms = self._uptime.ms() + for_ms

    def clear_message(self) -> None:
        """The message has been read."""
        self._message = None

    def lines(self) -> list[str]:
        """The four lines that should be seen now."""
        if self._message is not None:
            if self._uptime.ms() < self._until_ms:
                return self._message
            self._message = None
        return self._visit if self._visit is not None else self._base

    async def run(self) -> None:
        """Bring changed lines to the display for ever; a display that fails is set up again every two
        seconds.
        """
        renewed_ms = 0
        while True:
            self._heart.beat()
            display = self._display
            if display is None:
                await asyncio.sleep_ms(1000)
                continue
            if not display.ready and not await display.setup():
                await asyncio.sleep_ms(_RETRY_MS)
                continue
            lines = self.lines()
            if lines is self._base and self._uptime.ms() - renewed_ms > _RENEW_MS:
                renewed_ms = self._uptime.ms()
                display.ready = False
                continue
            for row in range(ROWS):
                if not display.show(row, lines[row]):
                    break
            await asyncio.sleep_ms(_ROUND_MS)
