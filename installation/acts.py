"""What an installation does, as values: a plan is a list of acts, which can be shown before it is done.

Nothing here touches a machine; `machine` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Owner:
    """Whose a file or folder is, by name."""

    user: str
    group: str


ROOT = Owner("root", "root")


@dataclass(frozen=True)
class MakeUser:
    """A system user, with a group of the same name, that nobody can log in as."""

    name: str
    home: str


@dataclass(frozen=True)
class MakeFolder:
    """A folder with exactly this owner and mode."""

    path: str
    owner: Owner
    mode: int


@dataclass(frozen=True)
class WriteFile:
    """A file with exactly this content, owner and mode. `keep`: one that is there already stays as it is, for
    a person has written in it. `secret`: its content is never shown."""

    path: str
    text: str
    owner: Owner
    mode: int
    keep: bool = False
    secret: bool = False


@dataclass(frozen=True)
class Run:
    """A command on the live machine, never in an image."""

    command: Sequence[str]


Act = MakeUser | MakeFolder | WriteFile | Run


@dataclass(frozen=True)
class Plan:
    """What is done, and what is left for a person: one line each."""

    acts: Sequence[Act]
    next_steps: Sequence[str]
