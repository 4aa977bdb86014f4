"""Settings that contradict each other, or would give a secret away: refused at start, each with one line that
says what to write instead and shows no secret.
"""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.settings import Settings

OTHERS = 0o007
"""The bits of a mode that let everybody on the machine in."""


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    return host in ("localhost", "::1", "[::1]") or host.startswith("127.")


def refuse_open(path: Path, what: str) -> None:
    """Raises SettingsError if everybody on the machine may read or change a file with a secret, OSError if it
    is not there.
    """
    if path.stat().st_mode & OTHERS:
        raise SettingsError(f"{path} holds {what} and everybody may read it: chmod o= {path}")


def check(settings: "Settings", path: Path) -> None:
    """Raises SettingsError with the first thing that cannot be, about the settings read from `path`."""
    for said in (*_server(settings.server_url), *_listeners(settings), *_files(settings)):
        raise SettingsError(f"{path}: {said}")


def _server(text: str) -> Iterator[str]:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        yield "server_url must be https://HOST"
        return
    if url.username is not None or url.query or url.fragment:
        yield "server_url must hold neither a name, nor a question, nor a #: the token has a file of its own"
    if url.scheme == "http" and not is_loopback(url.hostname):
        yield "server_url must be https: the gateway's token would cross the network in the clear"


def _listeners(settings: "Settings") -> Iterator[str]:
    for key, address in (("broker", settings.broker), ("broker_listen", settings.broker_listen)):
        if not is_loopback(address.host):
            yield f"{key} must be a loopback address: the gateway's password would cross the network"
    if settings.tls_listen.port in (settings.broker.port, settings.broker_listen.port):
        yield "tls_listen and the gateway's listener are the same port"
    if _is_public(settings.tls_listen.host):
        yield "tls_listen must be an address of the site's own network, not of the internet"
    url = urlsplit(settings.server_url)
    ports = (settings.broker.port, settings.broker_listen.port, settings.tls_listen.port)
    if is_loopback(url.hostname or "") and url.port in ports:
        yield "server_url and the broker are the same port"


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return False  # a name: whoever resolves it knows


def _files(settings: "Settings") -> Iterator[str]:
    """A generated file must not be written over another."""
    kept = {
        "token_file": settings.token_file,
        "store": settings.store,
        "broker_pid_file": settings.broker_pid_file,
        "devices_file": settings.devices_file,
    }
    seen: dict[Path, str] = {}
    for key, file in kept.items():
        if file in seen:
            yield f"{key} and {seen[file]} are the same file"
        seen[file] = key
