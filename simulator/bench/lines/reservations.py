"""Line `reservations`: shops that all want the same day, over HTTP, on both databases; what was promised
twice is counted in the database afterwards.
"""

import asyncio
import sys
from pathlib import Path

from sqlalchemy import create_engine, text

from server.foundation.database import sqlite_module
from simulator.bench.figure import Bar, Figure, percentile
from simulator.bench.line import Line, NotHereError, Round
from simulator.bench.load import sitefiles
from simulator.bench.load.server import Database, Servers
from simulator.bench.load.shoppers import Bought, Shopping
from simulator.orchestrator.files import write_private
from simulator.orchestrator.processes import Child, ProcessError
from simulator.parts.places import ROOT

BANKS = tuple(f"wall-{number}" for number in range(1, 7))
CLIENTS = 4
THREADS = 4

STANDS = (
    ("sqlite", 1, "SQLite"),
    ("postgres", 1, "PostgreSQL"),
    ("postgres", 2, "PostgreSQL, two server processes"),
)


async def measure(one: Round) -> None:
    """One run: SQLite, PostgreSQL, and PostgreSQL under two processes of the server."""
    seconds = 4.0 if one.quick else 12.0
    for kind, processes, title in STANDS:
        try:
            await _stand(one, kind, processes, title, seconds)
        except NotHereError as error:
            one.lacks(title, str(error))
    one.note(
        f"{CLIENTS} client processes with {THREADS} connections each, for {seconds:.0f} s; everybody wants "
        "the earliest day that is not full (48 doors a day), so that every day ends in a race for its last "
        "doors; the clients take their share of the same cores"
    )


async def _stand(one: Round, kind: str, processes: int, title: str, seconds: float) -> None:
    folder = one.folder / f"{kind}-{processes}"
    folder.mkdir()
    async with (
        Database(folder, kind) as database,
        Servers(folder, database, sitefiles.banks("bench", BANKS), processes) as servers,
    ):
        found = await shop(folder, servers, seconds)
        placed = [value for each in found for value in each.placed]
        span = max(each.ended_s for each in found) - min(each.begun_s for each in found)
        one.put(f"{title}: reservations/s", len(placed) / span)
        one.put(f"{title}: p50", percentile(placed, 0.5) * 1000)
        one.put(f"{title}: p99", percentile(placed, 0.99) * 1000)
        one.put(f"{title}: double bookings", await asyncio.to_thread(doubles, database.url, len(placed)))
        others: dict[str, int] = {}
        for each in found:
            for word, count in each.others.items():
                others[word] = others.get(word, 0) + count
        one.put(f"{title}: requests that failed", sum(others.values()))
        if others:
            one.note(f"{title}: failed requests by answer: {others}")
        if database.version:
            one.note(f"PostgreSQL {database.version}, fsync on")


async def shop(folder: Path, servers: Servers, seconds: float) -> list[Bought]:
    """Let the shoppers loose and wait for them."""
    token = write_private(folder / "shop-token", next(iter(servers.secrets.shops.values())))
    children: list[tuple[Child, Path]] = []
    try:
        for number in range(CLIENTS):
            result = folder / f"shop-{number}.result.json"
            path = folder / f"shop-{number}.json"
            Shopping(tuple(servers.ports), str(token), BANKS, seconds, THREADS, str(result)).write(path)
            child = Child(
                f"shop-{number}",
                [sys.executable, "-m", "simulator.bench.load.shoppers", str(path)],
                folder / f"shop-{number}.log",
                folder=ROOT,
            )
            await child.start()
            children.append((child, result))
        return [await _result(child, result, seconds) for child, result in children]
    finally:
        for child, _ in children:
            await child.stop()


async def _result(child: Child, result: Path, seconds: float) -> Bought:
    if child.process is None:
        raise ProcessError(f"{child.name} was not started")
    status = await asyncio.wait_for(child.process.wait(), seconds + 90)
    if status != 0:
        raise ProcessError(f"{child.name} ended with {status}:\n{child.tail()}")
    return Bought.read(result)


def doubles(url: str, placed: int) -> int:
    """Compartments' days promised more than once, and orders taken without a promise behind them."""
    how = {"module": sqlite_module()} if url.startswith("sqlite") else {}
    engine = create_engine(url, **how)
    with engine.connect() as connection:
        twice = connection.execute(
            text(
                "SELECT count(*) FROM (SELECT compartment_id, day FROM capacity "
                "GROUP BY compartment_id, day HAVING count(*) > 1) AS again"
            )
        ).scalar_one()
        different = connection.execute(
            text("SELECT count(*) FROM (SELECT DISTINCT compartment_id, day FROM capacity) AS promised")
        ).scalar_one()
    engine.dispose()
    return int(twice) + max(0, placed - int(different))


def _figures() -> tuple[Figure, ...]:
    bars = {"SQLite": 300.0, "PostgreSQL": 600.0}
    found: list[Figure] = []
    for _, _, title in STANDS:
        limit = bars.get(title)
        found += [
            Figure(f"{title}: reservations/s", "1/s", Bar("at least", limit) if limit else None),
            Figure(f"{title}: p50", "ms"),
            Figure(f"{title}: p99", "ms"),
            Figure(f"{title}: double bookings", "", Bar("at most", 0), worst=True),
            Figure(f"{title}: requests that failed", "", Bar("at most", 0), worst=True),
        ]
    return tuple(found)


LINE = Line("reservations", "Reservations over HTTP, contended", _figures(), measure)
