"""The private Python environment: built once, brought up to date when the pinned requirements change.

Its stamp is written last and lies inside it: an environment without one was interrupted and is built anew.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from simulator.parts import apt, scratch
from simulator.parts.places import BOARDS, PIP_WHEEL, POSTGRES, REQUIREMENTS, ROOT, STUBS, VENV, WHEELS
from simulator.parts.progress import SetupError, last_words, step

RUN = "run"
TEST = "test"
"""The two sets of pinned requirements; `test` holds all of `run` at the same versions."""

Stamp = dict[str, str]
"""What an environment was built from: the interpreter, the checkout's place, each installed set's digest."""


def wanted_stamp(sets: list[str], requirements: Path = REQUIREMENTS) -> Stamp:
    """The stamp of an environment that holds `sets`.

    The checkout's path is part of it: scripts inside an environment name it, so a moved one is built anew.
    """
    stamp = {"python": sys.version, "checkout": str(ROOT)}
    for name in sets:
        stamp[name] = hashlib.sha256((requirements / f"{name}.txt").read_bytes()).hexdigest()
    return stamp


def read_stamp(environment: Path) -> Stamp | None:
    """The stamp of `environment`; None if it was never finished or its interpreter no longer runs."""
    python = environment / "bin" / "python"
    path = environment / "loquet-stamp.json"
    if not path.is_file() or not python.exists():
        return None
    try:
        stamp = json.loads(path.read_text())
    except ValueError:
        return None
    return stamp if isinstance(stamp, dict) else None


def lacking(have: Stamp | None, want: Stamp) -> list[str] | None:
    """The sets still to be installed; None if the environment must be built from nothing."""
    if have is None or any(have.get(key) != want[key] for key in ("python", "checkout")):
        return None
    return [name for name in (RUN, TEST) if name in want and have.get(name) != want[name]]


def is_ready(sets: list[str]) -> bool:
    """Whether the environment holds `sets` as they are pinned now."""
    return lacking(read_stamp(VENV), wanted_stamp(sets)) == []


def prepare(sets: list[str]) -> None:
    """Bring the environment to `sets`. Raises SetupError; an unfinished environment is never left behind.

    One that works is not touched before all that is to go into it has been fetched: without a network the
    program of before still starts.
    """
    want = wanted_stamp(sets)
    have = read_stamp(VENV)
    missing = lacking(have, want)
    if missing == []:
        return
    fetched: list[str] = []
    if missing is not None:
        WHEELS.mkdir(parents=True, exist_ok=True)
        with step(f"fetching Python packages ({_count(missing[-1])})"):
            _pip(["download", "--dest", str(WHEELS), *_pinned(missing[-1])])
        fetched = ["--no-index", "--find-links", str(WHEELS)]
    stamp_file = VENV / "loquet-stamp.json"
    try:
        if missing is None:
            _create()
            have, missing = {}, [name for name in (RUN, TEST) if name in want]
        else:
            stamp_file.unlink()
        with step(f"Python packages ({_count(missing[-1])}, pinned with hashes)"):
            _pip(["install", *fetched, *_pinned(missing[-1])])
        # A set installed earlier is current only if the one just installed did not move its packages.
        kept = (
            {TEST: have[TEST]} if have and TEST in have and TEST not in missing and RUN not in missing else {}
        )
        _write_whole(stamp_file, {**kept, **want})
    except BaseException:
        shutil.rmtree(VENV, ignore_errors=True)
        raise
    shutil.rmtree(WHEELS, ignore_errors=True)


def _pinned(name: str) -> list[str]:
    """pip's arguments for the set `name`: exactly these files, and nothing built from source."""
    return ["--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS / f"{name}.txt")]


def stubs_are_ready() -> bool:
    """Whether the firmware's type stubs are there as pinned now."""
    stamp = STUBS / "loquet-stamp.json"
    return stamp.is_file() and json.loads(stamp.read_text()) == wanted_stamp(["stubs"])


def prepare_stubs() -> None:
    """Install the firmware's type stubs into their own folder. Raises SetupError."""
    if stubs_are_ready():
        return
    shutil.rmtree(STUBS, ignore_errors=True)
    with step("type stubs of the firmware's platform"):
        _pip(
            [
                "install",
                "--require-hashes",
                "--no-deps",
                "--target",
                str(STUBS),
                "-r",
                str(REQUIREMENTS / "stubs.txt"),
            ]
        )
    _write_whole(STUBS / "loquet-stamp.json", wanted_stamp(["stubs"]))


def boards_are_ready() -> bool:
    """Whether the tools that speak to boards are there as pinned now."""
    stamp = BOARDS / "loquet-stamp.json"
    return stamp.is_file() and json.loads(stamp.read_text()) == wanted_stamp(["boards"])


def prepare_boards() -> None:
    """Install the tools that speak to boards into their own folder. Raises SetupError.

    Some of them come as sources only: pure Python, built by pip, with hashes all the same.
    """
    if boards_are_ready():
        return
    shutil.rmtree(BOARDS, ignore_errors=True)
    with step("the tools that speak to boards (esptool, mpremote)"):
        _pip(
            [
                "install",
                "--require-hashes",
                "--target",
                str(BOARDS),
                "-r",
                str(REQUIREMENTS / "boards.txt"),
            ]
        )
    _write_whole(BOARDS / "loquet-stamp.json", wanted_stamp(["boards"]))


def postgres_is_ready() -> bool:
    """Whether the PostgreSQL server is there as pinned now."""
    stamp = POSTGRES / "loquet-stamp.json"
    return stamp.is_file() and json.loads(stamp.read_text()) == wanted_stamp(["postgres"])


def prepare_postgres() -> None:
    """Install the PostgreSQL server into its own folder. Raises SetupError."""
    if postgres_is_ready():
        return
    shutil.rmtree(POSTGRES, ignore_errors=True)
    with step("PostgreSQL"):
        _pip(
            [
                "install",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--target",
                str(POSTGRES),
                "-r",
                str(REQUIREMENTS / "postgres.txt"),
            ]
        )
    _write_whole(POSTGRES / "loquet-stamp.json", wanted_stamp(["postgres"]))


def _create() -> None:
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    if find_spec("venv") is None:
        raise SetupError(
            "this Python has no venv module: install the package python3-venv and run this again"
        )
    if find_spec("ensurepip") is not None:
        with step(f"private environment (Python {sys.version.split()[0]})"):
            _python([sys.executable, "-m", "venv", str(VENV)], "making the private environment")
        return
    if not any(PIP_WHEEL.glob("usr/share/python-wheels/pip-*.whl")):
        if not apt.available():
            raise SetupError("this Python has no pip: install the package python3-venv and run this again")
        with step("pip, from the distribution's python3-pip-whl"):
            try:
                apt.unpack("python3-pip-whl", PIP_WHEEL)
            except apt.AptError as error:
                raise SetupError(f"install the package python3-venv and run this again ({error})") from error
    wheel = max(PIP_WHEEL.glob("usr/share/python-wheels/pip-*.whl"))
    with step(f"private environment (Python {sys.version.split()[0]})"):
        _python([sys.executable, "-m", "venv", "--without-pip", str(VENV)], "making the private environment")
        _pip(["install", "--no-index", "--no-deps", str(wheel)], pip_from=wheel)


def _count(name: str) -> int:
    """How many packages a set pins; a marker's `==` is no pin."""
    return len(re.findall(r"^[^\s#]+==", (REQUIREMENTS / f"{name}.txt").read_text(), re.M))


def _pip(arguments: list[str], pip_from: Path | None = None) -> None:
    command = [str(VENV / "bin" / "python"), "-m", "pip", "--quiet", *arguments]
    try:
        _python(command, "installing the Python packages", {"PYTHONPATH": str(pip_from)} if pip_from else {})
    except SetupError as error:
        # pip's last word is "no matching distribution" also where it reached no index at all.
        raise SetupError(f"{error} (is the Python package index reachable from here?)") from error


def _python(command: list[str], doing: str, extra: dict[str, str] | None = None) -> None:
    # A person's own settings for pip must not send packages elsewhere than into the environment.
    kept = {
        key: value for key, value in os.environ.items() if key not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")
    }
    settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", **(extra or {})}
    with scratch.folder() as temporary:
        done = subprocess.run(
            command,
            env={**kept, **settings, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise SetupError(f"{doing} failed: {last_words(done.stdout, 'ERROR:')}")


def _write_whole(path: Path, stamp: Stamp) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(stamp, indent=1))
    temporary.rename(path)
