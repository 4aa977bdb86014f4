"""What the lines load the chain with: packets, crowds over a real broker, the server that counts, heaps read
from consoles, site files that our own server takes.
"""

import asyncio
import json
import struct
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.sitefile import document
from simulator.bench.figure import Bar
from simulator.bench.line import Line, Options, Round
from simulator.bench.lines import heap, intake, kills
from simulator.bench.lines.heap import read
from simulator.bench.lines.kills import LINE as KILLS
from simulator.bench.lines.latency import AbsentError, all_delays, delays
from simulator.bench.load import packets, sitefiles
from simulator.bench.load.counting import Counting
from simulator.bench.load.crowd import Crowd
from simulator.bench.load.orders import Orders, Result
from simulator.bench.load.site import Site, until
from simulator.bench.load.wallstand import WallStand
from simulator.bench.peers.upstream import numbers
from simulator.world.board import ERASE_S
from simulator.world.flash import Flash
from simulator.world.wire import Operation


@given(st.binary(max_size=300), st.integers(1, 50))
def test_packets_come_apart_wherever_the_stream_is_cut(payload: bytes, cut: int) -> None:
    stream = packets.publish("lk/1/a/b/ack", payload) + b"\x40\x02\x00\x07" + packets.PING
    taken: list[tuple[int, bytes]] = []
    buffer = bytearray()
    for at in range(0, len(stream), cut):
        buffer += stream[at : at + cut]
        taken += packets.take(buffer)
    assert taken == [(packets.PUBLISH, payload), (packets.PUBACK, b"\x00\x07"), (12, b"")]
    assert not buffer


@pytest.mark.broker
@pytest.mark.system
def test_a_crowd_s_records_are_all_at_the_server_once_through_a_real_gateway(tmp_path: Path) -> None:
    async def play() -> None:
        async with Site(tmp_path, 3) as site:
            await site.start_counting()
            await site.start_gateway()
            result = await site.crowd(each=40, repeat_s=0.5)
            assert result.counts == {
                f"{name}/{lane}": (32, 8)[lane] for name in site.devices for lane in (0, 1)
            }
            assert result.acked == result.counts
            await until(lambda: sum(len(seen) for _, _, seen, _ in site.arrived()) >= 120, "all is there", 20)
            arrived = [each for _, _, seen, _ in site.arrived() for each in seen]
            assert len(arrived) == len(set(arrived)) == 120
            assert not sum(gaps for _, _, _, gaps in site.arrived())

    asyncio.run(play())


def item(seq: int, number: int, kind: str = "door") -> dict[str, object]:
    return {"seq": seq, "device": "d-001", "record": {"l": 0, "n": number, "b": 1, "k": kind}}


def test_the_counting_server_keeps_to_the_contract() -> None:
    ledger = StringIO()
    counting = Counting(ledger)

    def post(*items: dict[str, object]) -> tuple[int, dict[str, object]]:
        return counting.take({"epoch": "e", "lane": "events", "items": list(items)}, 1.0)

    assert post(item(2, 2))[0] == 409
    assert post(item(1, 1), item(2, 2))[1]["upto"] == 2
    assert post(item(2, 2), item(3, 3), item(4, 5, "gap"))[1]["upto"] == 4
    assert post()[1]["upto"] == 4
    lines = ledger.getvalue().splitlines()
    assert lines == [
        '[1.0, "events", [["d-001", 0, 1, 1], ["d-001", 0, 2, 1]], 0]',
        '[1.0, "events", [["d-001", 0, 3, 1]], 1]',
    ]


def test_delays_take_a_record_s_first_arrival_and_only_records_that_were_made() -> None:
    result = Result(made={"a/0": [10.0, 11.0], "a/1": [12.0]})
    arrived = [(10.5, "a", 0, 1), (13.0, "a", 0, 1), (11.2, "a", 0, 2), (12.9, "a", 1, 1), (20.0, "a", 0, 3)]
    assert [round(value, 3) for value in delays(result, arrived)] == [0.5, 0.2, 0.9]
    assert delays(result, [(9.0, "a", 0, 1)]) == []


def test_the_peer_s_upstream_reads_each_record_of_a_message() -> None:
    said = b'{"d-1": [{"ts": 1, "values": {"n": 4, "d": 1}}, {"ts": 2, "values": {}}], "d-2": []}'
    assert numbers(said) == [("d-1", 4)]


def test_a_heap_is_read_from_a_console_that_is_still_being_written() -> None:
    heap = read(
        "heap base 10\nheap stand-ins 20\nheap code 30\nlink: x\nheap 0 99 50\nheap 2000 120 40\nheap 4000 1"
    )
    assert (heap.base, heap.stand_ins, heap.code) == (10, 20, 30)
    assert heap.samples == [(0, 99, 50), (2000, 120, 40)]
    assert heap.live == 40


@pytest.mark.parametrize(
    "text",
    [
        sitefiles.banks("bench", ["wall-1", "wall-2"]),
        sitefiles.full_wall("bench", "wall-1"),
        sitefiles.rooms("bench", ["d-001", "d-002"]),
        sitefiles.farms({"farm-1": ["room-1-1"], "farm-2": ["room-2-1"]}, 2, 4),
    ],
    ids=["banks", "full wall", "rooms", "farms"],
)
def test_our_own_server_takes_the_site_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text)
    document.read(path)


def test_a_probe_s_id_ends_with_the_checksum_of_the_chip() -> None:
    # Of the data sheet of the DS2401 (Maxim application note 27): 02 1C B8 01 00 00 00 → A2.
    assert sitefiles.crc8(bytes.fromhex("021cb801000000")) == 0xA2
    assert sitefiles.crc8(bytes.fromhex(sitefiles.probe(1, 0, 3))) == 0


def test_orders_and_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    orders = Orders("bench", 1883, "secret", ("a", "b"), "result.json", each=5)
    orders.write(tmp_path / "orders.json")
    assert Orders.read(tmp_path / "orders.json") == orders
    assert (tmp_path / "orders.json").stat().st_mode & 0o077 == 0
    result = Result({"a/0": [1.0]}, {"a/0": 3}, {"a/0": 3}, 1.0, 2.5, 0.1, 2)
    result.write(tmp_path / "result.json")
    assert Result.read(tmp_path / "result.json") == result
    assert (result.total, result.per_second) == (3, 2.0)


def test_losses_are_judged_by_the_worst_run() -> None:
    assert [figure.worst for figure in KILLS.figures if figure.bar] == [True, True, True]


def test_fewer_kills_than_a_thousand_fall_short() -> None:
    bars = {figure.name: figure.bar for figure in KILLS.figures}
    assert bars[kills.KILLS] == Bar("at least", 1000)


def round_of(folder: Path, line: Line) -> Round:
    return Round(folder, 0, False, Options(kills=1, peers=False), line.figures)


def test_a_record_that_never_arrives_is_counted_and_so_is_one_that_comes_twice(tmp_path: Path) -> None:
    site, one = Site(tmp_path, 2), round_of(tmp_path, KILLS)
    ledger = [
        [1.0, "events", [["d-001", 0, 1, 1], ["d-001", 0, 2, 1]], 0],
        [2.0, "events", [["d-001", 0, 2, 1], ["d-002", 0, 1, 1]], 0],
    ]
    site.arrivals.write_text("".join(json.dumps(row) + "\n" for row in ledger))
    made = Result(acked={"d-001/0": 3, "d-002/0": 2, "d-002/1": 0})
    asyncio.run(kills.tally(one, site, made, within_s=0))
    assert (one.values[kills.LOST], one.values[kills.TWICE], one.values[kills.RECORDS]) == (2, 1, 5)
    assert "not all arrived" in one.notes[0]


@pytest.mark.parametrize(("periods", "judged"), [(24, False), (1439, False), (1440, True)])
def test_growth_over_less_than_a_day_is_not_judged(tmp_path: Path, periods: int, judged: bool) -> None:
    one = round_of(tmp_path, heap.LINE)
    heap.watched(one, periods)
    assert (heap.GROWTH not in one.unjudged) == judged


def test_what_reaches_the_server_is_counted_to_the_last_arrival() -> None:
    result = Result(acked={"a/0": 300}, begun_s=10.0, ended_s=11.0)
    assert (result.per_second, intake.reached_per_second(result, [10.5, 13.0, 12.0])) == (300.0, 100.0)


def test_no_percentile_is_taken_of_the_records_that_survived() -> None:
    result = Result(made={"a/0": [10.0, 11.0]}, counts={"a/0": 2})
    assert all_delays(result, [(10.5, "a", 0, 1), (11.5, "a", 0, 2)]) == [0.5, 0.5]
    with pytest.raises(AbsentError, match="1 of 2 records"):
        all_delays(result, [(10.5, "a", 0, 1)])


@pytest.mark.broker
@pytest.mark.system
def test_an_erase_of_the_measured_wall_s_flash_takes_its_time(tmp_path: Path) -> None:
    async def play() -> None:
        async with WallStand(tmp_path) as stand:
            board = stand.wall.board
            Flash.create(tmp_path / "flash.bin")
            board.flash = Flash(tmp_path / "flash.bin")
            block = struct.pack("<BI", 1, 0)
            assert board.handle(Operation.FLASH_ERASE, block).delay_s == ERASE_S > 0.03
            assert not board.handle(Operation.FLASH_WRITE, block + b"\x00").delay_s

    asyncio.run(play())


def test_a_crowd_s_patience_begins_anew_with_every_acknowledgement() -> None:
    crowd = Crowd(Orders("bench", 1883, "secret", ("a", "b"), "result.json", patience_s=60.0))
    assert crowd.waits(1000.0), "while it makes"
    crowd.stop_making()
    assert crowd.waits(1060.0)
    crowd.devices[1].lanes[0].acked += 1
    assert crowd.waits(1061.0)
    assert crowd.waits(1121.0)
    assert not crowd.waits(1121.1)
