"""`./loquet demo`: checks, starts, plays the story, stays up; ends everything it started, however it ends."""

import argparse
import asyncio
import signal
import time
from pathlib import Path

from simulator import scenario
from simulator.orchestrator.playground import playground
from simulator.orchestrator.runfolder import RunError, require_port, run_folder
from simulator.orchestrator.stage import WORLD_SPEED, Stage
from simulator.orchestrator.stores import Choice
from simulator.page.acts import Hands
from simulator.parts import find_parts
from simulator.scenario import ScenarioError, TimedAct
from simulator.story import figures, runner
from simulator.story.sabotage import SABOTAGES
from simulator.story.scene import everybody_is_there
from simulator.story.steps import STEPS

NEEDED = ("broker", "interpreter", "compiler")


def say(text: str) -> None:
    """One line for the person at the terminal, at once."""
    print(text, flush=True)


async def demo(arguments: argparse.Namespace) -> int:
    """Exit status of the demo. Raises RunError or ProcessError, each a line to print, if it can't start."""
    acts = _check(arguments.scenario)
    ending = _ends_on_signals()
    with run_folder(arguments.root.resolve()) as folder:
        page_port = require_port(arguments.port + 1, "the simulated wall")
        require_port(arguments.port, "the server's pages")
        work = asyncio.create_task(_run(arguments, acts, folder, page_port))
        stop = asyncio.create_task(ending.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            say("ending everything …")
            work.cancel()
            (ended,) = await asyncio.gather(work, return_exceptions=True)
            if isinstance(
                ended, Exception
            ):  # what could not be ended in order, say a database that went away
                raise ended
            return 130
        stop.cancel()
        return work.result()


def _check(file: Path) -> list[TimedAct]:
    if not file.is_file():
        raise RunError(f"there is no scenario file {file}")
    try:
        acts = scenario.read(file)
    except ScenarioError as error:
        raise RunError(str(error)) from error
    parts = find_parts()
    for part in NEEDED:
        missing = parts.lacks(part)
        if missing is not None:
            raise RunError(str(missing))
    return acts


def _ends_on_signals() -> asyncio.Event:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ending.set)
    return ending


async def _run(arguments: argparse.Namespace, acts: list[TimedAct], folder: Path, page_port: int) -> int:
    sabotage = SABOTAGES.get(arguments.sabotage) if arguments.sabotage else None
    say(
        f"Loquet, simulated: {arguments.scenario.name}"
        + (f", sabotaged: {sabotage.name}" if sabotage else "")
    )
    breakage = sabotage.breakage if sabotage is not None else None
    stores = Choice(arguments.postgres, arguments.influx)
    async with Stage(
        folder, arguments.scenario, arguments.port, arguments.seed, say, breakage, stores
    ) as stage:
        _say_delays(stage)
        async with playground(stage, page_port) as address:
            status = 0
            if not arguments.no_story:
                status = await _story(stage, arguments)
            hands = Hands(stage.world, stage.links, stage, stage.fleet)
            if arguments.once:
                await scenario.play(acts, hands, say)
                return status
            await _say_addresses(stage, address)
            await scenario.play(acts, hands, say)
            await asyncio.Event().wait()
            return status


def _say_delays(stage: Stage) -> None:
    zones = [
        zone
        for site in stage.document["sites"]
        for controller in site["controllers"]
        for zone in controller.get("zones", [])
    ]
    here = sorted({zone["delay_s"] for zone in zones})
    say(f"  delays of this site file: breach after {'/'.join(map(str, here))} s too warm (a farm: 1800 s)")
    say(f"  rooms and zones live {WORLD_SPEED:.0f} times as fast as people; time itself is not bent")


async def _story(stage: Stage, arguments: argparse.Namespace) -> int:
    story = runner.Story(stage, said=say)
    await everybody_is_there(story)
    started = time.monotonic()
    failed = await runner.play(story, runner.selection(STEPS, arguments.steps))
    figures.memory(story)
    say("Figures of this run:")
    story.print_figures()
    if failed is None:
        say(f"The story held, {time.monotonic() - started:.1f} s.")
        return 0
    say(f"The story failed at step {failed}.")
    return 1


async def _say_addresses(stage: Stage, wall: str) -> None:
    say("")
    say(f"  the wall and the rooms, to touch   {wall}")
    for person in [*stage.document.get("people", []), *stage.document.get("producers", [])]:
        say(f"  {person['name']:<34} {await stage.login_link(person['email'])}")
    say("  (each link logs in once) Ctrl-C ends everything.")
