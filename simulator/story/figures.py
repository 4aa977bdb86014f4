"""Figures of a run, taken from outside: the world's clock, the kernel's account, the server's API."""

from datetime import datetime

from simulator.orchestrator.processes import resident_kib
from simulator.story.people import Manager
from simulator.story.runner import Story
from simulator.world.log import WorldEvent

LAST_DIGIT = "last digit → coil start, ms (key contact to coil pin)"
INTERPRETER = "last digit → coil start, ms of interpreter time"
DOOR = "door event → server, ms (door moves to record stored)"


def digit_to_coil(story: Story, key: WorldEvent, coil: WorldEvent) -> None:
    """Keep how long it took from the last key's contact to the coil's start, by both clocks."""
    story.figure(LAST_DIGIT, (coil.at_monotonic - key.at_monotonic) * 1000)
    spent = story.stage.interpreters.between_ms(key, coil)
    if spent is not None:
        story.figure(INTERPRETER, spent)


async def door_to_server(story: Story, bank: str, since: int) -> None:
    """Keep how long each opening and closing since a mark of the log took to be stored at the server."""
    moved = story.stage.world.log.of(bank, "door_open", "door_close", since=since)
    told = [row for row in await Manager(story.stage).records(bank) if row["kind"] == "door"]
    for event, row in zip(reversed(moved), reversed(told), strict=False):
        stored = datetime.fromisoformat(row["received_at"])
        story.figure(DOOR, (stored - event.at_wall).total_seconds() * 1000)


def memory(story: Story) -> None:
    """Keep what the gateways and the controllers need."""
    for name, child in story.stage.children.items():
        if name.startswith("gateway:") and child.is_running:
            story.figure("gateway memory, MB resident", resident_kib(child.pid) / 1024)
    for controller in story.stage.fleet:
        peak = controller.board.heap_peak / 1024
        story.figure(f"heap peak of {controller.name}, kB (64-bit, code and garbage included)", peak)
