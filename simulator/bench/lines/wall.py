"""Line `wall`: how soon a coil starts after the last digit with everything upstream dead, how soon a paid
order's code is at its controller, how soon a remote opening moves a coil.
"""

import asyncio
import time

from simulator.bench.figure import Bar, Figure, percentile
from simulator.bench.line import Line, Round
from simulator.bench.load import sitefiles
from simulator.bench.load.site import SITE
from simulator.bench.load.wallstand import GRANTS, WALL, WallStand
from simulator.orchestrator.files import write_private
from simulator.orchestrator.interpreters import InterpreterClock
from simulator.orchestrator.runfolder import free_port
from simulator.orchestrator.stage import Stage
from simulator.story.people import Bank, Manager, Shop, eventually
from simulator.world.board import ERASE_S
from simulator.world.wall import Wall

DIGIT = "last digit → coil: interpreter time, median"
DIGIT_WALL_50 = "last digit → coil: p50 on the wall's clock"
DIGIT_WALL = "last digit → coil: p99 on the wall's clock"
PAID_50 = "paid → code acknowledged by the controller: p50"
PAID = "paid → code acknowledged by the controller: p95"
REMOTE_50 = "remote open, click → coil: p50"
REMOTE = "remote open, click → coil: p95"


async def measure(one: Round) -> None:
    """One run."""
    await _alone(one, 5 if one.quick else 30)
    await _chain(one, 5 if one.quick else 20)


async def _alone(one: Round, codes: int) -> None:
    folder = one.folder / "alone"
    folder.mkdir()
    async with WallStand(folder) as stand:
        clock = InterpreterClock(stand.world.log, stand.fleet)
        await stand.switch_on()
        await stand.configure()
        await stand.grant()
        await stand.broker.kill()
        spent, walls = [], []
        for number in range(codes):
            mark = len(stand.world.log)
            door = await stand.opens(number)
            events = stand.world.log.of(WALL, "key", "coil_on", since=mark)
            coil = next(event for event in events if event.kind == "coil_on" and event.door == door)
            key = [
                event for event in events if event.kind == "key" and event.at_monotonic < coil.at_monotonic
            ][-1]
            walls.append((coil.at_monotonic - key.at_monotonic) * 1000)
            used = clock.between_ms(key, coil)
            if used is not None:
                spent.append(used)
        if spent:
            one.put(DIGIT, percentile(spent, 0.5))
        one.put(DIGIT_WALL_50, percentile(walls, 0.5))
        one.put(DIGIT_WALL, percentile(walls, 0.99))
    one.note(
        f"digit to coil: {codes} codes of {GRANTS} live grants, broker killed, nothing else there; the mark "
        "of a use is in flash before its coil starts; interpreter time is all that the process used "
        "meanwhile, its other tasks and the stand-ins' calls included"
    )
    one.note(f"an erase of flash stops the processor for {ERASE_S * 1000:.0f} ms, as on the board")
    one.note("an ESP32 is about 100 times slower than this interpreter: said, not measured")


async def _chain(one: Round, count: int) -> None:
    folder = one.folder / "chain"
    (folder / "logs").mkdir(parents=True)
    site_file = write_private(folder / "site.toml", sitefiles.full_wall(SITE, WALL))
    async with Stage(folder, site_file, free_port(), 1, lambda _: None, None) as stage:
        stage.world.walls[WALL].board.erase_s = ERASE_S
        manager = Manager(stage)

        async def configured() -> bool:
            rows = await manager.records(WALL)
            return any(row["kind"] == "applied" and row["body"]["ok"] == 1 for row in rows)

        await eventually(configured, bool, "the wall is configured", 40.0)
        shop, bank = Shop(stage), Bank(stage)
        registered: list[float] = []
        for number in range(count):
            order = await shop.order(WALL, ["milk"], f"client-{number}@example.org")
            paid = time.monotonic()
            await bank.pay_by_page(order)
            await shop.until(order["id"], "registered")
            registered.append((time.monotonic() - paid) * 1000)
        one.put(PAID_50, percentile(registered, 0.5))
        one.put(PAID, percentile(registered, 0.95))
        wall = stage.world.walls[WALL]
        clicked = [await _remote(stage, manager, wall, 33 + number % 16) for number in range(count)]
        one.put(REMOTE_50, percentile(clicked, 0.5))
        one.put(REMOTE, percentile(clicked, 0.95))
    one.note(
        f"paid and remote: {count} orders and {count} openings one after the other through the whole chain "
        "(pages, server on SQLite, gateway, broker, firmware) on loopback; an order's state is looked at "
        "every 50 ms"
    )


async def _remote(stage: Stage, manager: Manager, wall: Wall, door: int) -> float:
    """Milliseconds from a manager's click to the coil's start."""
    mark = len(stage.world.log)
    at = await manager.open(WALL, door, "bench")

    def coils() -> list[float]:
        return [
            event.at_monotonic
            for event in stage.world.log.of(WALL, "coil_on", since=mark)
            if event.door == door
        ]

    await stage.until(lambda: bool(coils()), f"the coil of door {door} starts", 10.0)
    started = coils()[0]
    await stage.until(lambda: wall.door_is_open(door), f"door {door} opens", 5.0)
    await asyncio.sleep(0.3)
    wall.push(door)
    await stage.until(lambda: not wall.door_is_open(door), f"door {door} shuts", 5.0)
    return (started - at) * 1000


LINE = Line(
    "wall",
    "Wall: last digit, paid order and remote opening to the coil",
    (
        Figure(DIGIT, "ms", Bar("at most", 0.5)),
        Figure(DIGIT_WALL_50, "ms"),
        Figure(DIGIT_WALL, "ms", Bar("at most", 50)),
        Figure(PAID_50, "ms"),
        Figure(PAID, "ms", Bar("at most", 1000)),
        Figure(REMOTE_50, "ms"),
        Figure(REMOTE, "ms", Bar("at most", 1000)),
    ),
    measure,
    runs=2,
)
