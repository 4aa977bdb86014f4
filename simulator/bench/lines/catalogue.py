"""The lines of the table in their order."""

from simulator.bench.line import Line
from simulator.bench.lines import intake

LINES: tuple[Line, ...] = (intake.LINE,)
