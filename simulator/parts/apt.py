"""Debian packages unpacked into a private folder, as any user, with nothing installed on the system.

`apt-get download` and `dpkg -x` need no privilege, only package lists. Where the system has none (a minimal
image) or stale ones, private lists are fetched and deleted again: they take about 160 MB.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.parts import scratch
from simulator.parts.progress import SetupError

_TO_INSTALL = re.compile(r"^Inst (\S+) \(")
"""A line of `apt-get --simulate install`; a package to be upgraded has its old version in brackets there."""


class AptError(SetupError):
    """apt can't bring a package here; the text says which and why."""


def available() -> bool:
    """Whether this system has apt and dpkg at all."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg") is not None


def unpack(package: str, destination: Path) -> None:
    """Unpack `package` and whatever of its dependencies the system lacks, as a tree under `destination`.

    Either all of it is at `destination` afterwards or nothing is. Raises AptError.
    """
    if not available():
        raise AptError(
            f"this system has no apt: install {package} with its own package tool and run this again"
        )
    with scratch.folder() as work:
        packages = work / "packages"
        packages.mkdir()
        try:
            _download(package, [], packages)
        except AptError:
            with _private_lists(work) as options:
                _download(package, options, packages)
        tree = work / "tree"
        for archive in sorted(packages.glob("*.deb")):
            _run(["dpkg", "-x", str(archive), str(tree)], f"unpacking {archive.name}")
        shutil.rmtree(destination, ignore_errors=True)
        destination.parent.mkdir(parents=True, exist_ok=True)
        tree.rename(destination)


def _download(package: str, options: list[str], into: Path) -> None:
    plan = _run(
        ["apt-get", *options, "--simulate", "--no-install-recommends", "install", package],
        f"looking for {package}",
    )
    wanted = [match[1] for line in plan.splitlines() if (match := _TO_INSTALL.match(line))]
    if package not in wanted:
        wanted.append(package)
    _run(["apt-get", *options, "download", *wanted], f"downloading {package}", cwd=into)


@contextmanager
def _private_lists(work: Path) -> Iterator[list[str]]:
    lists, cache = work / "lists", work / "cache"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    options = [
        "-o", f"Dir::State::lists={lists}",
        "-o", f"Dir::Cache={cache}",
        "-o", "Acquire::Languages=none",
    ]  # fmt: skip
    _run(["apt-get", *options, "update"], "fetching the package lists")
    try:
        yield options
    finally:
        shutil.rmtree(lists)
        shutil.rmtree(cache)


def _run(command: list[str], doing: str, cwd: Path | None = None) -> str:
    if os.geteuid() == 0:
        # apt would fetch as user _apt, who may not enter the checkout's folder.
        command = (
            [command[0], "-o", "APT::Sandbox::User=root", *command[1:]]
            if command[0] == "apt-get"
            else command
        )
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        complaint = [
            line for line in done.stderr.splitlines() if line.startswith("E:")
        ] or done.stderr.splitlines()
        reason = " ".join(complaint[-1:]) or "no reason given"
        raise AptError(f"{doing} failed: {reason}; are the distribution's servers reachable from here?")
    return done.stdout
