"""The MQTT broker, mosquitto: the system's own, else a private copy of the distribution's package.

Never as a service, never with the system's configuration. Two habits of mosquitto that callers must know:

* started as root it becomes user `nobody`, who can't read files under a 0700 home: configurations written for
  root say `user root` (see `configuration_user`);
* Debian's package, when installed, starts a service on port 1883: which is why nothing here installs it.
"""

import getpass
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from simulator.parts import apt
from simulator.parts.places import BROKER
from simulator.parts.progress import step

OLDEST = (2, 0, 11)
"""Older ones lack what the generated configuration uses; 2.0.11 is Debian 12's."""

_WRAPPER = """\
#!/bin/sh
here=$(dirname -- "$0")
for folder in "$here"/tree/usr/lib "$here"/tree/usr/lib/*-linux-* "$here"/tree/lib/*-linux-*; do
    [ -d "$folder" ] && LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "$here/tree/%s" "$@"
"""
_PROGRAMS = {"mosquitto": "usr/sbin/mosquitto", "mosquitto_passwd": "usr/bin/mosquitto_passwd"}


@dataclass(frozen=True)
class Broker:
    """A mosquitto that runs here."""

    program: Path
    passwd: Path
    """`mosquitto_passwd`, which hashes the passwords of a password file."""
    version: tuple[int, int, int]


def find() -> Broker | None:
    """The system's mosquitto (an ordinary user's PATH may not show it), else the private one, else None."""
    path = os.pathsep.join(
        [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"]
    )
    for place in (path, str(BROKER)):
        program, passwd = shutil.which("mosquitto", path=place), shutil.which("mosquitto_passwd", path=place)
        if program and passwd and (version := _version(program)) and version >= OLDEST:
            return Broker(Path(program), Path(passwd), version)
    return None


def prepare() -> None:
    """Fetch a private mosquitto if there is none. Raises apt.AptError."""
    if find() is not None:
        return
    with step("broker, from the distribution's mosquitto"):
        shutil.rmtree(BROKER, ignore_errors=True)
        apt.unpack("mosquitto", BROKER / "tree")
        for name, inside in _PROGRAMS.items():
            wrapper = BROKER / name
            wrapper.write_text(_WRAPPER % inside)
            wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        if find() is None:
            raise apt.AptError(
                "the distribution's mosquitto does not run here: install the package mosquitto"
            )


def broker_command(configuration: Path) -> list[str]:
    """The command of a broker with `configuration`: the process started is the broker, in the foreground.

    Raises LookupError if there is no broker here (`prepare` or `find_parts` say so earlier and better).
    """
    found = find()
    if found is None:
        raise LookupError("no mosquitto here: run ./loquet setup")
    return [str(found.program), "-c", str(configuration)]


def configuration_user() -> str:
    """The value of `user` in a configuration: whoever starts it, so that it can read what they wrote."""
    return "root" if os.geteuid() == 0 else getpass.getuser()


def _version(program: str) -> tuple[int, int, int] | None:
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    words = said.split()
    if words[:2] != ["mosquitto", "version"]:
        return None
    numbers = words[2].split(".")
    return (int(numbers[0]), int(numbers[1]), int(numbers[2])) if len(numbers) == 3 else None
