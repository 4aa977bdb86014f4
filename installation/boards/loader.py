"""The chip's own boot loader at the other end of a serial line, before any of our programs run: what chip,
how much flash; read, erase, write, verify.

`Loader` is the port; `EsptoolLoader` speaks through esptool's public functions.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from installation.boards import tools
from installation.boards.faults import NoAnswer, NotKept

_BAUD = 460_800


@dataclass(frozen=True)
class Chip:
    """What the loader says of itself."""

    name: str
    """As `ESP32-S3`."""
    features: tuple[str, ...]
    flash_bytes: int
    """0 if the flash does not say."""
    mac: str


class Loader(Protocol):
    """What is needed of a chip."""

    def chip(self) -> Chip:
        """Which it is. NoAnswer."""
        ...

    def read(self, start: int, size: int) -> bytes:
        """Bytes of its flash. NoAnswer."""
        ...

    def erase(self) -> None:
        """All of its flash. NoAnswer."""
        ...

    def write(self, start: int, content: bytes) -> None:
        """Write and verify. NoAnswer, NotKept."""
        ...

    def reset(self) -> None:
        """Start what is in the flash."""
        ...


class EsptoolLoader:
    """`with EsptoolLoader("/dev/ttyACM0") as loader:` makes the chip listen. NoAnswer, ToolMissing."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._commands: Any = None
        self._esp: Any = None
        self._error: type[Exception] = Exception

    def __enter__(self) -> Self:
        tools.make_importable()
        self._commands = importlib.import_module("esptool.cmds")
        self._error = importlib.import_module("esptool").FatalError

        def start() -> Any:
            esp = self._commands.detect_chip(self.port)
            esp = self._commands.run_stub(esp)
            esp.change_baud(_BAUD)
            self._commands.attach_flash(esp)
            return esp

        self._esp = self._spoken(start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._esp is not None:
            self._esp._port.close()  # noqa: SLF001  esptool has no other way to let go of the port

    def _spoken(self, act: Callable[[], Any]) -> Any:
        try:
            return tools.quietly(act)
        except (self._error, OSError, SystemExit) as error:
            said = (str(error).strip() or "no answer").splitlines()[0]
            raise NoAnswer(
                f"the chip's loader at {self.port} does not answer as it should: {said}. "
                "Hold BOOT while plugging it in and try again"
            ) from None

    def chip(self) -> Chip:
        """As in the port."""

        def ask() -> Chip:
            size = self._commands.detect_flash_size(self._esp) or ""
            megabytes = int(size.removesuffix("MB")) if size.endswith("MB") else 0
            mac = ":".join(f"{byte:02x}" for byte in self._esp.read_mac())
            return Chip(self._esp.CHIP_NAME, tuple(self._esp.get_chip_features()), megabytes << 20, mac)

        found: Chip = self._spoken(ask)
        return found

    def read(self, start: int, size: int) -> bytes:
        """As in the port."""
        content: bytes = self._spoken(
            lambda: self._commands.read_flash(self._esp, start, size, None, no_progress=True)
        )
        return content

    def erase(self) -> None:
        """As in the port."""
        self._spoken(lambda: self._commands.erase_flash(self._esp))

    def write(self, start: int, content: bytes) -> None:
        """As in the port: esptool's own check while writing, then every byte read back."""
        self._spoken(lambda: self._commands.write_flash(self._esp, [(start, content)], no_progress=True))
        if self.read(start, len(content)) != content:
            raise NotKept("the flash does not hold what was written: try another cable, then another board")

    def reset(self) -> None:
        """As in the port."""
        self._spoken(lambda: self._commands.reset_chip(self._esp, "hard-reset"))
