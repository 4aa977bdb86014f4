"""On what machine, with which versions: what a figure is worth nothing without."""

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from simulator.parts import broker, interpreter

PACKAGES = (
    "paho-mqtt",
    "fastapi",
    "uvicorn",
    "pydantic",
    "sqlalchemy",
    "psycopg",
    "httpx",
    "influxdb-client",
)


def machine(stores: Path) -> dict[str, str]:
    """Processor, cores, memory, kernel, and the file system on which the stores of this run lie."""
    return {
        "processor": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": f"{_memory_gib():.0f} GiB",
        "system": f"{_distribution()}, {platform.system()} {platform.release()}",
        "file system of the stores": _file_system(stores),
    }


def versions() -> dict[str, str]:
    """Of the programs and packages that the lines stand on, and the state of this checkout."""
    found = {"Loquet": _commit(), "Python": platform.python_version(), "SQLite": _sqlite()}
    mosquitto = broker.find()
    if mosquitto is not None:
        found["mosquitto"] = ".".join(map(str, mosquitto.version))
    micropython = interpreter.find()
    if micropython is not None:
        script = "import sys; print(sys.version.split('; ')[-1])"
        found["MicroPython"] = _said([*micropython, "-c", script])
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.platform())
    except OSError:
        return platform.platform()


def _file_system(path: Path) -> str:
    """Type of the file system that holds `path`: the longest mount point above it."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    best, kind = "", "unknown"
    for line in mounts.read_text().splitlines():
        _, point, found, *_ = line.split()
        if path.resolve().is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind


def _sqlite() -> str:
    try:
        from pysqlite3 import dbapi2

        return f"{dbapi2.sqlite_version} (server), {sqlite3.sqlite_version} (gateway)"
    except ImportError:
        return sqlite3.sqlite_version


def _commit() -> str:
    head = _said(["git", "rev-parse", "--short", "HEAD"])
    changed = _said(["git", "status", "--porcelain", "--untracked-files=no"])
    return f"{head or 'no repository'}{' and changes not committed' if changed else ''}"


def _said(command: list[str]) -> str:
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
