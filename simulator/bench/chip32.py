"""A 32-bit MicroPython with single floats, whose objects have the sizes and blocks of the chip's, with the
firmware and the simulator's stand-ins frozen in: built from the distribution's own source package.

Nothing is installed on the system: the compiler's 32-bit parts are unpacked beside the build, and the program
is linked statically. Release 1.25 has no TLS with pre-shared keys, so this one has no TLS at all: `tls` is a
stand-in that hands the socket back, and it meets a listener without TLS.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.bench.line import NotHereError
from simulator.parts import apt, scratch
from simulator.parts.places import PARTS, ROOT

FOLDER = PARTS / "micropython32"
RELEASE = "trixie"
PROGRAM = FOLDER / "build" / "micropython"
STAND_INS = ROOT / "simulator" / "boards"
NOT_FROZEN = {"__init__", "make_flash"}

_TLS = '''\
"""No TLS: this interpreter has none with pre-shared keys."""

PROTOCOL_TLS_CLIENT = 2
CERT_NONE = 0


class SSLContext:
    def __init__(self, protocol):
        self.verify_mode = CERT_NONE

    def wrap_socket(self, sock, do_handshake_on_connect=True):
        return sock
'''


def prepare(say: Callable[[str], None]) -> Path:
    """The program with the firmware of this checkout; built if its content has changed. NotHereError."""
    key = _content()
    stamp = FOLDER / "built-from"
    if PROGRAM.exists() and stamp.exists() and stamp.read_text() == key:
        return PROGRAM
    if shutil.which("gcc") is None or shutil.which("make") is None:
        raise NotHereError("no C compiler here: apt-get install gcc make")
    try:
        _fetch(say)
    except apt.AptError as error:
        raise NotHereError(f"the source package or 32-bit parts can't be had: {error}") from error
    say("  building the 32-bit MicroPython with the firmware frozen in …")
    _build()
    stamp.write_text(key)
    return PROGRAM


def _content() -> str:
    digest = hashlib.sha256(_TLS.encode())
    for folder in (ROOT / "firmware", STAND_INS):
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _fetch(say: Callable[[str], None]) -> None:
    if not (FOLDER / "toolchain").exists():
        say("  fetching the compiler's 32-bit parts …")
        apt.unpack("gcc-multilib", FOLDER / "toolchain")
    if not (FOLDER / "source").exists():
        say(f"  fetching MicroPython's source package of Debian {RELEASE} …")
        with scratch.folder() as work, _lists(work) as options:
            _run(
                ["apt-get", *options, "source", "--download-only", "micropython"], work, "the source package"
            )
            archive = next(work.glob("micropython_*.orig.tar.*"), None)
            if archive is None:
                raise NotHereError("the source package brought no archive")
            _run(["tar", "-xf", str(archive)], work, "unpacking the source")
            tree = next(
                path for path in work.iterdir() if path.is_dir() and path.name.startswith("micropython")
            )
            # The makefile looks for micropython-lib, of which nothing is used, by its read-me.
            (tree / "README.md").touch()
            shutil.move(tree, FOLDER / "source")


@contextmanager
def _lists(work: Path) -> Iterator[list[str]]:
    """Source lists of the newer release, from the server that this system's own lists name."""
    lists, cache, listed = work / "lists", work / "cache", work / "sources.list"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    listed.write_text(f"deb-src [signed-by={keyring}] {_server()} {RELEASE} main\n")
    options = [
        "-o", f"Dir::Etc::sourcelist={listed}",
        "-o", "Dir::Etc::sourceparts=-",
        "-o", f"Dir::State::lists={lists}",
        "-o", f"Dir::Cache={cache}",
        "-o", "Acquire::Languages=none",
    ]  # fmt: skip
    if os.geteuid() == 0:
        options += ["-o", "APT::Sandbox::User=root"]
    _run(["apt-get", *options, "update"], work, "the package lists")
    try:
        yield options
    finally:
        shutil.rmtree(lists)
        shutil.rmtree(cache)


def _server() -> str:
    """The address from which this system has its own packages."""
    for path in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        for line in path.read_text().splitlines():
            if line.startswith("URIs:") and line.rstrip("/").endswith("/debian"):
                return line.split()[1]
    old = Path("/etc/apt/sources.list")
    for line in old.read_text().splitlines() if old.exists() else []:
        words = line.split()
        if words[:1] == ["deb"] and words[-3].rstrip("/").endswith("/debian"):
            return words[-3]
    raise NotHereError("this system's package lists name no Debian server")


def _manifest() -> Path:
    frozen = FOLDER / "frozen"
    shutil.rmtree(frozen, ignore_errors=True)
    frozen.mkdir()
    (frozen / "tls.py").write_text(_TLS)
    lines = ['include("$(MPY_DIR)/extmod/asyncio")', f'module("tls.py", base_path="{frozen}", opt=2)']
    lines += [
        f'module("{path.name}", base_path="{STAND_INS}", opt=2)'
        for path in sorted(STAND_INS.glob("*.py"))
        if path.stem not in NOT_FROZEN
    ]
    lines.append(f'package("firmware", base_path="{ROOT}", opt=2)')
    manifest = frozen / "manifest.py"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def _build() -> None:
    source, tree = FOLDER / "source", FOLDER / "toolchain" / "usr"
    compiler = "x86_64-linux-gnu"
    versions = sorted((tree / "lib" / "gcc" / compiler).glob("*/32"))
    if not versions:
        raise NotHereError("the compiler's 32-bit parts are not of this kind of machine")
    inner, libraries = versions[-1], tree / "lib32"
    wide = (
        f"gcc -m32 -static -B{inner} -B{libraries} -L{libraries} -L{inner} -isystem /usr/include/{compiler} "
        f"-isystem {tree}/include/{compiler} -isystem {tree}/include"
    )
    jobs = f"-j{os.cpu_count() or 1}"
    _run(["make", "-C", str(source / "mpy-cross"), jobs, "CFLAGS_EXTRA=-Wno-error"], source, "mpy-cross")
    _run(
        [
            "make",
            "-C",
            str(source / "ports" / "unix"),
            jobs,
            "MICROPY_FORCE_32BIT=1",
            "MICROPY_PY_FFI=0",
            "MICROPY_PY_BTREE=0",
            "MICROPY_PY_SSL=0",
            f"MPY_LIB_DIR={source}",
            f"FROZEN_MANIFEST={_manifest()}",
            f"CC={wide}",
            "CFLAGS_EXTRA=-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_FLOAT -Wno-error",
            f"BUILD={FOLDER / 'build'}",
        ],
        source,
        "MicroPython",
    )


def _run(command: list[str], folder: Path, what: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
        raise NotHereError(f"{what}: {' '.join(words[-2:])[-300:]}")
