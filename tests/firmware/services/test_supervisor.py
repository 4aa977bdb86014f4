"""The supervisor: what ends or hangs starts again, and the watchdog is fed for work done only."""

import asyncio

from firmware.supervisor import Heart, Supervisor


class Watchdog:
    """Counts meals."""

    def __init__(self) -> None:
        self.fed = 0

    def feed(self) -> None:
        """As machine.WDT."""
        self.fed += 1


class Crashing:
    """Raises at each start until it has had enough."""

    def __init__(self, heart: Heart, times: int) -> None:
        self.heart = heart
        self.times = times
        self.starts = 0
        self.well = asyncio.Event()

    async def run(self) -> None:
        """Crash, or work."""
        self.starts += 1
        if self.starts <= self.times:
            raise ValueError("a fault on purpose")
        self.well.set()
        while True:
            self.heart.beat()
            await asyncio.sleep(0.01)


class Hanging:
    """Waits for what never comes, and remembers how often it was started and cancelled."""

    def __init__(self) -> None:
        self.starts = 0
        self.cancelled = 0
        self.again = asyncio.Event()

    async def run(self) -> None:
        """Hang."""
        self.starts += 1
        if self.starts > 1:
            self.again.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Resting(Hanging):
    """Waits too, but says so."""

    def __init__(self, heart: Heart) -> None:
        super().__init__()
        self.heart = heart

    async def run(self) -> None:
        """Rest."""
        self.heart.rest()
        await super().run()


async def _until(task: "asyncio.Task[None]", event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 10)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return


def test_a_task_that_crashes_starts_again_and_is_counted() -> None:
    async def story() -> tuple[int, int]:
        supervisor = Supervisor(Watchdog())
        heart = Heart()
        service = Crashing(heart, 2)
        supervisor.add("crashing", service, heart, True, 5_000)
        await _until(asyncio.create_task(supervisor.run()), service.well)
        return service.starts, supervisor.faults

    assert asyncio.run(story()) == (3, 2)


def test_a_task_that_hangs_is_cancelled_and_started_again() -> None:
    async def story() -> tuple[int, int]:
        supervisor = Supervisor(Watchdog())
        service = Hanging()
        supervisor.add("hanging", service, Heart(), False, 100)
        await _until(asyncio.create_task(supervisor.run()), service.again)
        return service.cancelled, supervisor.faults

    cancelled, faults = asyncio.run(story())
    assert cancelled >= 1
    assert faults >= 1


def test_the_watchdog_is_fed_only_while_every_critical_task_beats() -> None:
    supervisor = Supervisor(Watchdog())
    late, resting = Heart(), Heart()
    supervisor.add("late", Hanging(), late, True, 0)
    supervisor.add("resting", Resting(resting), resting, True, 0)
    resting.rest()
    while late.silence_ms() == 0:
        continue
    assert not supervisor.look(), "a heart that is later than its deadline"
    late.rest()
    assert supervisor.look(), "who rests is not late"


def test_a_task_that_is_not_critical_leaves_the_watchdog_fed() -> None:
    supervisor = Supervisor(Watchdog())
    heart = Heart()
    supervisor.add("late", Hanging(), heart, False, 0)
    while heart.silence_ms() == 0:
        continue
    assert supervisor.look()
