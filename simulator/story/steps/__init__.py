"""The story's nine steps, in order."""

from simulator.story.runner import Step
from simulator.story.steps import cold, collecting, commands, faults, kills, loading, ordering

STEPS: tuple[Step, ...] = (
    Step(
        1,
        "A shop's order is held, paid once, and gets doors; a late payment gets doors or a refund",
        ordering.play,
        brief=ordering.paid,
    ),
    Step(
        2,
        "The controller has the grant, the customer the code; too early it opens nothing",
        loading.early,
        (1,),
        loading.not_yet,
    ),
    Step(
        3,
        "Each producer loads the doors of their lines, one at a time",
        loading.play,
        (1, 2),
        loading.loaded,
    ),
    Step(4, "With everything upstream dead: a slip, a wrong code, the right one", collecting.play, (1, 2, 3)),
    Step(
        5,
        "Everything returns: each event once, in order; doors are free only on evidence",
        collecting.after,
        (1, 2, 3, 4),
    ),
    Step(6, "One door jams, one is forced: two different alarms", faults.play),
    Step(7, "A zone warms, a probe is lost, a room warms: blocked, told, released by name", cold.play),
    Step(8, "A remote opening; the same message again, late, after a reboot, altered, held", commands.play),
    Step(
        9, "Gateway killed 20 times, controller cut at a flash write: no event lost, none twice", kills.play
    ),
)
