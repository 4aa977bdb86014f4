"""The lines of the table in their order."""

from simulator.bench.line import Line
from simulator.bench.lines import heap, intake, kills, latency, reservations, wall

LINES: tuple[Line, ...] = (intake.LINE, latency.LINE, kills.LINE, reservations.LINE, heap.LINE, wall.LINE)
