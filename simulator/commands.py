"""What `python -m simulator VERB` does: the demo, its steps, the planted faults."""

import argparse
import asyncio
import sys
from pathlib import Path

from simulator.commission import verb as commission
from simulator.day import verb as days
from simulator.orchestrator.demo import demo, say
from simulator.orchestrator.processes import ProcessError
from simulator.orchestrator.runfolder import RunError
from simulator.orchestrator.stores import HERE
from simulator.parts.places import PRIVATE
from simulator.story.campaign import campaign
from simulator.story.plants import SabotageError
from simulator.story.sabotage import SABOTAGES
from simulator.story.steps import STEPS

SCENARIOS = Path(__file__).parent / "scenarios"


def _port(text: str) -> int:
    if not text.isdigit() or not 1024 <= int(text) <= 65534:
        raise argparse.ArgumentTypeError("a port is a number from 1024 to 65534")
    return int(text)


def _steps(text: str) -> list[int]:
    known = {str(step.number): step.number for step in STEPS}
    unknown = [word for word in text.split(",") if word not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"the story has no step {unknown[0]!r}; it has 1 to {len(STEPS)}")
    return [known[word] for word in text.split(",")]


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./loquet", description="Simulated sites under the real programs.", allow_abbrev=False
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    play = verbs.add_parser("demo", help="start everything, play the story, stay up for exploring")
    play.add_argument(
        "--once", action="store_true", help="end after the story; status 0 only if every step held"
    )
    play.add_argument("--no-story", action="store_true", help="only start everything and stay up")
    play.add_argument("--scenario", type=Path, default=SCENARIOS / "demo.toml", help="site file to simulate")
    play.add_argument(
        "--port", type=_port, default=8400, help="first of two ports: pages, then the simulated wall"
    )
    play.add_argument(
        "--steps",
        type=_steps,
        default=[],
        help="only these steps of the story (and those they need), as 1,2,7",
    )
    play.add_argument(
        "--root",
        type=Path,
        default=PRIVATE,
        help="folder for this run's files and its lock: one run at a time in each",
    )
    play.add_argument("--seed", type=int, default=1, help="seed of everything random in the world")
    for name, what in (("postgres", "PostgreSQL"), ("influx", "InfluxDB 2")):
        play.add_argument(
            f"--{name}",
            nargs="?",
            const=HERE,
            metavar="URL",
            help=f"use {what}: that one, or without an address one started for the occasion",
        )
    play.add_argument(
        "--sabotage",
        choices=sorted(SABOTAGES),
        help="break one named thing: the story must then fail, and name the step",
    )
    planted = verbs.add_parser("sabotage", help="plant faults and see whether the story names their step")
    planted.add_argument("names", nargs="*", metavar="NAME", help="sabotages (`steps` lists them)")
    planted.add_argument("--all", action="store_true", help="every sabotage")
    planted.add_argument("--jobs", type=int, default=2, help="demos at a time")
    planted.add_argument("--root", type=Path, default=PRIVATE / "sabotage", help="folder for the runs' files")
    days.add_to(verbs)
    commission.add_to(verbs)
    verbs.add_parser("steps", help="list the story's steps and the sabotages")
    return parser.parse_args(words)


def _sabotage(arguments: argparse.Namespace) -> int:
    unknown = [name for name in arguments.names if name not in SABOTAGES]
    if unknown or not (arguments.names or arguments.all):
        raise RunError(
            f"there is no sabotage {' '.join(unknown)}" if unknown else "name a sabotage, or --all"
        )
    chosen = [sabotage for name, sabotage in SABOTAGES.items() if arguments.all or name in arguments.names]
    return campaign(chosen, arguments.root.resolve(), arguments.jobs, say)


def main(words: list[str]) -> int:
    """The exit status: 0 held, 1 a step failed, 2 could not start, 130 ended by Ctrl-C before the story's
    end.
    """
    arguments = _arguments(words)
    if arguments.verb == "steps":
        for step in STEPS:
            print(f"{step.number}  {step.title}")
        for name, sabotage in sorted(SABOTAGES.items()):
            print(f"--sabotage {name:<24} fails step {sabotage.step}: {sabotage.description}")
        return 0
    try:
        if arguments.verb == "sabotage":
            return _sabotage(arguments)
        if arguments.verb == "simulate":
            return days.run(arguments)
        if arguments.verb == "commission":
            return commission.run(arguments)
        return asyncio.run(demo(arguments))
    except (RunError, ProcessError, SabotageError) as error:
        print(f"loquet: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
