"""Line `latency`: how long a record is under way from its device to the server at a hundred a second."""

from simulator.bench.figure import Bar, Figure, percentile
from simulator.bench.line import Line, NotHereError, Round
from simulator.bench.lines.intake import DEVICES, started
from simulator.bench.load.orders import Result
from simulator.bench.load.site import Site, until
from simulator.bench.peers import thingsboard

RATE = 100
P50, P99 = "ours, fsynced on the way: p50", "ours, fsynced on the way: p99"
PEER_50, PEER_99 = "thingsboard-gateway: p50", "thingsboard-gateway: p99"


async def measure(one: Round) -> None:
    """One run of each."""
    seconds = 8.0 if one.quick else 25.0
    await _ours(one, seconds)
    if one.options.peers:
        try:
            await _peer(one, seconds)
        except NotHereError as error:
            one.lacks("thingsboard-gateway", str(error))
    one.note(
        f"{RATE} records/s of {DEVICES} devices for {seconds:.0f} s; from the record's making to its whole "
        "arrival at a server that answers at once"
    )


async def _ours(one: Round, seconds: float) -> None:
    folder = one.folder / "ours"
    folder.mkdir()
    async with Site(folder, DEVICES) as site:
        await site.start_counting()
        await started(site)
        result = await site.crowd(rate=RATE, seconds=seconds)
        await until(
            lambda: sum(len(seen) for _, _, seen, _ in site.arrived()) >= result.total,
            "all is there",
            60,
            0.5,
        )
        taken = all_delays(result, [(at, *each) for at, _, seen, _ in site.arrived() for each in seen])
        one.put(P50, percentile(taken, 0.5) * 1000)
        one.put(P99, percentile(taken, 0.99) * 1000)


async def _peer(one: Round, seconds: float) -> None:
    folder = one.folder / "thingsboard"
    folder.mkdir()
    async with thingsboard.Stand(folder, DEVICES, one.say) as stand:
        before = len(stand.arrived())
        result = await stand.site.crowd(
            flow="puback",
            qos=1,
            topic=thingsboard.TOPIC,
            rate=RATE,
            seconds=seconds,
            readings_every=0,
            boot=2,
        )
        await stand.settled()
        arrived = [(at, device, 0, number) for at, device, number in stand.arrived()[before:]]
        taken = delays(result, arrived)
        one.put(PEER_50, percentile(taken, 0.5) * 1000)
        one.put(PEER_99, percentile(taken, 0.99) * 1000)
        if len(taken) < result.total:
            one.note(f"{result.total - len(taken)} of {result.total} records never left thingsboard-gateway")


def delays(result: Result, arrived: list[tuple[float, str, int, int]]) -> list[float]:
    """Seconds from each record's making to its first arrival; (monotonic s, device, lane, number)."""
    found: dict[tuple[str, int, int], float] = {}
    for at, device, lane, number in arrived:
        made = result.made.get(f"{device}/{lane}", [])
        if number <= len(made) and at >= made[number - 1]:
            found.setdefault((device, lane, number), at - made[number - 1])
    return list(found.values())


class AbsentError(Exception):
    """Records that were made and never arrived: a percentile of the others would flatter."""


def all_delays(result: Result, arrived: list[tuple[float, str, int, int]]) -> list[float]:
    """As `delays`. Raises AbsentError unless every record that was made has arrived."""
    found, made = delays(result, arrived), sum(result.counts.values())
    if len(found) < made:
        raise AbsentError(f"{made - len(found)} of {made} records that were made never arrived")
    return found


LINE = Line(
    "latency",
    "Record to server at 100 a second",
    (Figure(P50, "ms"), Figure(P99, "ms", Bar("at most", 150)), Figure(PEER_50, "ms"), Figure(PEER_99, "ms")),
    measure,
)
