"""`./loquet test`: every check of the repository, each in one line, then the tests.

Arguments go to pytest. Its closing line is the last one, unless a check failed: then that is said again.
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


def main(arguments: list[str]) -> int:
    """Run everything; 0 only if every check and every test held and, where required, every part is there."""
    failed = []
    missing = find_parts().missing
    for part in missing:
        print(part, flush=True)
    if missing and os.environ.get(REQUIRE_PARTS) == "1":
        failed.append("parts (all are required here)")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for outcome in pool.map(lambda check: run_check(*check), CHECKS.items()):
            print(
                f"{'ok    ' if outcome.held else 'FAILED'}  {outcome.name}  {outcome.seconds:.1f} s",
                flush=True,
            )
            if not outcome.held:
                print(outcome.said, flush=True)
                failed.append(outcome.name)
    tests = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False)
    if tests.returncode != 0:
        failed.append("tests")
    if failed:
        print(f"loquet: failed: {', '.join(failed)}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
