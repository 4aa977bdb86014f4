"""Named faults, one for each step at least: with one of them the story must fail and name that step."""

from dataclasses import dataclass

from simulator.orchestrator.stage import Breakage


@dataclass(frozen=True)
class Sabotage:
    """A fault in the product or the world, and the step that must notice it."""

    name: str
    step: int
    description: str
    breakage: Breakage


SABOTAGES: dict[str, Sabotage] = {}
