"""The compiled firmware under the real MicroPython, on simulated hardware and a real broker.

Judged from outside: by the world's log of coils and doors, and by what arrives at the gateway.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from firmware.contract import grants, records
from firmware.contract.grants import CUSTOMER, LOADER, MAKES_LOAD, NEEDS_LOAD, ONCE, Grant
from tests.firmware.wall.bench import Bench, random_code, wrong_code

pytestmark = [pytest.mark.interpreter, pytest.mark.broker, pytest.mark.system]

_FOREVER = 4_000_000_000


def _run(folder: Path, story: Callable[[Bench], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Bench(folder) as bench:
            try:
                await story(bench)
            except BaseException:
                print(bench.told())
                raise

    asyncio.run(play())


def _grant(
    bench: Bench, name: str, gid: int, door: int, code: str, kind: int, flags: int, load: int
) -> Grant:
    mac = bench.mac(name, code)
    short, long = (mac, bytes(8)) if len(code) == 8 else (bytes(8), mac)
    return Grant(gid, gid // 10, kind, flags, door, 0, _FOREVER, load, short, long, f"Panier {door}")


def _said_hello(bench: Bench, boots: int) -> bool:
    return records.integer(bench.devices["wall"].hellos[-1], "b") > boots


def _coils(bench: Bench, name: str) -> list[int | None]:
    return [event.door for event in bench.world.log if event.controller == name and event.kind == "coil_on"]


def _broken(bench: Bench) -> list[str]:
    return [event.detail for event in bench.world.log if event.kind == "broken"]


async def _ready(bench: Bench, name: str) -> None:
    await bench.start(name)
    await bench.until(lambda: bench.devices[name].hellos)
    await bench.configure(name)


async def _pull(bench: Bench, name: str, door: int) -> None:
    """A person pulls the door and reads on the display that it is open."""
    wall = bench.wall(name)
    await bench.until(lambda: wall.pull(door))
    await bench.until(lambda: wall.display()[0].startswith(f"Porte {door} ouverte"))


async def _through(bench: Bench, name: str, door: int, act: Callable[[], None]) -> None:
    """A person at an opening door: pull, do something inside, push, wait for the verdict."""
    before = len(bench.devices[name].events("after"))
    await _pull(bench, name, door)
    act()
    bench.wall(name).push(door)
    await bench.until(lambda: len(bench.devices[name].events("after")) > before)


@pytest.mark.parametrize("name", ["wall", "small"])
@pytest.mark.fault("F59")
def test_loaded_then_collected_with_everything_upstream_dead(name: str, tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        wall = bench.wall(name)
        device = bench.devices[name]
        await bench.start(name)
        await bench.until(lambda: wall.display()[0].startswith("Hors service"))
        await bench.until(lambda: device.hellos)
        await bench.type(name, random_code(8))
        assert _coils(bench, name) == [], "nothing opens without a configuration (R-63)"
        await bench.configure(name)
        producer, customer = random_code(12), random_code(8)
        await bench.grant(
            name,
            _grant(bench, name, 10, 3, producer, LOADER, MAKES_LOAD, 7),
            _grant(bench, name, 20, 3, customer, CUSTOMER, NEEDS_LOAD | ONCE, 7),
        )
        await bench.type(name, customer)
        await bench.until(lambda: device.events("try"))
        assert [record["r"] for record in device.events("try")] == ["early"]
        assert _coils(bench, name) == []
        await bench.type(name, "*" + producer)
        await bench.until(lambda: "Porte 3" in wall.display()[0])
        await bench.until(lambda: wall.leds() == {3})
        await _through(bench, name, 3, lambda: wall.put(3))
        assert device.events("after")[-1]["r"] == records.LOADED
        bench.stop_broker()
        await bench.type(name, wrong_code())
        await bench.until(lambda: wall.display()[0].startswith("Code inconnu"))
        await bench.type(name, customer)
        await _pull(bench, name, 3)
        wall.push(3)
        await bench.until(lambda: "restes" in wall.display()[0])
        await bench.type(name, customer)
        await _pull(bench, name, 3)
        wall.take(3)
        wall.push(3)
        await bench.until(lambda: wall.display()[0].startswith("Merci"))
        await bench.type(name, customer)
        await bench.until(lambda: wall.display()[0].startswith("Code deja utilise"))
        assert _coils(bench, name) == [3, 3, 3]
        bench.start_broker()
        await bench.until(lambda: len(device.events("after")) == 3)
        results = [record["r"] for record in device.events("after")]
        assert results == [records.LOADED, records.KEPT, records.COLLECTED]
        await bench.until(lambda: len(device.events("try")) == 6)
        assert [record["r"] for record in device.events("try")] == [
            "early",
            "ok",
            "unknown",
            "ok",
            "ok",
            "used",
        ]
        numbers = sorted(seq for epoch, lane, seq in device.records if lane == 0)
        assert numbers == list(range(1, len(numbers) + 1))
        assert _broken(bench) == []

    _run(tmp_path, story)


def test_jammed_door_is_tried_three_times_and_a_forced_one_is_an_alarm(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        wall, device = bench.wall(), bench.devices["wall"]
        await _ready(bench, "wall")
        code = random_code(12)
        await bench.grant("wall", _grant(bench, "wall", 10, 18, code, LOADER, MAKES_LOAD, 1))
        wall.jam(18)
        await bench.type("wall", "*" + code)
        await bench.until(lambda: device.events("lock"))
        lock = device.events("lock")[0]
        assert (lock["o"], lock["x"]) == (records.JAMMED, 3)
        assert _coils(bench, "wall") == [18, 18, 18]
        await bench.until(lambda: wall.display()[0].startswith("Porte 18 bloquee"))
        await bench.until(lambda: wall.display()[3].startswith("02 33"))
        wall.force(2)
        await bench.until(lambda: any(alarm["a"] == records.FORCED for alarm in device.events("alarm")))
        assert any(record["x"] == 1 and record["d"] == 2 for record in device.events("door"))
        await bench.until(wall.buzzer)
        assert _broken(bench) == []

    _run(tmp_path, story)


def test_warm_zone_sounds_then_blocks_its_doors_until_a_named_person_releases_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        wall, device = bench.wall(), bench.devices["wall"]
        await _ready(bench, "wall")
        cold, ambient = random_code(12), random_code(12)
        await bench.grant(
            "wall",
            _grant(bench, "wall", 10, 1, cold, LOADER, MAKES_LOAD, 1),
            _grant(bench, "wall", 20, 17, ambient, LOADER, MAKES_LOAD, 2),
        )
        # The limit falls below what the zone has: as warm as a failed compressor makes it, without the wait.
        await bench.configure("wall", 2, high=-200, alert=-200)
        await bench.until(wall.buzzer)
        await bench.until(lambda: device.events("block"))
        block = device.events("block")[0]
        assert (block["z"], block["r"]) == ("chilled", records.WARM)
        await bench.type("wall", "*" + cold)
        await bench.until(lambda: wall.display()[0].startswith("Froid: porte bloquee"))
        await bench.until(lambda: wall.display()[3].startswith("02 33"))
        await bench.type("wall", "*" + ambient)
        await _through(bench, "wall", 17, lambda: wall.put(17))
        assert _coils(bench, "wall") == [17], "exactly the zone's doors are blocked"
        await bench.configure("wall", 3)
        await bench.type("wall", "*" + cold)
        await bench.until(lambda: device.events("try")[-1]["r"] == records.BLOCKED)
        assert _coils(bench, "wall") == [17], "a new document never lifts a block (R-64)"
        release = bench.command("wall", "release", block_id=str(block["id"]), by="Camille Roy")
        bench.send_command("wall", release)
        await bench.until(lambda: device.events("release"))
        await bench.type("wall", "*" + cold)
        await bench.until(lambda: wall.pull(1))

    _run(tmp_path, story)


def test_unplugged_probe_is_a_fault_and_both_silent_are_no_data(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        wall, device = bench.wall(), bench.devices["wall"]
        await _ready(bench, "wall")
        await bench.until(lambda: any(record["k"] == "r" for record in device.records.values()))
        wall.probe("chilled", 0).unplug(True)
        await bench.until(lambda: device.events("probe"))
        assert device.events("probe")[0]["h"] == records.SILENT
        assert device.events("block") == []
        wall.probe("chilled", 1).unplug(True)
        await bench.until(lambda: device.events("block"))
        assert device.events("block")[0]["r"] == records.NO_DATA
        for record in device.records.values():
            if record["k"] == "r":
                rows = record["z"]
                assert isinstance(rows, list)
                for row in rows:
                    assert -500 < row[3] < 1500

    _run(tmp_path, story)


def test_command_opens_once_and_every_replay_says_why_it_does_not(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        device = bench.devices["wall"]
        controller = await bench.start("wall")
        await bench.until(lambda: device.hellos)
        await bench.configure("wall")
        command = bench.command("wall", "open", door=20)
        bench.send_command("wall", command)
        await bench.until(lambda: _coils(bench, "wall") == [20])
        await bench.until(lambda: [r["st"] for r in device.events("cmd")] == ["done"])
        bench.send_command("wall", command)
        await bench.until(lambda: [r["st"] for r in device.events("cmd")] == ["done", "duplicate"])
        altered = bytearray(command)
        altered[-3] ^= 1
        bench.send_command("wall", bytes(altered))
        await bench.until(lambda: device.events("cmd")[-1]["st"] == records.BAD_SEAL)
        bench.send_command("wall", bench.command("wall", "open", door=21, ttl_ms=-5_000))
        await bench.until(lambda: device.events("cmd")[-1]["st"] == records.LATE)
        bench.send_command("wall", bench.command("wall", "open", door=21), retain=True)
        await bench.until(lambda: 21 in _coils(bench, "wall"))
        fresh = bench.command("wall", "open", door=22)
        controller.reset()
        await bench.until(lambda: len(device.hellos) == 2)
        await bench.until(lambda: device.events("cmd")[-1]["st"] == records.RETAINED)
        bench.send_command("wall", fresh)
        await bench.until(lambda: device.events("cmd")[-1]["st"] == records.OTHER_BOOT)
        bench.send_command("wall", command)
        await bench.until(lambda: device.events("cmd")[-1]["st"] == records.DUPLICATE)
        assert device.events("cmd")[-1]["st1"] == records.DONE
        assert _coils(bench, "wall") == [20, 21]

    _run(tmp_path, story)


def test_power_cut_before_the_coil_loses_no_event_and_locks_nobody_out(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        wall, device = bench.wall(), bench.devices["wall"]
        controller = await bench.start("wall")
        await bench.until(lambda: device.hellos)
        await bench.configure("wall")
        code = random_code(12)
        await bench.grant("wall", _grant(bench, "wall", 10, 19, code, LOADER, MAKES_LOAD, 1))
        device.acknowledges = False
        for boots, cut in enumerate((1, 5), 1):
            controller.cut_at_flash_write(cut)
            await bench.type("wall", "*" + code)
            await bench.until(lambda: not bench.world.boards["wall"].powered)
            controller.power(True)
            await bench.until(partial(_said_hello, bench, boots))
        device.acknowledges = True
        await bench.type("wall", "*" + code)
        await _through(bench, "wall", 19, lambda: wall.put(19))
        assert device.events("after")[-1]["r"] == records.LOADED
        await bench.until(lambda: len(device.events("boot")) == 3)
        numbers = sorted(seq for _, lane, seq in device.records if lane == 0)
        assert numbers == list(range(1, len(numbers) + 1))
        assert _broken(bench) == []

    _run(tmp_path, story)


def test_after_a_long_power_cut_goods_stay_in_and_a_door_forced_meanwhile_is_an_alarm(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        wall, device = bench.wall(), bench.devices["wall"]
        controller = await bench.start("wall")
        await bench.until(lambda: device.hellos)
        # A factory-new device: nobody's goods were in it, so nothing is blocked.
        controller.reset()
        await bench.until(partial(_said_hello, bench, 1))
        await bench.configure("wall")
        await bench.until(lambda: any(record["k"] == "r" for record in device.records.values()))
        assert device.events("block") == []
        producer = random_code(12)
        await bench.grant("wall", _grant(bench, "wall", 10, 3, producer, LOADER, MAKES_LOAD, 7))
        controller.power(False)
        await controller.ended()
        wall.force(20)
        # Six seconds go by on the battery clock; the bench's zones may be silent for four.
        controller.board.battery_clock.offset_s += 6
        controller.power(True)
        await bench.until(lambda: device.events("block"))
        assert [(block["z"], block["r"]) for block in device.events("block")] == [
            ("chilled", records.NO_DATA)
        ]
        boot = device.events("boot")[-1]
        assert int(str(boot["m1"])) - int(str(boot["m0"])) >= 4
        await bench.until(lambda: any(alarm["a"] == records.FORCED for alarm in device.events("alarm")))
        assert [(door["d"], door["s"], door["x"]) for door in device.events("door")] == [(20, 1, 1)]
        await bench.until(wall.buzzer)
        await bench.type("wall", "*" + producer)
        await bench.until(lambda: wall.display()[0].startswith("Froid"))
        assert _coils(bench, "wall") == []

    _run(tmp_path, story)


def test_file_system_beyond_repair_is_made_anew_and_everything_stays_shut_until_released(
    tmp_path: Path,
) -> None:
    async def story(bench: Bench) -> None:
        wall, device = bench.wall(), bench.devices["wall"]
        controller = await bench.start("wall")
        await bench.until(lambda: device.hellos)
        await bench.configure("wall")
        await bench.until(lambda: len(device.events("applied")) == 1)
        controller.power(False)
        await controller.ended()
        _spoil(controller.folder / "flash.bin")
        controller.power(True)
        await bench.until(lambda: device.events("block"))
        assert "files made anew" in str(device.events("boot")[-1]["c"])
        assert device.events("boot")[-1]["b"] == 2, "boots are not counted from 1 again"
        await bench.configure("wall", 1)
        code = random_code(12)
        device.version, device.held = 0, []
        await bench.grant("wall", _grant(bench, "wall", 10, 19, code, LOADER, MAKES_LOAD, 1))
        await bench.type("wall", "*" + code)
        await bench.until(lambda: wall.display()[0].startswith("Porte bloquee"))
        block_id = str(device.events("block")[0]["id"])
        bench.send_command("wall", bench.command("wall", "release", block_id=block_id, by="Camille Roy"))
        await bench.until(lambda: device.events("release"))
        await bench.type("wall", "*" + code)
        await bench.until(lambda: wall.pull(19))

    _run(tmp_path, story)


def _spoil(flash: Path) -> None:
    """Both superblocks of the file system, which comes first in the flash, are gone."""
    with flash.open("r+b") as raw:
        raw.write(bytes(2 * 4096))


def test_room_reports_its_probes_and_its_door(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        device = bench.devices["rooms"]
        await bench.start("rooms")
        await bench.until(lambda: device.hellos)
        await bench.configure("rooms", ajar=1)
        await bench.until(lambda: any(record["k"] == "r" for record in device.records.values()))
        bench.world.hangars["rooms"].open_door("room-1")
        await bench.until(lambda: any(alarm["a"] == records.AJAR for alarm in device.events("alarm")))

    _run(tmp_path, story)


def test_desired_state_of_a_stranger_is_refused_and_recorded(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        device = bench.devices["wall"]
        await _ready(bench, "wall")
        piece = grants.pieces(9, 0, [], [])[0]
        bench.send_desired("wall", secrets.token_bytes(16) + piece)
        await bench.until(
            lambda: (
                device.events("applied")[-1]["r"] == "badseal" if len(device.events("applied")) > 1 else False
            )
        )
        bench.send_desired("wall", bench.seal("wall", "desired", grants.pieces(9, 8, [], [])[0]))
        await bench.until(lambda: device.events("applied")[-1].get("r") == "base")
        assert device.hellos[-1]["gr"] == 0

    _run(tmp_path, story)


def test_the_most_grants_and_one_more_leave_the_link_standing(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        device = bench.devices["wall"]
        await _ready(bench, "wall")
        code = random_code(12)
        most = [
            _grant(bench, "wall", 10 + at, 1 + at % 24, random_code(8), CUSTOMER, NEEDS_LOAD | ONCE, at + 1)
            for at in range(grants.MAX_GRANTS - 1)
        ]
        for shift in (500, 1000, 1500):
            await bench.grant(
                "wall", *most, _grant(bench, "wall", shift, 18, code, LOADER, MAKES_LOAD, shift)
            )
        packed = [grant.pack() for grant in most]
        packed += [
            _grant(bench, "wall", gid, 18, code, LOADER, MAKES_LOAD, gid).pack() for gid in (2000, 2001)
        ]
        for body in grants.pieces(device.version + 1, 0, [], packed):
            bench.send_desired("wall", bench.seal("wall", "desired", body))
        await bench.until(lambda: device.events("applied")[-1].get("r") == "full")
        assert len(device.hellos) == 1
        await bench.type("wall", "*" + code)
        await _pull(bench, "wall", 18)
        assert _coils(bench, "wall") == [18]

    _run(tmp_path, story)


def test_r40_numbers_that_the_flash_lost_are_not_given_again(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        device = bench.devices["wall"]
        await _ready(bench, "wall")
        old = records.text(device.hellos[-1], "e")
        device.acknowledges = False
        bench.acknowledge("wall", old, records.EVENTS, 10_000)
        await bench.until(lambda: records.text(device.hellos[-1], "e") != old)
        device.acknowledges = True
        fresh = device.hellos[-1]["e"]
        await bench.until(lambda: device.events("boot")[-1]["e"] == fresh)
        assert device.events("boot")[-1]["c"] == "journal made anew"
        bench.wall().force(20)
        await bench.until(lambda: any(door["e"] == fresh for door in device.events("door")))
        assert len({records.integer(hello, "b") for hello in device.hellos}) == 1

    _run(tmp_path, story)
