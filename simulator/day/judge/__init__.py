"""The judge of a simulated day: every promise that can be seen this way, checked after every event.

Judges from outside the program concerned: coils at the world, records as they lie in flash, money and rights
in the server's tables. May import all but the people; numbers are those of `docs/simulator.md`.
"""

from simulator.day.judge.bench import Judge
from simulator.day.judge.broken import InvariantError

__all__ = ["InvariantError", "Judge"]
