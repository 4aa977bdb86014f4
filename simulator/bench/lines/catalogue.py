"""The lines of the table in their order."""

from simulator.bench.line import Line
from simulator.bench.lines import heap, intake, reservations

LINES: tuple[Line, ...] = (intake.LINE, reservations.LINE, heap.LINE)
