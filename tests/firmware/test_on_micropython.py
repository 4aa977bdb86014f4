"""The same test files that pytest runs on CPython, under the real MicroPython, against the compiled `.mpy`
files.
"""

import os
import subprocess
from pathlib import Path

import pytest

from simulator.parts.interpreter import compile_firmware, micropython_command

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tests/contract", "tests/firmware/core", "tests/firmware/drivers", "tests/firmware/services")
ONLY_CPYTHON = ("_properties", "_document")
"""Endings of files that need what only CPython has."""
SHARED = sorted(
    file
    for folder in FOLDERS
    for file in (ROOT / folder).glob("test_*.py")
    if not file.stem.endswith(ONLY_CPYTHON)
)

pytestmark = pytest.mark.interpreter


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package `firmware` as `.mpy` files."""
    target = tmp_path_factory.mktemp("device")
    compile_firmware(ROOT / "firmware", target / "firmware")
    return target


@pytest.mark.parametrize("file", SHARED, ids=lambda file: file.stem)
def test_under_micropython(file: Path, compiled: Path) -> None:
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    path = f"{compiled}:{ROOT}:.frozen"
    done = subprocess.run(
        [*micropython_command("4m"), str(ROOT / "tests/firmware/on_device.py"), module],
        env=os.environ | {"MICROPYPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
