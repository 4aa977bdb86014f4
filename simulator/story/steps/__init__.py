"""The story's nine steps, in order."""

from simulator.story.runner import Step

STEPS: tuple[Step, ...] = ()
