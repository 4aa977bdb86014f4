"""Line `telemetry`: readings that the server takes and keeps a second, by store, and how long a year of one
probe takes to be drawn.
"""

import asyncio
import gzip
import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import cast

import httpx
from sqlalchemy import Engine, Table, create_engine, insert, select

from server.foundation.database import Base, sqlite_module
from server.lockers.models import Zone
from server.telemetry.models import Reading, ReadingDay, ReadingHour
from simulator.bench.figure import Bar, Figure
from simulator.bench.line import Line, NotHereError, Round
from simulator.bench.load import minutes, readings, sitefiles
from simulator.bench.load.server import Database, Servers
from simulator.orchestrator.runfolder import LOOPBACK, free_port
from simulator.parts import influxd

SITES, ROOMS = 4, 5
BATCH = 500
FARM = minutes.Farm(devices=ROOMS, zones=2, probes=4)
YEAR_DAYS, DAY_S, HOUR_S = 365, 86_400, 3_600
VIEWS = 9

STANDS = (
    ("sqlite", False, "SQLite"),
    ("postgres", False, "PostgreSQL"),
    ("sqlite", True, "SQLite, an InfluxDB following"),
)


async def measure(one: Round) -> None:
    """One run: each store in turn."""
    seconds = 4.0 if one.quick else 12.0
    for kind, followed, title in STANDS:
        try:
            await _stand(one, kind, followed, title, seconds)
        except NotHereError as error:
            one.lacks(title, str(error))
    one.note(
        f"{SITES} gateways post batches of {BATCH} records one after the other, each record a minute of "
        f"{FARM.readings} probes, for {seconds:.0f} s; counted when the server has answered, after its commit"
    )
    one.note(
        "the year: one probe's minutes, hours and days put into the views' tables (with InfluxDB: a record "
        "each ten minutes told to the server, which hands it on, and drawn from InfluxDB's days); the whole "
        f"page over HTTP, median of {VIEWS} after one to warm up"
    )


async def _stand(one: Round, kind: str, followed: bool, title: str, seconds: float) -> None:
    folder = one.folder / title.lower().replace(" ", "-").replace(",", "")
    folder.mkdir()
    sites = {
        f"farm-{site}": [f"room-{site}-{room}" for room in range(1, ROOMS + 1)]
        for site in range(1, SITES + 1)
    }
    influx: influxd.Influx | None = None
    more: dict[str, str | int | bool] = {}
    if followed:
        if influxd.find() is None:
            raise NotHereError("no influxd here: run ./loquet setup influx")
        influx = await asyncio.to_thread(influxd.start, folder / "influx", free_port())
        more = _entries(influx)
    try:
        async with (
            Database(folder, kind) as database,
            Servers(folder, database, sitefiles.farms(sites, FARM.zones, FARM.probes), more=more) as servers,
        ):
            count, span = await asyncio.to_thread(_load, servers, sites, seconds)
            one.put(f"{title}: readings/s", count * FARM.readings / span)
            one.put(f"{title}: records/s", count / span)
            if not followed:
                one.put(f"{title}: a year of one probe drawn", await _year(one, servers, database.url))
    finally:
        if influx is not None:
            await asyncio.to_thread(influx.stop)
    if followed:
        drawn = await asyncio.to_thread(_followed_year, folder)
        one.put(f"{title}: a year of one probe drawn", drawn)


def _entries(influx: influxd.Influx) -> dict[str, str | int | bool]:
    """The server's settings for it."""
    return {
        "telemetry_store": "influx",
        "influx_url": influx.url,
        "influx_org": influx.org,
        "influx_bucket": influx.bucket,
        "influx_token_file": str(influx.token_file),
    }


def _followed_year(folder: Path) -> float:
    """Milliseconds of the page with a year, from an InfluxDB of its own: the load's is still at work on
    what it was given. Only what the server was told reaches InfluxDB, so it is told a year, record by record.
    """
    influx = influxd.start(folder / "influx-year", free_port())
    try:
        taken = readings.year(folder / "year", _entries(influx), VIEWS + 1)
    finally:
        influx.stop()
    return sorted(taken[1:])[VIEWS // 2]


def _load(servers: Servers, sites: dict[str, list[str]], seconds: float) -> tuple[int, float]:
    """All gateways at once; (records answered for, seconds)."""
    ready = {site: _bodies(names, 40 if seconds > 5 else 12) for site, names in sites.items()}
    begun = time.monotonic()
    with ThreadPoolExecutor(len(ready)) as pool:
        counts = pool.map(
            lambda site: _post(servers.port, servers.secrets.gateways[site], ready[site], begun + seconds),
            ready,
        )
        total = sum(counts)
    return total, time.monotonic() - begun


def _bodies(names: list[str], count: int) -> list[bytes]:
    """So many whole batches of a site, its rooms in turn, oldest first."""
    each = count * BATCH // len(names)
    start, epoch = int(time.time()) // 60 * 60 - each * 60, token_hex(8)
    items = [
        {
            "seq": (number - 1) * len(names) + at + 1,
            "device": name,
            "received_ms": (start + number * 60) * 1000,
            "record": minutes.record(FARM, number, start + (number - 1) * 60),
        }
        for number in range(1, each + 1)
        for at, name in enumerate(names)
    ]
    return [
        gzip.compress(
            json.dumps({"epoch": epoch, "lane": "live", "items": items[at : at + BATCH]}).encode(), 1
        )
        for at in range(0, len(items), BATCH)
    ]


def _post(port: int, token: str, bodies: list[bytes], deadline: float) -> int:
    """One gateway's batches, one after the other; records that the server has answered for."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=120)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Encoding": "gzip",
        "Content-Type": "application/json",
    }
    taken = 0
    for body in bodies:
        connection.request("POST", "/v1/gateway/batches", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200 or json.loads(said)["rejected"]:
            raise RuntimeError(f"a batch was answered with {answer.status}: {said[:300]!r}")
        taken += BATCH
        if time.monotonic() > deadline:
            break
    connection.close()
    return taken


async def _year(one: Round, servers: Servers, url: str) -> float:
    """Milliseconds until a manager has the page of a zone with its year."""
    await asyncio.to_thread(_fill, url, 30 if one.quick else YEAR_DAYS)
    link = await servers.run("login-link", "--config", str(servers.config(0)), "manager@example.org")
    async with httpx.AsyncClient(
        timeout=60.0, follow_redirects=True, headers={"Sec-Fetch-Site": "same-origin"}
    ) as client:
        address = link.strip().splitlines()[-1]
        (await client.get(address)).raise_for_status()
        (await client.post(address)).raise_for_status()
        taken = []
        for _ in range(VIEWS + 1):
            begun = time.monotonic()
            page = await client.get(
                f"http://{LOOPBACK}:{servers.port}/manager/zones/room-1-1/zone-1", params={"period": "1y"}
            )
            page.raise_for_status()
            taken.append((time.monotonic() - begun) * 1000)
        if "<svg" not in page.text:
            raise RuntimeError("the zone's page shows no chart")
    return sorted(taken[1:])[VIEWS // 2]


def _fill(url: str, minute_days: int) -> None:
    """A year of the first probe of the first room: its days and hours, and `minute_days` of its minutes."""
    engine = create_engine(url, **({"module": sqlite_module()} if url.startswith("sqlite") else {}))
    until = int(time.time()) // DAY_S * DAY_S
    with engine.begin() as connection:
        zone = connection.execute(
            select(Zone.id).where(Zone.controller_id == "room-1-1", Zone.key == "zone-1")
        ).scalar_one()
        for table in (Reading, ReadingHour, ReadingDay):
            connection.execute(_table(table).delete().where(_table(table).c.zone_id == zone))
    weighted = {"zone_id": zone, "probe": 0, "low": 150, "high": 350}
    _put(
        engine,
        ReadingDay,
        [
            {**weighted, "day": until // DAY_S - back, "weighted": 250 * DAY_S, "seconds": DAY_S}
            for back in range(1, YEAR_DAYS + 1)
        ],
    )
    _put(
        engine,
        ReadingHour,
        [
            {**weighted, "hour": until // HOUR_S - back, "weighted": 250 * HOUR_S, "seconds": HOUR_S}
            for back in range(1, YEAR_DAYS * 24 + 1)
        ],
    )
    length = {"zone_id": zone, "probe": 0, "length_s": 60, "low": 230, "mean": 250, "high": 270}
    for day in range(1, minute_days + 1):
        first = until - day * DAY_S
        _put(
            engine,
            Reading,
            [{**length, "at": first + at * 60, "samples": 12, "health": 0} for at in range(1440)],
        )
    engine.dispose()


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


def _put(engine: Engine, model: type[Base], rows: list[dict[str, int]]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(_table(model)), rows)


def _figures() -> tuple[Figure, ...]:
    found: list[Figure] = []
    for _, _followed, title in STANDS:
        found.append(Figure(f"{title}: readings/s", "1/s", Bar("at least", 20_000)))
        found.append(Figure(f"{title}: records/s", "1/s"))
        found.append(Figure(f"{title}: a year of one probe drawn", "ms", Bar("at most", 200)))
    return tuple(found)


LINE = Line("telemetry", "Server: readings taken and drawn, by store", _figures(), measure, runs=2)
