"""Plays lines, each several times; one that fails is written down as failed, and the next is played."""

import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from simulator.bench import table
from simulator.bench.figure import Measured
from simulator.bench.line import Line, NotHereError, Options, Round
from simulator.bench.outcome import Outcome


async def play(
    lines: Sequence[Line],
    folder: Path,
    options: Options,
    quick: bool,
    runs: int | None,
    say: Callable[[str], None],
    versions: dict[str, str] | None = None,
) -> list[Outcome]:
    """Plays each line on these versions; never raises for a line's sake, only when the person ends it."""
    outcomes = []
    for line in lines:
        say(f"{line.name}: {line.title} …")
        outcomes.append(await _line(line, folder, options, quick, runs, say, versions))
        say(table.terminal(outcomes[-1]))
        say("")
    return outcomes


async def _line(
    line: Line,
    folder: Path,
    options: Options,
    quick: bool,
    runs: int | None,
    say: Callable[[str], None],
    versions: dict[str, str] | None,
) -> Outcome:
    started, at = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    found: dict[str, list[float]] = {}
    outcome = Outcome(
        line.name, line.title, line.command, list(line.figures), {}, at, 0.0, quick, versions=versions or {}
    )
    for number in range(runs or (1 if quick else line.runs)):
        inside = folder / line.name / str(number)
        inside.mkdir(parents=True)
        one = Round(inside, number, quick, options, line.figures, say=say)
        try:
            await line.measure(one)
        except NotHereError as error:
            outcome.absent[line.title] = str(error)
            break
        # A line must not take the others with it: it is named, with where it broke, and the run goes on.
        except Exception as error:  # noqa: BLE001
            outcome.failure = (
                f"run {number + 1}: {type(error).__name__}: {' '.join(str(error).split())[:600] or 'no word'}"
            )
            say("".join(traceback.format_exception(error, limit=-4)))
            break
        finally:
            for name, value in one.values.items():
                found.setdefault(name, []).append(value)
            outcome.notes += [note for note in one.notes if note not in outcome.notes]
            outcome.absent.update(one.absent)
            outcome.unjudged.update(one.unjudged)
            if not outcome.failure:
                shutil.rmtree(inside, ignore_errors=True)
    outcome.measured = {name: Measured(tuple(each)) for name, each in found.items()}
    outcome.seconds = time.monotonic() - started
    return outcome
