"""The firmware as it is, with its heap written on the console: run by MicroPython, never by CPython.

Lines: `heap base N` (before anything is imported), `heap stand-ins N` (with the simulator's own modules),
`heap code N` (with all of the firmware imported), then `heap UPTIME_MS BEFORE LIVE` every few seconds:
allocated bytes before and after a collection.
"""

import gc
import sys
import time

_EVERY_MS = 2_000


def _taken():
    gc.collect()
    return gc.mem_alloc()


print("heap base", _taken())

import asyncio  # noqa: E402

import esp32  # noqa: E402, F401
import machine  # noqa: E402, F401
import network  # noqa: E402, F401
import onewire  # noqa: E402, F401
import tls  # noqa: E402, F401

print("heap stand-ins", _taken())

from firmware import app  # noqa: E402

print("heap code", _taken())


async def _sample():
    begun = time.ticks_ms()
    while True:
        before = gc.mem_alloc()
        print("heap", time.ticks_diff(time.ticks_ms(), begun), before, _taken())
        await asyncio.sleep_ms(_EVERY_MS)


_run = app.App.run


async def _watched(self):
    sampling = asyncio.create_task(_sample())
    await _run(self)
    sampling.cancel()


app.App.run = _watched
try:
    app.run()
except MemoryError as error:
    print("heap exhausted")
    sys.print_exception(error)
    raise
