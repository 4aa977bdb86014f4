"""What a person sees of set-up: one line per step, with its time; and the one error that ends it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class SetupError(Exception):
    """Set-up can't go on; the text is one line that says what to do, shown to the person as it is."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print `what` while the body runs, then the seconds it took."""
    started = time.monotonic()
    print(f"  {what} … ", end="", flush=True)
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def last_words(output: str, beginning: str = "") -> str:
    """The last line of what a failed program printed that says something, or the last with that beginning."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    chosen = [line for line in lines if line.startswith(beginning)] or lines
    return " ".join(chosen[-1:])


def stop(problem: str, status: int) -> NoReturn:
    """End the process with one line on the error stream."""
    print(f"loquet: {problem}", file=sys.stderr)
    sys.exit(status)
