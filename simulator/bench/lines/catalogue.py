"""The lines of the table in their order."""

from simulator.bench.line import Line
from simulator.bench.lines import (
    backlog,
    controllers,
    footprint,
    heap,
    intake,
    kills,
    latency,
    reservations,
    telemetry,
    wall,
)

LINES: tuple[Line, ...] = (
    intake.LINE,
    latency.LINE,
    kills.LINE,
    backlog.LINE,
    footprint.LINE,
    reservations.LINE,
    telemetry.LINE,
    heap.LINE,
    controllers.LINE,
    wall.LINE,
)
