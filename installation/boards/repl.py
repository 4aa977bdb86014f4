"""A board's MicroPython at the other end of a serial line: run a script, put a file, start anew.

`Repl` is the port; `MpremoteRepl` speaks through mpremote. The tests reach a real MicroPython through a
pseudo-terminal with the same class.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from installation.boards import tools
from installation.boards.faults import BoardError, NoAnswer

ONBOARD = Path(__file__).parent / "onboard"
_CHUNK = 512
_WAIT_S = 20
_CHARACTER_S = 3
_BAUD = 115_200


class ScriptFailed(BoardError):  # noqa: N818
    """A script ended with an exception on the board. The text is the exception's last line alone: what stands
    above it may quote what was sent.
    """


class Repl(Protocol):
    """What is needed of a board."""

    def run(self, script: str, wanted: dict[str, object]) -> str:
        """Run `onboard/SCRIPT.py` with `WANTED` in front; what it prints. ScriptFailed, NoAnswer."""
        ...

    def put(self, path: str, content: bytes) -> None:
        """Write a file; its folders are made. ScriptFailed, NoAnswer."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file. ScriptFailed, NoAnswer."""
        ...

    def reset(self) -> None:
        """Start the program. NoAnswer."""
        ...


def text_of(script: str, wanted: dict[str, object]) -> str:
    """The script as it is sent."""
    return f"WANTED = {wanted!r}\n{(ONBOARD / f'{script}.py').read_text(encoding='utf-8')}"


class MpremoteRepl:
    """`with MpremoteRepl("/dev/ttyACM0") as repl:` interrupts what runs there. NoAnswer, ToolMissing."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._transport: Any = None
        self._error: type[Exception] = Exception
        self._exec_error: type[Exception] = Exception

    def __enter__(self) -> Self:
        tools.make_importable()
        transport = importlib.import_module("mpremote.transport")
        serial_transport = importlib.import_module("mpremote.transport_serial")
        self._error, self._exec_error = transport.TransportError, transport.TransportExecError
        try:
            # exclusive: two programs at one port garble each other.
            self._transport = serial_transport.SerialTransport(
                self.port, _BAUD, exclusive=True, timeout=_CHARACTER_S
            )
        except (self._error, OSError) as error:
            raise NoAnswer(f"{self.port} can't be opened: {error}") from None
        try:
            self._enter()
        except BaseException:
            self._transport.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def _enter(self) -> None:
        def enter() -> None:
            # A soft reset gives a clean heap and unmounts; an interpreter on a pseudo-terminal ends by it.
            self._transport.enter_raw_repl(soft_reset=not self._transport.is_pty, timeout_overall=_WAIT_S)

        tools.quietly(lambda: self._spoken(enter))

    def _spoken(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except self._exec_error as error:
            lines = str(getattr(error, "error_output", error)).strip().splitlines()
            raise ScriptFailed(lines[-1] if lines else "an exception without a word") from None
        except (self._error, OSError):
            raise NoAnswer(
                f"no MicroPython answers at {self.port}: is it the board's port, and was it flashed?"
            ) from None

    def _exec(self, code: str) -> bytes:
        def act() -> bytes:
            output, complaint = self._transport.exec_raw(code, timeout=_WAIT_S)
            if complaint:
                raise self._exec_error(output, complaint.decode(errors="replace"))
            said: bytes = output
            return said

        said: bytes = self._spoken(act)
        return said

    def run(self, script: str, wanted: dict[str, object]) -> str:
        """As in the port."""
        return self._exec(text_of(script, wanted)).decode(errors="replace").strip()

    def put(self, path: str, content: bytes) -> None:
        """As in the port."""
        folders = [path[:at] for at, char in enumerate(path) if char == "/" and at]
        self._exec(
            "import os\n"
            f"for folder in {folders!r}:\n"
            " try:\n  os.stat(folder)\n"
            " except OSError:\n  os.mkdir(folder)\n"
            f"f = open({path!r}, 'wb')\n"
        )
        for at in range(0, len(content), _CHUNK):
            self._exec(f"f.write({content[at : at + _CHUNK]!r})")
        self._exec("f.close()")

    def remove(self, path: str) -> None:
        """As in the port."""
        self._exec(f"import os\nos.remove({path!r})")

    def reset(self) -> None:
        """As in the port."""

        def act() -> None:
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")

        self._spoken(act)
