"""InfluxDB 2, the optional second store of telemetry: an installed `influxd`, else one built from source.

The Python index has none and Debian none of version 2, so where none is installed it is built by the Go and
cargo clients as this machine has them configured, once, into a cache outside the checkout. What the build
downloads and compiles on the way (3 GB) goes afterwards.
"""

import http.client
import json
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simulator.parts.lifetime import ending_with_us
from simulator.parts.progress import SetupError, last_words, step

VERSION = "2.7.12"
_MODULE = "github.com/influxdata/influxdb/v2"
_PKG_CONFIG = "github.com/influxdata/pkg-config@v0.2.14"
"""The vendor's wrapper: cgo asks it for the query engine's library, and it has cargo build that."""

_TAGS = "sqlite_foreign_keys,sqlite_json"
"""Without `assets`: the pages of its own need a third toolchain, and nobody looks at them here."""

ORG = "loquet"
BUCKET = "loquet"
"""What the first set-up makes; the server adds the buckets that are missing (docs/telemetry.md)."""
MINUTES_KEPT_S = 400 * 86400
_START_S = 60

TOOLS = ("go", "cargo", "gcc")
INSTALL = "install influxdb2 from its vendor, or Go, Rust and gcc to build it"
HOW = "./loquet setup influx (builds it, five minutes), or install influxdb2 from its vendor"

_RUSTC = """\
#!/bin/sh
exec "$@" --cap-lints warn
"""
"""Newer compilers know more warnings than the sources' authors did, who made each an error."""


@dataclass(frozen=True)
class Program:
    """An `influxd` that runs here."""

    program: Path
    version: str


def cache() -> Path:
    """Where a built `influxd` is kept: `$LOQUET_CACHE`, else the user's cache folder; never the checkout."""
    chosen = os.environ.get("LOQUET_CACHE")
    if chosen:
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "loquet"


def find() -> Program | None:
    """`$LOQUET_INFLUXD`, else the one on PATH, else the one built here; None if none is InfluxDB 2."""
    named = os.environ.get("LOQUET_INFLUXD")
    places = [named] if named else [shutil.which("influxd"), str(_built())]
    for place in places:
        if place and Path(place).is_file() and (version := _version(place)):
            return Program(Path(place), version)
    return None


def lacking() -> list[str]:
    """The tools that a build needs and this machine has not."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def build() -> Program:
    """The `influxd` of `find`, built first if there is none: about five minutes on two cores, 3 GB meanwhile.

    Raises SetupError with one line that says what to install or what failed; leaves nothing half done.
    """
    if (found := find()) is not None:
        return found
    if missing := lacking():
        raise SetupError(f"no influxd here, and {', '.join(missing)} to build it is missing: {INSTALL}")
    target = _built()
    target.parent.mkdir(parents=True, exist_ok=True)
    with step(f"InfluxDB {VERSION}, built from source (five minutes)"), _workshop(target.parent) as work:
        environment = _environment(work)
        _run(["go", "install", _PKG_CONFIG], work, environment)
        environment["PATH"] = f"{work / 'go' / 'bin'}{os.pathsep}{environment['PATH']}"
        _run(["go", "mod", "download", f"{_MODULE}@v{VERSION}"], work, environment)
        source = work / "modules" / f"{_MODULE}@v{VERSION}"
        _run(
            ["go", "build", "-tags", _TAGS, "-o", str(work / "influxd"), "./cmd/influxd"], source, environment
        )
        (work / "influxd").replace(target)
    found = find()
    if found is None:
        raise SetupError(f"the influxd that was built does not run here: {INSTALL}")
    return found


def _built() -> Path:
    return cache() / f"influxd-{VERSION}" / "influxd"


def _version(program: str) -> str | None:
    """Its version, None if it does not run or is not of the second generation."""
    try:
        said = subprocess.run([program, "version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = said.stdout.split()
    if words[:1] != ["InfluxDB"] or len(words) < 2:
        return None
    version = words[1].lstrip("v")
    if (
        version == "dev"
    ):  # the version is put in by the vendor's own build script; ours is known by its folder
        return VERSION
    return version if version.startswith("2.") else None


@contextmanager
def _workshop(parent: Path) -> Iterator[Path]:
    """A folder for all that a build makes. Go writes its modules read-only: they are made writable to go."""
    work = Path(tempfile.mkdtemp(dir=parent, prefix="build-"))
    try:
        yield work
    finally:
        for folder in [work, *(path for path in work.rglob("*") if path.is_dir() and not path.is_symlink())]:
            folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
        shutil.rmtree(work)


def _environment(work: Path) -> dict[str, str]:
    """The clients as configured, their caches in the workshop, and no toolchain fetched on the way."""
    wrapper = work / "rustc"
    wrapper.write_text(_RUSTC)
    wrapper.chmod(0o755)
    cargo = work / "cargo"
    cargo.mkdir()
    configured = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    for name in ("config.toml", "config", "credentials.toml"):
        if (configured / name).is_file():
            shutil.copy(configured / name, cargo / name)
    environment = {
        **os.environ,
        "GOPATH": str(work / "go"),
        "GOMODCACHE": str(work / "modules"),
        "GOCACHE": str(work / "objects"),
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "1",
        "CARGO_HOME": str(cargo),
        "RUSTC_WRAPPER": str(wrapper),
        "TMPDIR": str(work),
    }
    if shutil.which("rustup"):
        said = subprocess.run(
            ["rustup", "show", "active-toolchain"], capture_output=True, text=True, check=False
        )
        if said.stdout.split():
            environment["RUSTUP_TOOLCHAIN"] = said.stdout.split()[0]
    return environment


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = last_words(done.stdout)[:300]
        raise SetupError(f"building InfluxDB failed at `{' '.join(command[:3])}`: {said}")


class Influx:
    """A running `influxd` on 127.0.0.1, set up with one organisation; `start` makes one."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes], token: str) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.org = ORG
        self.bucket = BUCKET
        self.token = token
        self.token_file = folder / "token"
        """The token, mode 0600, as the server's settings want it."""
        self._process = process

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._process.pid

    def stop(self) -> None:
        """Ends it in order; safe to call again."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it as a power cut would (SIGKILL); `start` on the same folder and port goes on."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def start(folder: Path, port: int) -> Influx:
    """Starts InfluxDB on 127.0.0.1 with its files in `folder`; the first time it is also set up.

    Raises SetupError if there is none here, or if it does not answer; what it says is in `influxd.log`.
    """
    found = find()
    if found is None:
        raise SetupError(f"no influxd here: {INSTALL}")
    folder.mkdir(parents=True, exist_ok=True)
    files = {"--bolt-path": "influxd.bolt", "--sqlite-path": "influxd.sqlite", "--engine-path": "engine"}
    command = [str(found.program), "run", "--http-bind-address", f"127.0.0.1:{port}"]
    for option, name in files.items():
        command += [option, str(folder / name)]
    command += ["--reporting-disabled", "--pprof-disabled", "--log-level", "warn"]
    with (folder / "influxd.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            preexec_fn=ending_with_us(signal.SIGTERM),
        )
    try:
        _await_health(process, port)
        token = _token(folder, port)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return Influx(folder, port, process, token)


def _await_health(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SetupError(f"influxd ended with status {process.returncode} at once: see its influxd.log")
        try:
            if _ask(port, "/health").get("status") == "pass":
                return
        except OSError:
            time.sleep(0.05)
    raise SetupError(f"influxd did not answer within {_START_S} s: see its influxd.log")


def _token(folder: Path, port: int) -> str:
    """The token of the first set-up, kept beside the files that it opens."""
    kept = folder / "token"
    if kept.is_file():
        return kept.read_text(encoding="ascii").strip()
    token = secrets.token_urlsafe(48)
    asked = {
        "username": "loquet",
        "password": secrets.token_urlsafe(24),
        "org": ORG,
        "bucket": BUCKET,
        "retentionPeriodSeconds": MINUTES_KEPT_S,
        "token": token,
    }
    _ask(port, "/api/v2/setup", asked)
    with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token + "\n")
    return token


def _ask(port: int, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
    # Not urllib: it would send even this to a proxy that the environment names.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        content = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, content)
        answer = connection.getresponse()
        text = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError("influxd does not speak HTTP yet") from error
    finally:
        connection.close()
    if answer.status >= 300 and body is not None:
        raise SetupError(f"influxd could not be set up: status {answer.status}")
    try:
        said = json.loads(text)
    except ValueError as error:
        raise ConnectionError("influxd does not answer yet") from error
    return said if isinstance(said, dict) else {}
