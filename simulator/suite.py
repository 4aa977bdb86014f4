"""`./loquet test`: every check of the repository, each in one line, beside the tests.

Arguments go to pytest. Its closing line is the last one, unless a check failed: then that is said after it.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from simulator.parts import find_parts
from simulator.parts.places import ROOT

REQUIRE_PARTS = "LOQUET_REQUIRE_PARTS"
"""Environment variable: set to 1 (CI), a missing part is a failure."""

CHECKS = {
    "lint (ruff)": ["-m", "ruff", "check", "--no-cache", "."],
    "format (ruff)": ["-m", "ruff", "format", "--no-cache", "--check", "."],
    "types (mypy)": ["-m", "mypy"],
    "firmware's types (basedpyright)": ["-m", "basedpyright"],
    "imports (import-linter)": [
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache",
    ],
}
"""Each check's arguments to the environment's Python."""


@dataclass(frozen=True)
class Outcome:
    """One check: what it is called, whether it held, what it said, and its seconds."""

    name: str
    held: bool
    said: str
    seconds: float


def run_check(name: str, command: list[str]) -> Outcome:
    """Run one check in the checkout."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(name, done.returncode == 0, done.stdout, time.monotonic() - started)


def told(name: str, command: list[str]) -> Outcome:
    """Run one check and say in a line how it went."""
    outcome = run_check(name, command)
    print(f"{'ok    ' if outcome.held else 'FAILED'}  {name}  {outcome.seconds:.1f} s", flush=True)
    return outcome


def _side_by_side(arguments: list[str]) -> list[str]:
    """Twice as many tests at a time as there are processors, unless the caller says otherwise."""
    if any(word.startswith(("-n", "--numprocesses", "-p")) for word in arguments):
        return []
    return ["-n", str(2 * (os.cpu_count() or 1)), "--maxschedchunk", "1"]


def main(arguments: list[str]) -> int:
    """Run everything; 0 only if every check and every test held and, where required, every part is there."""
    failed = []
    missing = find_parts().missing
    for part in missing:
        print(part, flush=True)
    if missing and os.environ.get(REQUIRE_PARTS) == "1":
        failed.append("parts (all are required here)")
    # The story waits more than it works: the checks and several tests at a time fill its pauses.
    with ThreadPoolExecutor(1) as pool:
        checks = [pool.submit(told, *check) for check in CHECKS.items()]
        tests = subprocess.run(
            [sys.executable, "-m", "pytest", *_side_by_side(arguments), *arguments], cwd=ROOT, check=False
        )
        outcomes = [check.result() for check in checks]
    for outcome in outcomes:
        if not outcome.held:
            print(outcome.said, flush=True)
            failed.append(outcome.name)
    if tests.returncode != 0:
        failed.append("tests")
    if failed:
        print(f"loquet: failed: {', '.join(failed)}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
