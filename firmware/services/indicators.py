"""Buzzer and alarm light: on for as long as something in front of the wall is wrong, decided here, link or no
link.

A cause is a word others raise and drop: a zone by its id, a forced door by its number, the power.
"""

import asyncio

from firmware.supervisor import Heart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.drivers.seams import OutputPin

_ROUND_MS = 100
_BEAT = 10
"""Rounds of one on-and-off of the buzzer: half a second of each."""


class Indicators:
    """What sounds and shines."""

    def __init__(self, buzzer: "OutputPin", light: "OutputPin", heart: Heart) -> None:
        self._buzzer = buzzer
        self._light = light
        self._heart = heart
        self._loud: list[str] = []
        self._quiet: list[str] = []

    def raise_loud(self, cause: str) -> None:
        """Sound and shine at once."""
        if cause not in self._loud:
            self._loud.append(cause)
            self._buzzer.value(1)
            self._light.value(1)

    def raise_quiet(self, cause: str) -> None:
        """Shine only."""
        if cause not in self._quiet:
            self._quiet.append(cause)
            self._light.value(1)

    def drop(self, cause: str) -> None:
        """That is over."""
        if cause in self._loud:
            self._loud.remove(cause)
        if cause in self._quiet:
            self._quiet.remove(cause)

    @property
    def shining(self) -> bool:
        """True while something is to be seen."""
        return self.loud or len(self._quiet) > 0

    @property
    def loud(self) -> bool:
        """True while something is to be heard."""
        return len(self._loud) > 0

    async def run(self) -> None:
        """Beat the buzzer and hold the light for ever; pins are written on changes only."""
        at = 0
        sounding = -1
        shining = -1
        while True:
            self._heart.beat()
            at = (at + 1) % _BEAT if self._loud else 0
            sound = 1 if self._loud and at < _BEAT // 2 else 0
            if sound != sounding:
                sounding = sound
                self._buzzer.value(sound)
            shine = 1 if self.shining else 0
            if shine != shining:
                shining = shine
                self._light.value(shine)
            await asyncio.sleep_ms(_ROUND_MS)
