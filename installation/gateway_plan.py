"""What a site's box gets: gateway and broker, as one user, for the one signals the other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError

from installation import notes, places, settings_text, units
from installation.acts import ROOT, Act, MakeFolder, MakeUser, Owner, Plan, Run, WriteFile


@dataclass(frozen=True)
class Wishes:
    """What the person said: where the program is, as whom it runs, the site, its server, the address on the
    controllers' network."""

    program: str
    user: str
    site: str
    server_url: str
    tls_listen: str


@dataclass(frozen=True)
class Handover:
    """The site's secrets, as `./loquet server handover` writes them on the server."""

    file: str
    site: str
    token: str
    devices: Mapping[str, str]


def plan(wishes: Wishes, handover: Handover | None, settings: str | None, *, has_own_broker: bool) -> Plan:
    """`settings`: the text of a settings file that is there already, which stays as it is. `has_own_broker`:
    Debian's mosquitto service is there, which must not run beside ours."""
    readable = Owner("root", wishes.user)
    chosen = {"site": wishes.site, "server_url": wishes.server_url, "tls_listen": wishes.tls_listen}
    port = int(wishes.tls_listen.rpartition(":")[2])
    acts: list[Act] = [
        MakeUser(wishes.user, places.STATE),
        MakeFolder(places.SETTINGS, readable, 0o750),
        MakeFolder(places.STATE, Owner(wishes.user, wishes.user), 0o700),
        MakeFolder(places.EXAMPLES, ROOT, 0o755),
        WriteFile(places.GATEWAY_SETTINGS, settings_text.gateway(chosen), readable, 0o640, keep=True),
    ]
    if handover is not None:
        devices = json.dumps(dict(handover.devices), indent=2) + "\n"
        acts += [
            WriteFile(places.GATEWAY_TOKEN, handover.token + "\n", readable, 0o640, secret=True),
            WriteFile(places.DEVICES, devices, readable, 0o640, secret=True),
        ]
    acts += [
        _root(f"{places.UNITS}/{units.BROKER}", units.broker(wishes.program, wishes.user)),
        _root(f"{places.UNITS}/{units.GATEWAY}", units.gateway(wishes.program, wishes.user)),
        _root(
            f"{places.EXAMPLES}/nftables-gateway.conf",
            notes.gateway_firewall(_network(wishes.tls_listen), port),
        ),
        Run(["systemctl", "daemon-reload"]),
    ]
    if has_own_broker:
        acts.append(Run(["systemctl", "disable", "--now", "mosquitto.service"]))
    acts.append(Run(["systemctl", "enable", units.BROKER, units.GATEWAY]))
    return Plan(acts, [*_changes(settings, chosen), *_steps(wishes, handover)])


def _changes(settings: str | None, chosen: Mapping[str, str]) -> list[str]:
    if settings is None:
        return []
    return [
        *settings_text.differing(settings, chosen, places.GATEWAY_SETTINGS),
        *settings_text.missing(settings, _needed(settings)),
    ]


def _root(path: str, text: str) -> WriteFile:
    return WriteFile(path, text, ROOT, 0o644)


def _needed(settings: str) -> dict[str, str]:
    """All keys, but of the optional ones only those that the file names: leaving one out is no lack."""
    optional = settings_text.gateway_optional()
    return {
        name: meaning
        for name, meaning in settings_text.gateway_keys().items()
        if name not in optional or name in settings
    }


def _network(address: str) -> str:
    """The /24 around an IPv4 address, as good a guess as any; else everything, to be narrowed."""
    try:
        return str(IPv4Network((address.rpartition(":")[0], 24), strict=False))
    except (AddressValueError, NetmaskValueError):
        return "0.0.0.0/0"


def _steps(wishes: Wishes, handover: Handover | None) -> list[str]:
    program = f"{wishes.program}/loquet"
    carry = [
        f"on the server: {program} server handover {wishes.site} --out /run/{wishes.site}.json; carry"
        f" it here by a safe way and run this again with --handover /run/{wishes.site}.json"
    ]
    return [
        *(carry if handover is None else []),
        f"look through {places.GATEWAY_SETTINGS}",
        f"systemctl start {units.BROKER} {units.GATEWAY}",
        f"firewall: {places.EXAMPLES}/nftables-gateway.conf, narrowed to the controllers' network",
        f"{program} doctor gateway",
        *([] if handover is None else [f"shred -u {handover.file}"]),
    ]
