"""Line `kills`: gateway and broker die by SIGKILL at 200 records a second, with the server within reach and
without; what was acknowledged and never arrives is lost, what arrives twice is double.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path

from simulator.bench.figure import Bar, Figure
from simulator.bench.line import Line, NotHereError, Round
from simulator.bench.lines.intake import DEVICES, started
from simulator.bench.load.orders import Result
from simulator.bench.load.site import Site, finished, until
from simulator.bench.peers import thingsboard
from simulator.orchestrator.processes import Child

RATE = 200
PAUSE_S = (0.3, 0.9)
ENOUGH = 1000
"""Kills that the bar asks for."""
ARRIVES_S = 120.0
"""What is not there so long after the last kill is lost."""
PEER_KILLS = 4
PEER_PAUSE_S = (6.0, 8.0)
"""It takes seconds to start: a kill before it works again would show nothing."""

KILLS = "ours: kills (gateway and broker, server up and down)"
RECORDS = "ours: records acknowledged"
LOST = "ours: acknowledged records that never reached the server"
TWICE = "ours: records at the server twice"
PEER_UP = "thingsboard-gateway, upstream there: records lost a kill"
PEER_DOWN = "thingsboard-gateway, upstream away: records lost a kill"


async def measure(one: Round) -> None:
    """One run: ours (half of the kills with the server out of reach), then the peer."""
    await _ours(one, one.options.kills)
    if one.options.peers:
        try:
            one.put(PEER_UP, await _peer(one, away=False))
            one.put(PEER_DOWN, await _peer(one, away=True))
        except NotHereError as error:
            one.lacks("thingsboard-gateway", str(error))
    one.note(
        f"{RATE} records/s of {DEVICES} devices all the while; thingsboard-gateway is killed "
        f"{_peer_kills(one)} times each way (it takes seconds to start), and the broker keeps its session; "
        "lost are records that its broker took"
    )


def _peer_kills(one: Round) -> int:
    return 1 if one.quick else PEER_KILLS


async def _ours(one: Round, kills: int) -> None:
    folder, chance = one.folder / "ours", random.Random(one.number)
    folder.mkdir()
    async with Site(folder, DEVICES) as site:
        await site.start_counting()
        await started(site)
        child, result = await site.start_crowd(rate=RATE, repeat_s=0.5, patience_s=120.0)
        for number in range(kills):
            away = number % 2 == 1
            if away:
                site.server.cut()
            await asyncio.sleep(chance.uniform(*PAUSE_S))
            await site.gateway.kill()
            await site.start_gateway()
            await asyncio.sleep(chance.uniform(*PAUSE_S))
            await site.broker.kill()
            await site.start_broker()
            if away:
                site.server.mend()
        made = await _ended(child, result)
        one.put(KILLS, 2 * kills)
        await tally(one, site, made, ARRIVES_S)


async def tally(one: Round, site: Site, made: Result, within_s: float) -> None:
    """Count what never arrived, and what did twice, once all is there or the time is over."""
    try:
        await until(lambda: not _missing(site, made), "everything acknowledged is at the server", within_s, 2)
    except TimeoutError as error:
        # What is still missing is what this line is there to count.
        one.note(f"not all arrived: {error}")
    one.put(RECORDS, made.total)
    one.put(LOST, len(_missing(site, made)))
    one.put(TWICE, sum(1 for count in _arrivals(site).values() if count > 1))


def _arrivals(site: Site) -> Counter[tuple[str, int, int]]:
    return Counter(each for _, _, seen, _ in site.arrived() for each in seen)


def _missing(site: Site, made: Result) -> list[tuple[str, int, int]]:
    """Acknowledged and not arrived."""
    arrived = _arrivals(site)
    acknowledged = (
        (device, int(lane), number)
        for key, upto in made.acked.items()
        for device, lane in [key.split("/")]
        for number in range(1, upto + 1)
    )
    return [each for each in acknowledged if each not in arrived]


async def _ended(child: Child, result: Path) -> Result:
    """Have the crowd make no more, and wait until all it made is acknowledged."""
    if child.process is not None:
        child.process.terminate()
    return await finished(child, result, 600)


async def _peer(one: Round, away: bool) -> float:
    folder = one.folder / ("thingsboard-away" if away else "thingsboard")
    folder.mkdir()
    chance = random.Random(one.number)
    kills = _peer_kills(one)
    async with thingsboard.Stand(folder, DEVICES, one.say) as stand:
        before = len(stand.arrived())
        child, result = await stand.site.start_crowd(
            flow="puback", qos=1, topic=thingsboard.TOPIC, rate=RATE, readings_every=0, boot=2
        )
        if away:
            stand.upstream.cut()
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(*PEER_PAUSE_S))
            await stand.gateway.kill()
            await stand.start_gateway()
        await asyncio.sleep(PEER_PAUSE_S[1])
        stand.upstream.mend()
        made = await _ended(child, result)
        await stand.settled(quiet_s=12.0)
        different = {(device, number) for _, device, number in stand.arrived()[before:]}
        return (made.total - len(different)) / kills


LINE = Line(
    "kills",
    "SIGKILL at 200 records a second",
    (
        Figure(KILLS, "", Bar("at least", ENOUGH), worst=True),
        Figure(RECORDS, ""),
        Figure(LOST, "", Bar("at most", 0), worst=True),
        Figure(TWICE, "", Bar("at most", 0), worst=True),
        Figure(PEER_UP, ""),
        Figure(PEER_DOWN, ""),
    ),
    measure,
    runs=1,
)
