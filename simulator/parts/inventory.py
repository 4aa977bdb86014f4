"""What of the real parts is here, and how to get each one that is not."""

import sys
from dataclasses import dataclass
from pathlib import Path

from simulator.parts import broker, browser, influxd, interpreter, postgres
from simulator.parts.influxd import Program as InfluxProgram
from simulator.parts.postgres import Program as PostgresProgram


@dataclass(frozen=True)
class MissingPart:
    """A real part that could not be had here."""

    name: str
    why: str
    command: str
    """What a person runs to have it."""

    def __str__(self) -> str:
        """The one line in which the suite and the demo name it."""
        return f"{self.name} is missing ({self.why}); to have it: {self.command}"


@dataclass(frozen=True)
class Parts:
    """The real parts of this machine; None for one that is not here, which `missing` then explains."""

    broker: broker.Broker | None
    micropython: list[str] | None
    mpy_cross: Path | None
    chromium: Path | None
    missing: list[MissingPart]
    postgres: PostgresProgram | str | None = None
    """The program to start, or the URL of a server that is already there."""
    influxd: InfluxProgram | None = None

    def lacks(self, name: str) -> MissingPart | None:
        """The missing part called `name` (broker, interpreter, compiler, browser, postgres, influxd)."""
        return next((part for part in self.missing if part.name == name), None)


def find_parts() -> Parts:
    """Look for every part; starts nothing and fetches nothing (two programs are asked for their version)."""
    found_broker, found_browser = broker.find(), browser.find()
    found_interpreter, found_compiler = interpreter.find(), interpreter.find_compiler()
    missing = []
    if found_broker is None:
        missing.append(MissingPart("broker", "no mosquitto 2.0.11 or newer", "apt-get install mosquitto"))
    if found_interpreter is None:
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        why = f"the index has no MicroPython for Python {python} on this kind of machine"
        missing.append(MissingPart("interpreter", why, "apt-get install micropython (1.25 or newer)"))
    if found_compiler is None:
        missing.append(MissingPart("compiler", "mpy-cross does not run here", "./loquet setup"))
    if found_browser is None:
        missing.append(MissingPart("browser", "no Chromium on this machine", "apt-get install chromium"))
    found_postgres = postgres.there() or postgres.find()
    if found_postgres is None:
        missing.append(MissingPart("postgres", "no PostgreSQL to start", "./loquet setup postgres"))
    found_influxd = influxd.find()
    if found_influxd is None:
        missing.append(MissingPart("influxd", "no InfluxDB 2 to start", influxd.HOW))
    return Parts(
        found_broker,
        found_interpreter,
        found_compiler,
        found_browser,
        missing,
        postgres=found_postgres,
        influxd=found_influxd,
    )
