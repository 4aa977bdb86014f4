"""Who a board will be: the site file says which controller, the secrets file gives it its keys."""

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path

from hardware.board import BOARD_NAMES
from installation.boards.faults import BadIdentity
from server.foundation.errors import ConfigurationError
from server.sitefile import document

_HOST = re.compile(r"^(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*$")
_HEX = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class Person:
    """A controller's identity. `content` is `/data/identity.json` and holds keys: never print it."""

    site: str
    device: str
    board: str
    content: bytes
    probes: tuple[str, ...] = ()
    """ROM ids that the site file gives this controller."""

    def __repr__(self) -> str:
        return f"Person({self.site}/{self.device}, {self.board})"


def _address(gateway: str) -> tuple[str, int]:
    host, colon, port = gateway.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadIdentity(f"{gateway!r} is no address of a gateway: write HOST:PORT, as 192.168.1.10:8884")
    try:
        if ipaddress.ip_address(host).version == 4:
            return host, int(port)
    except ValueError:
        if _HOST.match(host) and not host.replace(".", "").isdigit():
            return host, int(port)
    raise BadIdentity(f"{host!r} is neither an IPv4 address nor a host's name")


def _private(path: Path, what: str) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadIdentity(f"{path}, {what}, can't be read: {error}") from None
    if mode & 0o077:
        raise BadIdentity(f"others may read {path}, {what}: chmod 600 {path}")
    return text


def _keys(path: Path, device: str) -> tuple[str, str]:
    try:
        secrets = json.loads(_private(path, "the secrets"))
        own = secrets["controllers"][device]
        psk, key = str(own["psk"]), str(own["key"])
    except (ValueError, KeyError, TypeError):
        raise BadIdentity(
            f"{path} has no keys of {device}: run server setup with the same site file first"
        ) from None
    if not _HEX.match(psk) or not _HEX.match(key) or psk == key:
        raise BadIdentity(f"the keys of {device} in {path} are not two of 32 bytes in hex")
    return psk, key


def identify(
    site_path: Path, device: str, secrets: Path, gateway: str, wifi: tuple[str, Path] | None = None
) -> Person:
    """The identity of `device`. `wifi` is a network's name and the file that holds its key. BadIdentity."""
    try:
        site_file = document.read(site_path)
    except (ConfigurationError, OSError) as error:
        raise BadIdentity(str(error)) from None
    found = [(site.id, c) for site in site_file.sites for c in site.controllers if c.id == device]
    if not found:
        known = sorted(c.id for site in site_file.sites for c in site.controllers)
        raise BadIdentity(f"{site_path} has no controller {device!r}; it has {', '.join(known)}")
    site, controller = found[0]
    if controller.board not in BOARD_NAMES:
        raise BadIdentity(
            f"{device} hangs on a board {controller.board!r}; there are {', '.join(BOARD_NAMES)}"
        )
    host, port = _address(gateway)
    psk, key = _keys(secrets, device)
    content: dict[str, str | int] = {
        "site": site,
        "device": device,
        "board": controller.board,
        "broker_host": host,
        "broker_port": port,
        "psk": psk,
        "key": key,
    }
    if wifi is not None:
        name, key_file = wifi
        content |= {"wifi_ssid": name, "wifi_key": _private(key_file, "the radio network's key").strip()}
    probes = tuple(rom for zone in controller.zones for rom in zone.probes)
    return Person(site, device, controller.board, json.dumps(content, sort_keys=True).encode(), probes)
