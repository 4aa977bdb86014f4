"""The lines of the table in their order."""

from simulator.bench.line import Line
from simulator.bench.lines import backlog, footprint, heap, intake, kills, latency, reservations, wall

LINES: tuple[Line, ...] = (
    intake.LINE,
    latency.LINE,
    kills.LINE,
    backlog.LINE,
    footprint.LINE,
    reservations.LINE,
    heap.LINE,
    wall.LINE,
)
