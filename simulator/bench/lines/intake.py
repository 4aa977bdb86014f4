"""Line `intake`: how much a gateway puts on its disk a second, beside a subscriber that does nothing."""

import sys
from pathlib import Path

from firmware.contract import records, topics
from simulator.bench.figure import Bar, Figure
from simulator.bench.line import Line, NotHereError, Round
from simulator.bench.load import account
from simulator.bench.load.orders import Result
from simulator.bench.load.site import LOOKER, PASSWORD, SITE, Site, until
from simulator.bench.peers import thingsboard

DEVICES = 20
OURS = "gateway: records/s acknowledged after fsync, server out of reach"
OURS_CPU = "gateway: processor s per 1000 records"
DRAINING = "gateway: records/s that reached its server"
BARE = "paho with an empty callback: messages/s received"
BARE_CPU = "paho with an empty callback: processor s per 1000"
PEER = "thingsboard-gateway, SQLite storage: records/s that reached its upstream"
PEER_CPU = "thingsboard-gateway: processor s per 1000 records"


async def measure(one: Round) -> None:
    """One run: the bare subscriber, ours twice, the peer, each on a broker of its own under the same load."""
    each = 1000 if one.quick else 4000
    await _bare(one, each)
    await _ours(one, each // 2, served=False)
    await _ours(one, each // 2, served=True)
    if one.options.peers:
        try:
            await _peer(one, each // 4)
        except NotHereError as error:
            one.lacks("thingsboard-gateway", str(error))
    one.note(
        f"{DEVICES} devices, one record in five a minute of readings, the others door events of about 100 "
        f"bytes; in flight at most {DEVICES * 2 * records.WINDOW} (the devices' own window)"
    )
    one.note("devices come over plain TCP with passwords here: TLS costs the broker, not who listens to it")


def _counter(folder: Path) -> Path:
    path = folder / "counter"
    path.write_bytes(bytes(8))
    return path


async def _bare(one: Round, each: int) -> None:
    folder = one.folder / "bare"
    folder.mkdir()
    async with Site(folder, DEVICES) as site:
        counter = _counter(folder)
        child = site.child("bare", bare_command(site, topics.topic(SITE, "+", "up"), counter))
        await child.start()
        await until(lambda: "listening" in child.tail(), "the bare subscriber listens", 20)
        before = account.read(child.pid)
        result = await site.crowd(
            flow="counted", each=each, counter=str(counter), window=DEVICES * 2 * records.WINDOW
        )
        spent = account.read(child.pid).cpu_s - before.cpu_s
        one.put(BARE, result.per_second)
        one.put(BARE_CPU, spent / result.total * 1000)


def bare_command(site: Site, topic: str, counter: Path) -> list[str]:
    """The command of a bare subscriber on a site's broker."""
    module = "simulator.bench.peers.bare"
    return [sys.executable, "-m", module, str(site.port), LOOKER, PASSWORD, topic, str(counter)]


async def _ours(one: Round, each: int, served: bool) -> None:
    folder = one.folder / ("served" if served else "alone")
    folder.mkdir()
    async with Site(folder, DEVICES) as site:
        if served:
            await site.start_counting()
        else:
            site.server.cut()
        await started(site)
        before = account.read(site.gateway.pid)
        result = await site.crowd(each=each)
        spent = account.read(site.gateway.pid).cpu_s - before.cpu_s
        site.gateway.check()
        if served:
            await until(
                lambda: sum(len(seen) for _, _, seen, _ in site.arrived()) >= result.total,
                "all is at the server",
                120,
                0.5,
            )
            one.put(DRAINING, reached_per_second(result, [at for at, _, seen, _ in site.arrived() if seen]))
        else:
            one.put(OURS, result.per_second)
            one.put(OURS_CPU, spent / result.total * 1000)


def reached_per_second(result: Result, arrivals: list[float]) -> float:
    """Records a second from the first one sent to the last one's arrival at the server (monotonic s): what
    is counted of the peer too. The acknowledgement of a record comes earlier.
    """
    return result.total / max(max(arrivals) - result.begun_s, 1e-9)


async def started(site: Site) -> None:
    """Start the gateway and see it take one record of each device."""
    await site.start_gateway()
    await site.crowd(each=1, readings_every=0, boot=900, repeat_s=0.5)


async def _peer(one: Round, each: int) -> None:
    folder = one.folder / "thingsboard"
    folder.mkdir()
    async with thingsboard.Stand(folder, DEVICES, one.say) as stand:
        before = account.read(stand.gateway.pid)
        rate, count, lost = await stand.flood(each)
        spent = account.read(stand.gateway.pid).cpu_s - before.cpu_s
        one.put(PEER, rate)
        one.put(PEER_CPU, spent / count * 1000)
        if lost:
            one.note(f"of the flood, {lost} of {count + lost} records never left thingsboard-gateway")


LINE = Line(
    "intake",
    "Gateway: MQTT to disk, sustained",
    (
        Figure(BARE, "1/s"),
        Figure(BARE_CPU, "s"),
        Figure(OURS, "1/s", Bar("at least", 0.5, BARE)),
        Figure(OURS_CPU, "s", Bar("at most", 2.0, BARE_CPU)),
        Figure(DRAINING, "1/s"),
        Figure(PEER, "1/s"),
        Figure(PEER_CPU, "s"),
    ),
    measure,
)
