"""What the page needs of whoever runs the sites: links to cut, programs to kill, power to switch."""

from collections.abc import Mapping
from typing import Protocol


class Link(Protocol):
    """A network link that can be cut and mended, such as `simulator.proxy.Link`."""

    @property
    def is_cut(self) -> bool:
        """Whether connections break and new ones are refused."""

    def cut(self) -> None:
        """Break every connection and refuse new ones."""

    def mend(self) -> None:
        """As new."""


class Program(Protocol):
    """A program that runs, or has ended."""

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""


class Controls(Protocol):
    """The programs by name (`server`, `gateway:ferme`, `broker:ferme`): `simulator.orchestrator`'s stage."""

    @property
    def children(self) -> Mapping[str, Program]:
        """Every program that can be killed and started."""

    async def kill(self, name: str) -> None:
        """End a program at once, as SIGKILL does."""

    async def start(self, name: str) -> None:
        """Start it again; returns when it is ready."""


class Mains(Protocol):
    """A controller's supply and its reset button."""

    def power(self, on: bool) -> None:
        """Switch the mains."""

    def reset(self) -> None:
        """Press the reset button; the chips around keep their power."""


class Controllers(Protocol):
    """All controllers by id, such as `simulator.controllers.Fleet`."""

    def __getitem__(self, name: str) -> Mains:
        """One of them; KeyError."""
