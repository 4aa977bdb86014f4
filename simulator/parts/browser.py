"""Chromium, for the tests that look at pages: the system's own; never downloaded, never for the demo."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
"""For a closed machine: Chromium refuses root its own sandbox, and needs a large /dev/shm otherwise."""


def find(path: str | None = None) -> Path | None:
    """The first Chromium of `path` (default: PATH), to be given to playwright as `executable_path`."""
    for name in NAMES:
        program = shutil.which(name, path=path if path is not None else os.environ.get("PATH", os.defpath))
        if program is not None:
            return Path(program)
    return None
