"""The secrets file: what setup made for gateways, controllers and shops. Mode 0600; what it holds already
is kept."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from server.foundation import refusals
from server.foundation.errors import ConfigurationError
from server.sitefile.document import SiteFile

_TABLES = ("gateways", "controllers", "shops")


class ControllerSecrets(TypedDict):
    """One controller's: `key` seals and codes, `psk` the broker's TLS; hex of 32 bytes each."""

    key: str
    psk: str


class Secrets(TypedDict):
    """The whole file."""

    gateways: dict[str, str]
    controllers: dict[str, ControllerSecrets]
    shops: dict[str, str]
    webhook_secret: str


def _load(path: Path) -> Secrets:
    if not path.exists():
        return {"gateways": {}, "controllers": {}, "shops": {}, "webhook_secret": ""}
    refusals.refuse_open(path, "all secrets")
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON; move it away and set up again") from error
    if not isinstance(loaded, dict) or any(not isinstance(loaded.get(key), dict) for key in _TABLES):
        raise ConfigurationError(f"{path} holds no secrets of ours; move it away and set up again")
    found: Secrets = loaded  # type: ignore[assignment]
    return found


def complete(path: Path, site_file: SiteFile, token: Callable[[], str], webhook_secret: str) -> Secrets:
    """The secrets for everything in the site file: those there already, and new ones; written if anything
    was missing."""
    secrets = _load(path)
    before = json.dumps(secrets)
    for site in site_file.sites:
        secrets["gateways"].setdefault(site.id, token())
        for controller in site.controllers:
            if controller.id not in secrets["controllers"]:
                secrets["controllers"][controller.id] = {"key": token(), "psk": token()}
    for shop in site_file.shops:
        secrets["shops"].setdefault(shop.id, token())
    secrets["webhook_secret"] = webhook_secret
    if json.dumps(secrets) != before:
        _write(path, secrets)
    return secrets


def _write(path: Path, secrets: Secrets) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(secrets, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
