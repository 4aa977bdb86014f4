"""The person at the wall: does what is asked, says what is seen. `Person` is the port; `Asked`: a human."""

import asyncio
import os
import sys
from typing import Protocol


class NobodyError(Exception):
    """Nobody answers any more: the terminal is closed."""


class Terminal:
    """Lines from standard input without a thread, so that Ctrl-C ends a question."""

    def __init__(self) -> None:
        self._pending = b""

    async def line(self) -> str:
        """The next line. NobodyError."""
        while b"\n" not in self._pending:
            await self._readable()
            chunk = os.read(sys.stdin.fileno(), 4096)
            if not chunk:
                raise NobodyError("nobody answers: the terminal is closed")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode(errors="replace").strip()

    @staticmethod
    async def _readable() -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_reader(sys.stdin.fileno(), ready.set_result, None)
        except PermissionError:
            return  # a file can always be read
        try:
            await ready
        finally:
            loop.remove_reader(sys.stdin.fileno())


class Person(Protocol):
    """What a check may ask for. Doors go by the numbers painted on them, probes by their labels."""

    async def open_doors(self, expected: int) -> set[int]:
        """Which doors have sprung open."""
        ...

    async def hold_ms(self, door: int) -> int | None:
        """How long the lock's coil was held, if somebody measures it."""
        ...

    async def put(self, door: int) -> None:
        """Lay something into the compartment."""
        ...

    async def take(self, door: int) -> None:
        """Take it out again."""
        ...

    async def shut(self, doors: set[int]) -> None:
        """Push the doors shut."""
        ...

    async def type(self, keys: str) -> None:
        """Type on the keypad."""
        ...

    async def shows(self, key: str) -> bool:
        """Press `#`, then that key: whether the display answers the key."""
        ...

    async def first_line(self) -> str:
        """What the display's first line says."""
        ...

    async def warm(self, zone: str, probe: int, on: bool) -> None:
        """Take the probe with that label into the hand, or let it go."""
        ...

    async def power(self) -> None:
        """Switch the mains off, wait for ten seconds, switch it on."""
        ...

    async def lid(self, is_open: bool) -> None:
        """Open or close the controller's box."""
        ...

    async def network(self, on: bool) -> None:
        """Unplug the network's cable (and switch the radio off), or plug it in."""
        ...

    async def room_door(self, zone: str, is_open: bool) -> None:
        """Open or close the door of a cold room."""
        ...

    async def hears(self) -> bool:
        """Whether the sounder sounds now."""
        ...

    async def sees_light(self) -> bool:
        """Whether the alarm light is lit now."""
        ...


def numbers(text: str) -> set[int]:
    """Door numbers in what somebody typed. ValueError for words that are none."""
    words = text.replace(",", " ").split()
    return {int(word) for word in words if word not in ("none", "no", "-", "aucune")}


class Asked:
    """A human at this terminal. Each question may raise NobodyError."""

    def __init__(self) -> None:
        self._terminal = Terminal()

    async def _ask(self, text: str) -> str:
        print(f"  → {text} ", end="", flush=True)
        return await self._terminal.line()

    async def _do(self, text: str) -> None:
        await self._ask(f"{text}, then Enter:")

    async def _yes(self, text: str) -> bool:
        while (answer := (await self._ask(f"{text} [y/n]")).lower()[:1]) not in ("y", "o", "n"):
            print("    y or n, please")
        return answer != "n"

    async def open_doors(self, expected: int) -> set[int]:
        """As in the port."""
        while True:
            try:
                return numbers(
                    await self._ask(f"Door {expected} was told to open. Which doors are open now (none)?")
                )
            except ValueError:
                print("    door numbers, or none")

    async def hold_ms(self, door: int) -> int | None:
        """As in the port."""
        answer = await self._ask(
            f"If you measured it: ms for which the coil of door {door} was on (Enter: no)?"
        )
        return int(answer) if answer.isdigit() else None

    async def put(self, door: int) -> None:
        """As in the port."""
        await self._do(f"Lay something big into compartment {door}")

    async def take(self, door: int) -> None:
        """As in the port."""
        await self._do(f"Take it out of compartment {door}")

    async def shut(self, doors: set[int]) -> None:
        """As in the port."""
        await self._do(f"Shut door {', '.join(map(str, sorted(doors)))}")

    async def type(self, keys: str) -> None:
        """As in the port."""
        await self._do(f"Type on the keypad: {keys}")

    async def shows(self, key: str) -> bool:
        """As in the port."""
        return await self._yes(f"Press #, then {key}: does the display answer the {key}?")

    async def first_line(self) -> str:
        """As in the port."""
        return await self._ask("What does the first line of the display say?")

    async def warm(self, zone: str, probe: int, on: bool) -> None:
        """As in the port."""
        act = "Take into your hand" if on else "Let go of"
        await self._do(f"{act} the probe labelled {probe} of zone {zone}")

    async def power(self) -> None:
        """As in the port."""
        await self._do("Switch the mains off, wait for ten seconds, switch it on")

    async def lid(self, is_open: bool) -> None:
        """As in the port."""
        await self._do(f"{'Open' if is_open else 'Close'} the lid of the controller's box")

    async def network(self, on: bool) -> None:
        """As in the port."""
        await self._do("Plug the network's cable in again" if on else "Unplug the network's cable")

    async def room_door(self, zone: str, is_open: bool) -> None:
        """As in the port."""
        await self._do(f"{'Open' if is_open else 'Close'} the door of {zone}")

    async def hears(self) -> bool:
        """As in the port."""
        return await self._yes("Does the sounder sound?")

    async def sees_light(self) -> bool:
        """As in the port."""
        return await self._yes("Is the alarm light lit?")
