"""Line `heap`: what the firmware keeps in memory on a full wall, on the desktop's 64-bit interpreter and on a
32-bit one whose objects have the chip's sizes, with the firmware frozen in as on the chip.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from simulator.bench import chip32
from simulator.bench.figure import Bar, Figure
from simulator.bench.line import Line, NotHereError, Round
from simulator.bench.load.wallstand import GRANTS, WallStand
from simulator.parts.interpreter import micropython_command

PROGRAM = Path(__file__).parents[1] / "load" / "heap_program.py"
KB = 1024
ROOMY = "1m"
DAY_PERIODS = 1440
"""Readings records of a day on a farm: growth is judged over no fewer."""
JITTER = 512
"""Bytes by which a collector that takes any word for a pointer is off from one time to the next."""

LIVE_32 = "32-bit, frozen: live data after a collection"
PEAK_32 = "32-bit, frozen: smallest heap in which the whole scene runs"
GROWTH = "32-bit, frozen: growth of live data over the periods watched"
WATCHED = "32-bit, frozen: readings periods watched"
IDLE_32 = "32-bit, frozen: live data when connected, before configuration and grants"
STANDS_32 = "of it: the simulator's own stand-ins"
CODE_32 = "of it: what importing the frozen firmware takes (modules, classes, functions)"
GARBAGE = "32-bit, frozen: garbage made while nobody touches the wall, the stand-ins' included"
CODE_64 = "64-bit: code loaded from .mpy (frozen on the chip)"
LIVE_64 = "64-bit: live data after a collection"


@dataclass
class Heap:
    """What a console says of the heap. Bytes."""

    base: int = 0
    stand_ins: int = 0
    code: int = 0
    samples: list[tuple[int, int, int]] = field(default_factory=list)
    """(uptime ms, before a collection, after it)."""

    @property
    def live(self) -> int:
        """The least of the last five samples after a collection: what is kept, not what is passing."""
        return min((live for _, _, live in self.samples[-5:]), default=0)


def read(console: str) -> Heap:
    """The lines of a console that tell of the heap; a line still being written is left out."""
    heap = Heap()
    for line in console[: console.rfind("\n") + 1].splitlines():
        match line.split():
            case ["heap", "base", taken]:
                heap.base = int(taken)
            case ["heap", "stand-ins", taken]:
                heap.stand_ins = int(taken)
            case ["heap", "code", taken]:
                heap.code = int(taken)
            case ["heap", uptime, before, live] if uptime.isdigit():
                heap.samples.append((int(uptime), int(before), int(live)))
    return heap


async def measure(one: Round) -> None:
    """One run: the 64-bit interpreter, then the 32-bit one watched for a while, then ever smaller heaps."""
    await _wide(one)
    try:
        program = await asyncio.to_thread(chip32.prepare, one.say)
    except NotHereError as error:
        one.lacks("32-bit MicroPython", str(error))
        return
    await _narrow(one, program)
    one.put(PEAK_32, await _smallest(one, program) / KB)
    one.note(
        f"48 doors, {GRANTS} grants, 8 probes read every second, one readings record every 5 s (a farm: "
        "every 60 s), connected; then a code is typed and its door opens"
    )
    one.note(
        "the 32-bit interpreter is Debian's 1.25 with single floats; it has no TLS with pre-shared keys, so "
        "this wall is connected over plain TCP: on the chip TLS's buffers lie outside this heap too"
    )


async def scene(stand: WallStand) -> None:
    """Connect, configure, grant, open a door by its code."""
    await stand.switch_on()
    await stand.configure()
    await stand.grant()
    await stand.opens(0)


async def _wide(one: Round) -> None:
    folder = one.folder / "64"
    folder.mkdir()
    async with WallStand(folder, PROGRAM, micropython_command(ROOMY)) as stand:
        await scene(stand)
        heap = await _watch(stand, 2)
        one.put(CODE_64, (heap.code - heap.stand_ins) / KB)
        one.put(LIVE_64, (heap.live - heap.code) / KB)


async def _watch(stand: WallStand, periods: int) -> Heap:
    """The heap after so many more readings records."""
    upto = stand.readings + periods
    await stand.until(
        lambda: stand.readings >= upto, f"{periods} readings records", periods * stand.period_s * 2 + 30
    )
    return read(stand.controller.console())


async def _narrow(one: Round, program: Path) -> None:
    folder = one.folder / "32"
    folder.mkdir()
    periods = 3 if one.quick else 24
    async with WallStand(folder, PROGRAM, command(program, ROOMY), tls=False) as stand:
        await stand.switch_on()
        await asyncio.sleep(4)
        idle = read(stand.controller.console())
        await stand.configure()
        await stand.grant()
        await stand.opens(0)
        # Five samples of two seconds: the first window must not reach back to before the grants.
        first = await _watch(stand, 3)
        last = await _watch(stand, max(periods, 3))
        one.put(CODE_32, (last.code - last.stand_ins) / KB)
        one.put(GARBAGE, _garbage(last) / KB)
        one.put(STANDS_32, (last.stand_ins - last.base) / KB)
        one.put(IDLE_32, idle.live / KB)
        one.put(LIVE_32, last.live / KB)
        one.put(GROWTH, last.live - first.live)
        watched(one, periods)


def watched(one: Round, periods: int) -> None:
    """Say over how many periods the growth was seen; over less than a day's it is no answer to its bar."""
    one.put(WATCHED, periods)
    if periods < DAY_PERIODS:
        one.leave_unjudged(
            GROWTH, f"seen over {periods} periods; the bar is of a day, {DAY_PERIODS} periods of a farm"
        )


def _garbage(heap: Heap) -> float:
    """Bytes a second, from the last ten samples; each begins collected."""
    found = [
        (before - live) / (now - then) * 1000
        for (then, _, live), (now, before, _) in pairwise(heap.samples[-10:])
        if before > live
    ]
    return median(found) if found else 0.0


def command(program: Path, heap: str) -> list[str]:
    """The frozen program with a heap of that size; nothing but what is frozen is on its path."""
    return ["/usr/bin/env", "MICROPYPATH=.frozen", str(program), "-X", f"heapsize={heap}"]


async def _smallest(one: Round, program: Path) -> int:
    """By halves, to 4 kB: the smallest heap in which the scene runs to its end without an exhausted heap."""
    low, high, step = 32 * KB, 256 * KB, (48 if one.quick else 4) * KB
    while high - low > step:
        middle = (low + high) // 2 // KB * KB
        if await _runs_in(one, program, middle):
            high = middle
        else:
            low = middle
    return high


async def _runs_in(one: Round, program: Path, heap: int) -> bool:
    folder = one.folder / f"heap-{heap // KB}"
    folder.mkdir()
    async with WallStand(folder, PROGRAM, command(program, str(heap)), tls=False) as stand:
        playing = asyncio.create_task(_scene(stand))
        try:
            while not playing.done():
                await asyncio.wait([playing], timeout=0.3)
                if _is_exhausted(stand):
                    return False
            return await playing
        finally:
            playing.cancel()


def _is_exhausted(stand: WallStand) -> bool:
    console = stand.console
    return "MemoryError" in console or "exhausted" in console


async def _scene(stand: WallStand) -> bool:
    """The scene and two readings records; False if something of it does not happen in time."""
    try:
        await stand.switch_on(15)
        await stand.configure()
        await stand.grant()
        await stand.opens(0)
        await _watch(stand, 2)
    except TimeoutError:
        return False
    return not _is_exhausted(stand)


LINE = Line(
    "heap",
    "Firmware: memory of a full wall",
    (
        Figure(PEAK_32, "kB", Bar("at most", 48)),
        Figure(LIVE_32, "kB"),
        Figure(IDLE_32, "kB"),
        Figure(CODE_32, "kB"),
        Figure(STANDS_32, "kB"),
        Figure(GARBAGE, "kB/s"),
        Figure(GROWTH, "bytes", Bar("at most", JITTER)),
        Figure(WATCHED, ""),
        Figure(LIVE_64, "kB"),
        Figure(CODE_64, "kB"),
    ),
    measure,
    runs=1,
)
