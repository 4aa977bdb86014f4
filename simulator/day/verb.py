"""`./loquet simulate`: the words it takes, what it prints, how it ends."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.day.timeline import DAY_S

if TYPE_CHECKING:
    from simulator.day.run import Plan

FARM = Path(__file__).resolve().parents[1] / "scenarios" / "farm.toml"


@dataclass
class Outcome:
    """What came of one seed. `broke`: the error's name and text, "" if every invariant held; `last` are the
    lines of the log before it.
    """

    seed: int
    took_s: float
    lines: int = 0
    checks: int = 0
    digest: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    broke: str = ""
    last: str = ""


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb's own words."""
    verb = verbs.add_parser(
        "simulate", help="days of the whole site in seconds: virtual time, seeds, no processes"
    )
    verb.add_argument("--seed", type=_positive, help="this seed alone: the same seed tells the same days")
    verb.add_argument("--seeds", type=_positive, default=1, help="how many seeds, one after the other")
    verb.add_argument("--first", type=_positive, default=1, help="the first of them")
    verb.add_argument(
        "--days", type=_days, default=1.0, help="length of each run; a part of a day is allowed"
    )
    verb.add_argument(
        "--haste", type=_days, default=1.0, help="customers and troubles come so many times as often"
    )
    verb.add_argument(
        "--harm", type=_days, default=1.0, help="troubles come so many times as often once more"
    )
    verb.add_argument("--period", type=_positive, default=600, help="seconds that a readings record covers")
    verb.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, help="seeds at a time")
    verb.add_argument("--log", action="store_true", help="print every event (of one seed)")
    verb.add_argument("--site", type=Path, default=FARM, help="site file")


def _positive(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _days(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.01 <= number <= 3660:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0.01 to 3660")
    return number


def replay(arguments: argparse.Namespace, seed: int) -> str:
    """The command that lives through a seed again."""
    words = ["./loquet simulate", f"--seed {seed}", f"--days {arguments.days:g}"]
    if arguments.haste != 1:
        words.append(f"--haste {arguments.haste:g}")
    if arguments.harm != 1:
        words.append(f"--harm {arguments.harm:g}")
    if arguments.period != 600:
        words.append(f"--period {arguments.period}")
    if arguments.site != FARM:
        words.append(f"--site {arguments.site}")
    return " ".join([*words, "--log"])


def play(plan: "Plan", log: bool = False) -> Outcome:
    """Live through one seed; nothing it may raise but SiteError is more than an outcome."""
    # The server takes a second to import: only who tells days waits for it.
    from simulator.day.run import SiteError, tell

    started = time.monotonic()
    try:
        days = tell(plan, print if log else _nobody)
    except SiteError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever broke is what was looked for
        last = "\n".join(getattr(error, "__notes__", []))
        return Outcome(
            plan.seed, time.monotonic() - started, broke=f"{type(error).__name__}: {error}", last=last
        )
    return Outcome(plan.seed, days.took_s, days.lines, days.checks, days.digest, days.counts)


def _nobody(_line: str) -> None:
    """Nobody reads along."""


def run(arguments: argparse.Namespace) -> int:
    """Prints a line a seed and a summary. Status 0: every invariant held; 1: one was broken; 2: no such
    site.
    """
    from simulator.day.run import Plan, SiteError

    first, count = (arguments.first, arguments.seeds) if arguments.seed is None else (arguments.seed, 1)
    plans = [
        Plan(seed, arguments.site, arguments.days * DAY_S, arguments.period, arguments.haste, arguments.harm)
        for seed in range(first, first + count)
    ]
    try:
        if count == 1 or arguments.jobs == 1:
            outcomes = [_said(play(plan, arguments.log and count == 1), arguments) for plan in plans]
        else:
            outcomes = _side_by_side(plans, arguments)
    except SiteError as error:
        print(f"loquet: {error}", file=sys.stderr)
        return 2
    broken = [outcome.seed for outcome in outcomes if outcome.broke]
    _summary([outcome for outcome in outcomes if not outcome.broke])
    if broken:
        print(f"loquet: {len(broken)} of {count} seeds broke: {', '.join(map(str, broken))}", file=sys.stderr)
        return 1
    return 0


def _side_by_side(plans: "list[Plan]", arguments: argparse.Namespace) -> list[Outcome]:
    """Each seed in whichever process is free; told in the order of the seeds."""
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        return [_said(outcome, arguments) for outcome in pool.map(play, plans)]


def _said(outcome: Outcome, arguments: argparse.Namespace) -> Outcome:
    if not outcome.broke:
        print(
            f"seed {outcome.seed}: {outcome.lines} events, {outcome.checks} checks, every invariant held"
            f"  sha256 {outcome.digest[:16]}",
            flush=True,
        )
    else:
        sys.stdout.flush()
        if not arguments.log:
            print(outcome.last, file=sys.stderr)
        print(f"loquet: seed {outcome.seed} broke: {outcome.broke}", file=sys.stderr)
        print(f"        again: {replay(arguments, outcome.seed)}", file=sys.stderr, flush=True)
    print(f"({outcome.took_s:.1f} s)", file=sys.stderr, flush=True)
    return outcome


_SHOWN = {
    "orders": (
        "order.held",
        "order.paid",
        "order.collected",
        "order.refunded",
        "order.expired",
        "order.lapsed",
    ),
    "money": ("payment.captured", "payment.refunded"),
    "doors": ("coil starts", "door_open", "door_close", "door.forced", "door.open"),
    "cold": ("excursion.found", "block.began", "block.released"),
    "alarms": ("alarm.opened", "alarm.closed", "mail.requested"),
}


def _summary(outcomes: list[Outcome]) -> None:
    if not outcomes:
        return
    counts: dict[str, int] = {}
    for outcome in outcomes:
        for name, number in outcome.counts.items():
            counts[name] = counts.get(name, 0) + number
    lines, checks = sum(each.lines for each in outcomes), sum(each.checks for each in outcomes)
    print(f"\n{len(outcomes)} seeds, {lines} events, {checks} checks.")
    for title, names in _SHOWN.items():
        print(
            f"  {title:<8} " + ", ".join(f"{name.rpartition('.')[2]} {counts.get(name, 0)}" for name in names)
        )
    for title, prefix in (("codes", "try "), ("records", "record ")):
        found = [
            f"{name.removeprefix(prefix)} {n}"
            for name, n in sorted(counts.items())
            if name.startswith(prefix)
        ]
        print(f"  {title:<8} " + ", ".join(found))
