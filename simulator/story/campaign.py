"""`./loquet simulator sabotage`: plants faults one by one and sees whether the story names the right step."""

import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from simulator.orchestrator.runfolder import RunError, require_port
from simulator.parts.places import ROOT
from simulator.story.sabotage import Sabotage

LONGEST_S = 600
"""A demo that takes longer hangs."""

FAILED = re.compile(r"^The story failed at step (\d+)\.$", re.MULTILINE)
COMPLAINT = re.compile(r"^\[\d+\] FAILED after [\d.]+ s: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Played:
    """A demo that has ended: its status, all it said, how long it took."""

    status: int
    said: str
    seconds: float

    @property
    def failed_steps(self) -> list[int]:
        """The steps that it names as failed."""
        return [int(number) for number in FAILED.findall(self.said)]

    @property
    def complaint(self) -> str:
        """What the failed step said; empty if none failed."""
        found = COMPLAINT.search(self.said)
        return found.group(1) if found else ""


def free_pair() -> int:
    """A port that is free and whose next is free too: a demo takes two.

    Below the ports that the kernel deals out to connections (from 32768): one of those may be in the way by
    the time the demo has started.
    """
    while True:
        port = 2 * random.randrange(5_000, 16_000)
        try:
            require_port(port, "pair")
            return require_port(port + 1, "pair") - 1
        except RunError:
            continue


def command(root: Path, port: int, *arguments: str) -> list[str]:
    """The demo with its story, as a person starts it."""
    return [
        sys.executable,
        "-m",
        "simulator",
        "demo",
        "--once",
        "--root",
        str(root),
        "--port",
        str(port),
        *arguments,
    ]


def play(root: Path, *arguments: str) -> Played:
    """Runs a demo to its end. subprocess.TimeoutExpired if it never ends."""
    started = time.monotonic()
    done = subprocess.run(
        command(root, free_pair(), *arguments),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )
    return Played(done.returncode, done.stdout, time.monotonic() - started)


def plant(root: Path, sabotage: Sabotage) -> Played:
    """The story up to the sabotage's step, with it; the steps before it are played in brief."""
    return play(root, "--steps", str(sabotage.step), "--sabotage", sabotage.name)


def caught(sabotage: Sabotage, played: Played) -> bool:
    """Whether the story failed, and at that step."""
    return played.status == 1 and played.failed_steps == [sabotage.step]


def campaign(sabotages: Sequence[Sabotage], root: Path, jobs: int, say: Callable[[str], None]) -> int:
    """Plants each, `jobs` at a time; 0 only if each was caught by its step."""

    def one(sabotage: Sabotage) -> bool:
        folder = root / sabotage.name
        played = plant(folder, sabotage)
        what = f"step {sabotage.step}  {sabotage.name}  {played.seconds:.0f} s"
        if caught(sabotage, played):
            say(f"caught  {what}: {played.complaint[:150]}")
            return True
        say(f"MISSED  {what}\n{played.said}")
        return False

    with ThreadPoolExecutor(jobs) as pool:
        held = list(pool.map(one, sabotages))
    say(f"{sum(held)} of {len(held)} sabotages were caught by their step.")
    return 0 if all(held) else 1
