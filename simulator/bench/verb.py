"""What `./loquet bench` does with its arguments."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

from simulator.bench import before, outcome, run, surroundings, table
from simulator.bench.line import Line, Options
from simulator.bench.lines.catalogue import LINES
from simulator.orchestrator.runfolder import RunError, run_folder
from simulator.parts.places import PRIVATE, ROOT

KILLS = 20
QUICK_KILLS = 3
BEFORE = ROOT / "docs" / "figures-before.json"
"""A run from before what fell short was worked on; the page says what came of it."""


def _lines(text: str) -> list[Line]:
    known = {line.name: line for line in LINES}
    unknown = [word for word in text.split(",") if word not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"the table has no line {unknown[0]!r}; it has {', '.join(known)}")
    wanted = text.split(",")
    return [line for line in LINES if line.name in wanted]


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError("a number from 1 to 10000")
    return int(text)


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./loquet bench",
        description="Measures the chain beside its bars and its peers, and writes docs/figures.md.",
        allow_abbrev=False,
    )
    parser.add_argument("--only", type=_lines, default=[], metavar="NAME,…", help="these lines of the table")
    parser.add_argument("--quick", action="store_true", help="short loads, one run of each")
    parser.add_argument("--runs", type=_count, help="runs of each line (else as many as the line says)")
    parser.add_argument("--kills", type=_count, help=f"kills in one run of the line `kills` (else {KILLS})")
    parser.add_argument("--no-peers", action="store_true", help="leave other people's programs out")
    parser.add_argument("--list", action="store_true", help="name the lines and end")
    parser.add_argument(
        "--compare", nargs=2, type=Path, metavar=("BEFORE", "AFTER"), help="two figures.json side by side"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder of figures.md and figures.json (else docs/, .loquet/bench if --quick)",
    )
    return parser.parse_args(words)


def say(text: str) -> None:
    """A line for the person at the terminal, at once."""
    print(text, flush=True)


def main(words: list[str]) -> int:
    """The exit status: 0 measured (also what falls short), 1 a line failed, 2 could not start, 130 Ctrl-C."""
    arguments = _arguments(words)
    try:
        if arguments.list:
            for line in LINES:
                say(f"{line.name:<14} {line.title}")
            return 0
        if arguments.compare:
            old, new = (outcome.load(path) for path in arguments.compare)
            say(table.comparison(old, new))
            say(before.section(old, new))
            return 0
        return _measure(arguments)
    except (RunError, outcome.OutcomeError) as error:
        print(f"loquet: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("loquet: ended; nothing was written", file=sys.stderr)
        return 130


async def _ending_in_order(playing: Coroutine[None, None, list[outcome.Outcome]]) -> list[outcome.Outcome]:
    """SIGTERM ends a run as Ctrl-C does: everything that it started first."""
    task = asyncio.ensure_future(playing)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _measure(arguments: argparse.Namespace) -> int:
    target: Path = arguments.out or (PRIVATE / "bench" if arguments.quick else ROOT / "docs")
    kills = arguments.kills or (QUICK_KILLS if arguments.quick else KILLS)
    options = Options(kills=kills, peers=not arguments.no_peers)
    with run_folder(PRIVATE / "bench") as folder:
        report = outcome.Report(surroundings.machine(folder), surroundings.versions(), [])
        for name, value in report.machine.items():
            say(f"  {name:<28} {value}")
        say("")
        lines = arguments.only or list(LINES)
        playing = run.play(lines, folder, options, arguments.quick, arguments.runs, say, report.versions)
        report.outcomes = asyncio.run(_ending_in_order(playing))
    target.mkdir(parents=True, exist_ok=True)
    kept = target / "figures.json"
    older = outcome.load(kept) if kept.exists() else None
    whole = report.merged_into(older, [line.name for line in LINES])
    outcome.save(whole, kept)
    page = table.markdown(whole)
    if BEFORE.exists():
        page += "\n" + before.section(outcome.load(BEFORE), whole)
    (target / "figures.md").write_text(page, encoding="utf-8")
    for missed in table.short_falls(report):
        say(missed)
    say(f"Written: {target / 'figures.md'}, {kept.name} beside it.")
    return 1 if any(each.failure for each in report.outcomes) else 0
