"""Plays steps in order, prints each with its measured time, and stops at the first that does not hold."""

import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from simulator.orchestrator.stage import Stage


class StepFailedError(Exception):
    """Something that a person would have seen was not as it must be; the text says what."""


def require(holds: object, what: str) -> None:
    """Raises StepFailedError with `what` if `holds` is false."""
    if not holds:
        raise StepFailedError(what)


@dataclass
class Story:
    """What the steps hand on to each other, and the figures they measured."""

    stage: Stage
    figures: dict[str, list[float]] = field(default_factory=dict)
    """Name (with its unit) → values measured."""
    marks: dict[str, int] = field(default_factory=dict)
    """Places in the world's log that a later step starts from."""
    said: Callable[[str], None] = print

    def note(self, text: str) -> None:
        """A line under the step's title: something the person watching should know."""
        self.said(f"      {text}")

    def figure(self, name: str, value: float) -> None:
        """Keep one measured value; medians are printed at the end."""
        self.figures.setdefault(name, []).append(value)

    def broken(self) -> list[str]:
        """What must never be seen on pins: two coils of a bank at once, one on for longer than it may be."""
        return [f"{e.controller}: {e.detail}" for e in self.stage.world.log if e.kind == "broken"]

    def print_figures(self) -> None:
        """One line a figure: median, number of values."""
        for name, values in sorted(self.figures.items()):
            self.said(f"  {name:<58} {median(values):>9.1f}   (median of {len(values)})")


@dataclass(frozen=True)
class Step:
    """One step of the story. `needs`: numbers of the steps whose outcome it builds on. `brief`: plays only
    that outcome, where the step itself was not asked for.
    """

    number: int
    title: str
    play: Callable[[Story], Awaitable[None]]
    needs: tuple[int, ...] = ()
    brief: Callable[[Story], Awaitable[None]] | None = None


def selection(steps: Sequence[Step], wanted: Sequence[int]) -> list[Step]:
    """The wanted steps and all that they need, these in brief, in order; every step if none is named."""
    if not wanted:
        return list(steps)
    by_number = {step.number: step for step in steps}
    chosen: set[int] = set()
    waiting = list(wanted)
    while waiting:
        number = waiting.pop()
        if number not in by_number:
            raise StepFailedError(f"the story has no step {number}")
        if number not in chosen:
            chosen.add(number)
            waiting.extend(by_number[number].needs)
    return [
        step if step.number in wanted or step.brief is None else replace(step, play=step.brief)
        for step in steps
        if step.number in chosen
    ]


async def play(story: Story, steps: Sequence[Step]) -> int | None:
    """Play `steps`; returns the number of the step that failed, None if each one held."""
    for step in steps:
        story.said(f"[{step.number}] {step.title}")
        started = time.monotonic()
        try:
            await step.play(story)
            story.stage.check()
            require(not story.broken(), f"a rule of the world was broken: {story.broken()}")
        # Whatever goes wrong, the step is named and everything is ended in order.
        except Exception as error:  # noqa: BLE001
            took = time.monotonic() - started
            story.said(f"[{step.number}] FAILED after {took:.2f} s: {str(error) or type(error).__name__}")
            if not isinstance(error, StepFailedError):
                story.said("".join(traceback.format_exception(error, limit=-6)))
            return step.number
        story.said(f"[{step.number}] held, {time.monotonic() - started:.2f} s")
    return None
