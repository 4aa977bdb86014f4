"""`./loquet simulator day`: the words it takes, what it prints, how it ends."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.day.run import Day

FARM = Path(__file__).resolve().parents[1] / "scenarios" / "farm.toml"


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb's own words."""
    day = verbs.add_parser("day", help="a day of one wall in seconds: virtual time, one seed, no processes")
    day.add_argument("--seed", type=int, default=1, help="the same seed tells the same day, byte for byte")
    day.add_argument("--site", type=Path, default=FARM, help="site file")
    day.add_argument("--wall", default="wall-2", help="id of a wall in it")


def run(arguments: argparse.Namespace) -> int:
    """Prints the log and a summary. Status 0: every invariant held; 1: one was broken; 2: no such day."""
    # The server takes a second to import: only who tells a day waits for it.
    from simulator.day.diary import LeakError
    from simulator.day.judge import InvariantError
    from simulator.day.office import RejectedError
    from simulator.day.run import DayError, SiteError, tell

    try:
        day = tell(arguments.seed, arguments.site, arguments.wall, print)
    except SiteError as error:
        print(f"loquet: {error}", file=sys.stderr)
        return 2
    except (InvariantError, LeakError, RejectedError, DayError) as error:
        sys.stdout.flush()
        print(
            f"loquet: the day of seed {arguments.seed} broke: {type(error).__name__}: {error}",
            file=sys.stderr,
        )
        return 1
    except Exception as error:
        error.add_note(f"in the day of seed {arguments.seed}")
        raise
    _summary(arguments.seed, arguments.wall, day)
    print(f"({day.took_s:.1f} s)", file=sys.stderr)
    return 0


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
    "alarms": ("alarm.opened", "alarm.closed"),
}


def _summary(seed: int, wall: str, day: "Day") -> None:
    print(f"\nSeed {seed}, {wall}: {day.lines} events, {day.checks} checks, every invariant held.")
    for title, names in _SHOWN.items():
        found = [f"{name.rpartition('.')[2]} {day.counts.get(name, 0)}" for name in names]
        print(f"  {title:<8} " + ", ".join(found))
    for title, prefix in (("codes", "try "), ("records", "record ")):
        found = [
            f"{name.removeprefix(prefix)} {n}" for name, n in day.counts.items() if name.startswith(prefix)
        ]
        print(f"  {title:<8} " + ", ".join(found))
    print(f"  log      sha256 {day.digest}")
