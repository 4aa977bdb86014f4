"""Line `backlog`: a site of twenty devices comes back after 72 hours without its server; how long until all
of it is there, and how long new readings take meanwhile.
"""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, text

from server.foundation.database import sqlite_module
from simulator.bench.figure import Bar, Figure, percentile
from simulator.bench.line import Line, Round
from simulator.bench.lines.intake import DEVICES, started
from simulator.bench.lines.latency import AbsentError, all_delays
from simulator.bench.load import account, sitefiles
from simulator.bench.load.server import Database, Servers
from simulator.bench.load.site import SITE, Site, finished, until

MINUTES = 72 * 60
LIVE_RATE = 20
LIVE_BOOT = 2
LONGEST_S = 240.0
"""A drain that takes longer is extrapolated: four times the bar says enough."""
FILLED_S = 900.0
"""Longest that filling the backlog may take; a gateway that takes nothing for a minute ends it earlier."""
MIB = 1024 * 1024

COUNT = "readings records in the backlog"
FILL = "records/s at which the gateway took the backlog from its devices"
DRAIN = "drained into our server on SQLite"
LIVE = "live readings meanwhile, device → server: p99"
DRAIN_STUB = "drained into a server that only counts (the gateway's own share)"
LIVE_STUB = "live readings meanwhile, to that server: p99"
MEMORY = "gateway: most memory ever resident"


async def measure(one: Round) -> None:
    """One run: into the counting server, then into ours."""
    minutes = MINUTES // 36 if one.quick else MINUTES
    await _counting(one, minutes)
    await _real(one, minutes)
    one.put(COUNT, minutes * DEVICES)
    one.note(
        f"{DEVICES} devices × {minutes} minutes, two probes each, told to the gateway over MQTT while its "
        f"server was out of reach; then the server is back and {LIVE_RATE} live readings/s come beside"
    )
    one.note("live to our server: until the moment that the server writes on the record, before its commit")


async def _filled(one: Round, site: Site, minutes: int) -> None:
    site.server.cut()
    await started(site)
    result = await site.crowd(
        within_s=FILLED_S, each=minutes, readings_every=1, minutes_ago=minutes, repeat_s=2.0
    )
    made = sum(result.counts.values())
    if result.total < made:
        raise AbsentError(f"the gateway took {result.total} of {made} records of the backlog")
    one.put(FILL, result.per_second)


async def _counting(one: Round, minutes: int) -> None:
    folder = one.folder / "counting"
    folder.mkdir()
    async with Site(folder, DEVICES) as site:
        await site.start_counting()
        await _filled(one, site, minutes)
        site.server.mend()
        begun = time.monotonic()
        child, result = await site.start_crowd(
            rate=LIVE_RATE, seconds=0, readings_every=1, boot=LIVE_BOOT, repeat_s=2.0
        )
        wanted = minutes * DEVICES
        await until(lambda: _count(site, 1) >= wanted, "the backlog is there", 300, 0.5)
        spent = max(at for at, _, seen, _ in site.arrived() if seen) - begun
        one.put(DRAIN_STUB, spent * MINUTES / minutes)
        if child.process is not None:
            child.process.terminate()
        live = await finished(child, result, 90)
        await until(lambda: _count(site, LIVE_BOOT) >= live.total, "the live ones too", 60, 0.5)
        arrived = [(at, *each) for at, _, seen, _ in site.arrived(LIVE_BOOT) for each in seen]
        one.put(LIVE_STUB, percentile(all_delays(live, arrived), 0.99) * 1000)
        one.put(MEMORY, account.read(site.gateway.pid).peak / MIB)


def _count(site: Site, boot: int) -> int:
    return sum(len(seen) for _, _, seen, _ in site.arrived(boot))


async def _real(one: Round, minutes: int) -> None:
    folder = one.folder / "real"
    (folder / "server").mkdir(parents=True)
    async with Site(folder, DEVICES) as site, Database(folder / "server", "sqlite") as database:
        text_of_site = sitefiles.rooms(SITE, site.devices)
        async with Servers(
            folder / "server", database, text_of_site, port=site.server.target_port
        ) as servers:
            site.use_token(servers.secrets.gateways[SITE])
            await _filled(one, site, minutes)
            site.server.mend()
            begun = time.monotonic()
            child, result = await site.start_crowd(
                rate=LIVE_RATE, seconds=0, readings_every=1, boot=LIVE_BOOT, repeat_s=2.0
            )
            path = folder / "server" / "server.db"
            wanted = minutes * DEVICES
            stored = await _stored(path, 1, wanted, LONGEST_S)
            spent = time.monotonic() - begun
            one.put(DRAIN, spent * MINUTES * DEVICES / max(stored, 1))
            if stored < MINUTES * DEVICES:
                one.note(f"our server took {stored} records in {spent:.0f} s: its 72 hours are extrapolated")
            if child.process is not None:
                child.process.terminate()
            live = await finished(child, result, 90)
            # What is not stored by then is missed by `all_delays`.
            await _stored(path, LIVE_BOOT, sum(live.counts.values()), 60)
            # The records' times are of the monotonic clock, the server's of the wall clock.
            shift = time.time() - time.monotonic()
            rows = await asyncio.to_thread(_rows, path)
            arrived = [(at - shift, device, lane, seq) for at, device, lane, seq in rows]
            one.put(LIVE, percentile(all_delays(live, arrived), 0.99) * 1000)


def _query(path: Path, statement: str, **values: int) -> list[tuple[object, ...]]:
    engine = create_engine(f"sqlite:///{path}", module=sqlite_module())
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]
    finally:
        engine.dispose()


async def _stored(path: Path, boot: int, wanted: int, within_s: float) -> int:
    """How many readings records of a boot the server's database holds, once it is all or time is over."""
    deadline = time.monotonic() + within_s
    statement = "SELECT count(*) FROM device_records WHERE boot = :boot AND lane = 1"
    while True:
        rows = await asyncio.to_thread(_query, path, statement, boot=boot)
        found = int(str(rows[0][0]))
        if found >= wanted or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.5)


def _rows(path: Path) -> list[tuple[float, str, int, int]]:
    """(Unix s of arrival, device, lane, number) of the live records."""
    statement = "SELECT received_at, controller_id, lane, seq FROM device_records WHERE boot = :boot"
    return [
        (
            datetime.fromisoformat(str(at)).replace(tzinfo=UTC).timestamp(),
            str(device),
            int(str(lane)),
            int(str(seq)),
        )
        for at, device, lane, seq in _query(path, statement, boot=LIVE_BOOT)
    ]


LINE = Line(
    "backlog",
    "72 hours of backlog of a site",
    (
        Figure(COUNT, ""),
        Figure(DRAIN, "s", Bar("at most", 60)),
        Figure(LIVE, "ms", Bar("at most", 500)),
        Figure(DRAIN_STUB, "s"),
        Figure(LIVE_STUB, "ms"),
        Figure(FILL, "1/s"),
        Figure(MEMORY, "MB", Bar("at most", 60)),
    ),
    measure,
    runs=2,
)
