"""Line `footprint`: what a gateway takes of its box: memory, and bytes sent to the disk in a day."""

import asyncio
import time

from simulator.bench.figure import Bar, Figure
from simulator.bench.line import Line, NotHereError, Round
from simulator.bench.lines.intake import DEVICES, started
from simulator.bench.load import account
from simulator.bench.load.site import Site, finished

DAY_S = 86_400
MIB = 1024 * 1024
MEMORY = "gateway: resident memory"
WRITTEN = f"gateway: written to the disk in a day by {DEVICES} devices, one record a minute each"
IDLE = "gateway: written to the disk in a day by devices that say nothing"
CPU = "gateway: share of one core under that load"


async def measure(one: Round) -> None:
    """One run: first nobody says anything, then every device tells its minute."""
    quiet, busy = (5.0, 15.0) if one.quick else (30.0, 120.0)
    folder = one.folder / "site"
    folder.mkdir()
    async with Site(folder, DEVICES) as site:
        await site.start_counting()
        await started(site)
        await asyncio.sleep(3)
        before = account.read(site.gateway.pid)
        await asyncio.sleep(quiet)
        after = account.read(site.gateway.pid)
        one.put(IDLE, (after.written - before.written) / quiet * DAY_S / MIB)
        begun, before = time.monotonic(), after
        per_second = DEVICES / 60
        count = int(busy)
        child, result = await site.start_crowd(rate=1, seconds=count, readings_every=1)
        await finished(child, result, count + 60)
        after = account.read(site.gateway.pid)
        span = time.monotonic() - begun
        if after.written == before.written:
            raise NotHereError(f"the kernel counts no bytes written on this file system ({result.parent})")
        one.put(WRITTEN, (after.written - before.written) / count * per_second * DAY_S / MIB)
        one.put(CPU, (after.cpu_s - before.cpu_s) / span * 100)
        one.put(MEMORY, after.resident / MIB)
    one.note(
        f"{count} records one second apart, extrapolated to {DEVICES} devices × 1440 a day: each still comes "
        "alone, so that nothing is grouped that would not be on a farm; what the file system writes beside "
        "is not in it"
    )


LINE = Line(
    "footprint",
    "Gateway: memory and wear of its disk",
    (
        Figure(MEMORY, "MB", Bar("at most", 60)),
        Figure(WRITTEN, "MB/day", Bar("at most", 200)),
        Figure(IDLE, "MB/day"),
        Figure(CPU, "%"),
    ),
    measure,
    runs=2,
)
