"""mpremote and esptool, which are installed in a folder of their own and speak too much."""

import contextlib
import importlib.util
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from installation.boards.faults import ToolMissing

FOLDER = Path(__file__).resolve().parents[2] / ".loquet" / "parts" / "boards"


def make_importable() -> None:
    """Let `import mpremote` and `import esptool` work; what the environment has already comes first.
    ToolMissing.
    """
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    for name in ("mpremote", "esptool"):
        if importlib.util.find_spec(name) is None:
            raise ToolMissing(f"{name} is not there: run ./loquet setup flash")


def quietly(act: Callable[[], Any]) -> Any:
    """Run something that prints for its own command's user; what it prints is dropped."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return act()
