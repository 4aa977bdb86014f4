"""Stand-ins and controllers under the real interpreter, against a live world."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from simulator.controllers import CODE_KB, Controller, Fleet, identity
from simulator.parts.places import ROOT
from simulator.world.chips.lockboard import PULSE_S
from simulator.world.world import World

pytestmark = pytest.mark.interpreter

DEMO = ROOT / "simulator" / "scenarios" / "demo.toml"
SCRIPTS = ROOT / "tests" / "device" / "simulator"
PATIENCE_S = 60

Scene = Callable[[World, Controller], Awaitable[None]]


def play(tmp_path: Path, name: str, script: str, scene: Scene) -> None:
    """Run a script on one of the demo's controllers, power on, and look at it."""

    async def run() -> None:
        async with (
            World(DEMO, seed=3) as world,
            Fleet(world, tmp_path, program=SCRIPTS / script) as fleet,
        ):
            controller = await fleet.add(
                name, identity("ferme", name, "locker-bank", 1, "00" * 32, "11" * 32)
            )
            controller.power(True)
            await scene(world, controller)

    asyncio.run(run())


async def printed(world: World, controller: Controller, text: str) -> None:
    await world.until(lambda: text in controller.console() or "Traceback" in controller.console(), PATIENCE_S)
    assert text in controller.console()


EXPECTED = """\
start 1 6 True
i2c [32, 33, 34, 35, 39, 104]
registers 5 0 255
nobody 19
wrong pins 22
roms 2811005c0a0000d2 2812005c0a00008b
scratchpad 0 True
frozen silent
nothing yet 0 None None
answer 8a02010089
identity True
ring 256 4096 (1048576, 'readings')
bits ff050fff
whole 77777777
none []
lan False True True 127.0.0.1
wlan True True
timers True 0
asyncio
done
"""


def test_every_stand_in_does_what_the_board_would(tmp_path: Path) -> None:
    async def scene(world: World, controller: Controller) -> None:
        world.walls["wall-1"].wire("frozen").broken = True
        await printed(world, controller, "done\n")
        assert controller.console() == EXPECTED
        assert world.walls["wall-1"].leds() == {1}
        await world.until(lambda: bool(world.log.of("wall-1", "coil_off")), PATIENCE_S)
        on, off = world.log.of("wall-1", "coil_on", "coil_off")
        assert (on.door, off.door) == (17, 17)
        assert off.at_monotonic - on.at_monotonic == pytest.approx(PULSE_S)
        assert world.walls["wall-1"].door_is_open(17)
        assert controller.flash.erases["readings", 3] == 2
        await world.until(lambda: controller.board.heap_peak > 0, PATIENCE_S)
        assert controller.rss_bytes() > 0

    play(tmp_path, "wall-1", "stand_ins.py", scene)


def test_a_timer_ends_a_coil_though_the_program_hangs_and_the_watchdog_ends_the_program(
    tmp_path: Path,
) -> None:
    async def scene(world: World, controller: Controller) -> None:
        await world.until(lambda: controller.starts == 3, PATIENCE_S)
        await printed(world, controller, "cause 1\ncause 3\ncause 2\n")
        (on, off) = world.log.of("wall-2", "coil_on", "coil_off")
        assert on.door == off.door == 1
        power = [event.detail for event in world.log.of("wall-2", "power")]
        assert power == ["on", "watchdog", "reset by the program"]
        watchdog = world.log.of("wall-2", "power")[1]
        assert off.at_monotonic < watchdog.at_monotonic, "the timer, not the reset, has ended it"
        assert off.detail != "917 ms", "nor the monostable"

    play(tmp_path, "wall-2", "hangs.py", scene)


@pytest.mark.parametrize("torn", [True, False])
def test_power_fails_at_exactly_the_counted_write(tmp_path: Path, torn: bool) -> None:
    async def scene(world: World, controller: Controller) -> None:
        controller.cut_at_flash_write(7, torn=torn)
        assert await controller.ended() == -9
        assert [e.detail for e in world.log.of("wall-1", "flash", "power")] == [
            "on",
            "cut in a write",
            "power lost during a flash write",
        ]
        assert controller.flash.operations == 7
        assert not controller.board.powered
        controller.cut_at_flash_write(5)
        controller.power(True)
        assert await controller.ended() == -9
        assert "from 0\nfrom 6\n" in controller.console(), "one byte is written whole or, cut, not at all"
        controller.power(True)
        await printed(world, controller, "full\n")

    play(tmp_path, "wall-1", "writes.py", scene)


def test_power_off_and_on_at_once_leaves_one_process(tmp_path: Path) -> None:
    async def scene(world: World, controller: Controller) -> None:
        for _ in range(5):
            controller.power(False)
            controller.power(True)
        controller.reset()
        await world.until(lambda: controller.pid is not None, PATIENCE_S)
        await world.until(lambda: "wall-1" in world.connections, PATIENCE_S)
        assert controller.starts == 1
        controller.power(False)
        assert await controller.ended() == -9
        await world.until(lambda: not world.connections, PATIENCE_S)

    play(tmp_path, "wall-1", "writes.py", scene)


def test_the_code_fits_the_room_it_is_given_beside_the_heap_of_the_board(tmp_path: Path) -> None:
    async def scene(world: World, controller: Controller) -> None:
        await printed(world, controller, "bytes\n")
        taken = int(controller.console().split()[-2])
        assert taken <= CODE_KB * 1024, "the figure in simulator/controllers.py is out of date"

    play(tmp_path, "wall-1", "loads.py", scene)


@pytest.mark.parametrize(("wall", "doors"), [("wall-1", [2, 18]), ("wall-2", [2])])
def test_the_firmware_s_drivers_work_on_the_simulated_board(
    tmp_path: Path, wall: str, doors: list[int]
) -> None:
    async def scene(world: World, controller: Controller) -> None:
        made = world.walls[wall]
        made.dirty(3)
        made.blind(1)
        await printed(world, controller, "keys\n")
        one_board = "closed True 0\npulse True\nopened True 2\nitem 2\nitem 0\nitem 1\n"
        beyond = one_board.replace("item 2", "item 0").replace("item 1", "item 0")
        assert controller.console() == (
            "display True True\nleds True\nclock True True 1790000000\nprobes True\n"
            + one_board
            + beyond * (len(doors) - 1)
            + "keys\n"
        )
        assert [event.door for event in world.log.of(wall, "coil_on")] == doors
        assert not world.log.of(wall, "broken")
        assert all(made.door_is_open(door) for door in doors)
        assert made.leds() == {5}
        assert made.display()[1] == "Bonjour"
        await made.type("1134 5677 *0#")
        await printed(world, controller, "typed 11345677*0#\n")
        await world.until(lambda: made.display()[2] == "11345677*0#", PATIENCE_S)

    kind = "drivers_mcp.py" if wall == "wall-2" else "drivers_rs485.py"
    play(tmp_path, wall, kind, scene)


def test_a_program_that_ends_is_written_down(tmp_path: Path) -> None:
    async def scene(world: World, controller: Controller) -> None:
        code = await controller.ended()
        await world.until(lambda: bool(world.log.of("wall-1", "fault")), PATIENCE_S)
        assert code > 0
        assert "not_there.py" in controller.console()

    play(tmp_path, "wall-1", "not_there.py", scene)
