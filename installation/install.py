"""`./loquet server install` and `./loquet gateway install`: reads what is there, plans, carries out."""

import json
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware.contract import topics
from installation import gateway_plan, machine, places, server_plan, units
from installation.acts import Plan
from installation.errors import InstallationError
from installation.gateway_plan import Handover
from installation.machine import Machine

EXAMPLE = "https://loquet.example.org"
KEEP = 14
_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ProtectHome= hides from the services."""


@dataclass(frozen=True)
class How:
    """Of both installations: where the program is on the machine, as whom it runs, into which folder (None:
    this machine), and whether to show only."""

    program: str
    user: str
    root: Path | None
    dry: bool


def server(how: How, base_url: str | None, keep: int | None) -> Iterator[str]:
    """Installs the server; yields lines. What is None is as an earlier installation has it. Raises
    InstallationError."""
    where = _machine(how)
    settings = _text(where, places.SERVER_SETTINGS)
    address = _address("--base-url", base_url, settings, "base_url")
    if keep is None:  # or a second run would have the next night throw backups away
        keep = units.kept_by(_text(where, f"{places.UNITS}/{units.BACKUP}") or "") or KEEP
    wishes = server_plan.Wishes(how.program, how.user, address, keep)
    yield from _carry_out(_planned(lambda: server_plan.plan(wishes, settings)), where, how)


def gateway(
    how: How, site: str, server_url: str | None, tls_listen: str, handover: Path | None
) -> Iterator[str]:
    """Installs a site's box; yields lines. What is None is as an earlier installation has it. Raises
    InstallationError."""
    where = _machine(how)
    settings = _text(where, places.GATEWAY_SETTINGS)
    address = _address("--server-url", server_url, settings, "server_url")
    secrets = None if handover is None else read_handover(handover)
    if secrets is not None and secrets.site != site:
        raise InstallationError(f"{handover} is for the site {secrets.site}, not for {site}")
    if not topics.is_id(site):
        raise InstallationError(f"{site} can't be a site's id: 1 to 32 of a-z, 0-9 and -")
    host, _, port = tls_listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InstallationError(f"--tls-listen {tls_listen} must be ADDRESS:PORT")
    if not where.inside(places.MOSQUITTO).exists() and not how.dry:
        raise InstallationError("the broker is missing: apt-get install mosquitto, then this again")
    wishes = gateway_plan.Wishes(how.program, how.user, site, address, tls_listen)
    unit = where.inside("/lib/systemd/system/mosquitto.service")
    plan = _planned(lambda: gateway_plan.plan(wishes, secrets, settings, has_own_broker=unit.exists()))
    yield from _carry_out(plan, where, how)


def _address(option: str, given: str | None, settings: str | None, key: str) -> str:
    """What was asked for, else what the settings that are there say, else an example. It goes into settings
    and into the proxy's example: an address and nothing else."""
    if given is None:
        try:
            there = tomllib.loads(settings or "").get(key)
        except tomllib.TOMLDecodeError as error:
            raise InstallationError(f"the settings file that is there is not TOML: {error}") from error
        return there if isinstance(there, str) and there else EXAMPLE
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", given):
        raise InstallationError(f"{option} {given} must be like {EXAMPLE}")
    return given.rstrip("/")


def read_handover(path: Path) -> Handover:
    """The site's secrets in a file. Raises InstallationError; no message shows one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        site, token, devices = found["site"], found["token"], found["devices"]
    except OSError as error:
        raise InstallationError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InstallationError(f"{path} is not what ./loquet server handover writes") from error
    if not isinstance(site, str) or not isinstance(token, str) or not isinstance(devices, dict):
        raise InstallationError(f"{path} is not what ./loquet server handover writes")
    return Handover(str(path), site, token, devices)


def _machine(how: How) -> Machine:
    # To look at what would be done is everybody's right, and needs no folder of an image to be written.
    where = machine.seen(how.root) if how.dry else machine.look(how.root)
    if how.root is None and not how.dry:
        refuse_unreachable(Path(how.program))
    return where


def refuse_unreachable(program: Path) -> None:
    """Raises InstallationError if the services could not read or run the program where it is."""
    if not (program / "loquet").is_file():
        raise InstallationError(f"there is no checkout of Loquet in {program}")
    if any(program.is_relative_to(hidden) for hidden in _HIDDEN):
        raise InstallationError(
            f"{program} is hidden from services: clone it to /opt/loquet and run /opt/loquet/loquet instead"
        )
    python = program / ".loquet" / "venv" / "bin" / "python"
    if not python.parent.is_dir():
        raise InstallationError(f"{program} was never set up: {program}/loquet setup server, then this again")
    for path in (python.parent, *python.parent.parents):
        if not path.stat().st_mode & stat.S_IXOTH:
            raise InstallationError(f"{path} can't be entered by a service: chmod -R a+rX {program}")


def _text(where: Machine, path: str) -> str | None:
    file = where.inside(path)
    try:
        return file.read_text(encoding="utf-8") if file.exists() else None
    except PermissionError:  # a dry run by somebody who may not look
        return None


def _planned(make: Callable[[], Plan]) -> Plan:
    try:
        return make()
    except tomllib.TOMLDecodeError as error:
        raise InstallationError(f"the settings file that is there is not TOML: {error}") from error


def _carry_out(plan: Plan, where: Machine, how: How) -> Iterator[str]:
    if how.dry:
        yield "This would be done (made, set, kept, as is; left: by you):"
    yield from machine.carry_out(plan, where, dry=how.dry)
    yield "Now, by you:"
    if not how.dry and not where.privileged:
        yield f"  give {where.root} its owners as shown in brackets, and make the user {how.user}"
    if not how.dry and not where.live:
        yield "  no systemd runs here: once it does, systemctl daemon-reload, and systemctl enable as above"
    for step in plan.next_steps:
        yield f"  {step}"
