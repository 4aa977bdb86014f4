"""The gateway's settings: one TOML file (docs/interfaces.md section 1)."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from firmware.contract import topics
from gateway import refusals
from gateway.errors import SettingsError

_PATHS = ("token_file", "store", "broker_dir", "broker_pid_file", "devices_file")
_REQUIRED = ("site", "server_url", *_PATHS, "broker", "tls_listen")
_OPTIONAL = ("persist_dir", "broker_listen", "server_ca_file")


@dataclass(frozen=True)
class Address:
    """A host and a port."""

    host: str
    port: int


@dataclass(frozen=True)
class Settings:
    """All of them. Paths in the file are relative to its folder."""

    site: str
    server_url: str
    token_file: Path
    store: Path
    """The one SQLite file."""
    broker: Address
    """Where the gateway finds its broker."""
    broker_listen: Address
    """The broker's listener for the gateway, for this host alone; the same unless something stands between.
    """
    broker_dir: Path
    """Folder of the generated broker files."""
    tls_listen: Address
    """The devices' listener (TLS with a pre-shared key each)."""
    broker_pid_file: Path
    devices_file: Path
    """JSON `{device: psk in hex}`."""
    persist_dir: Path
    """Folder of what the gateway made itself: its password at the broker, the list of revoked devices."""
    server_ca_file: Path | None
    """Authorities (PEM, one or several) of a server whose certificate no public one has signed."""

    def token(self) -> str:
        """The bearer token for the server. Raises SettingsError."""
        try:
            refusals.refuse_open(self.token_file, "the gateway's token")
            token = self.token_file.read_text().strip()
        except UnicodeDecodeError as error:
            raise SettingsError(f"the token file {self.token_file} holds no token") from error
        except OSError as error:
            raise SettingsError(
                f"the token file {self.token_file} can't be read: {error.strerror}"
            ) from error
        if not token or not token.isascii() or any(char.isspace() for char in token):
            raise SettingsError(f"the token file {self.token_file} holds no token")
        return token


def read(path: Path) -> Settings:
    """The settings in a file. Raises SettingsError, naming the file and the key."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"the settings file {path} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {path} is not TOML: {error}") from error
    for key in table:
        if key not in _REQUIRED and key not in _OPTIONAL:
            raise SettingsError(f"{path}: unknown setting {key}")
    values: dict[str, str] = {}
    for key in _REQUIRED:
        value = table.get(key)
        if not isinstance(value, str) or not value:
            raise SettingsError(f"{path}: the setting {key} is missing")
        values[key] = value
    for key in _OPTIONAL:
        if key in table and (not isinstance(table[key], str) or not table[key]):
            raise SettingsError(f"{path}: {key} must be text")
    if not topics.is_id(values["site"]):
        raise SettingsError(f"{path}: site must be 1 to 32 of a-z, 0-9 and -")
    base = path.resolve().parent
    store = base / values["store"]
    persist = table.get("persist_dir")
    listen = table.get("broker_listen", values["broker"])
    settings = Settings(
        site=values["site"],
        server_url=values["server_url"].rstrip("/"),
        token_file=base / values["token_file"],
        store=store,
        broker=_address(path, "broker", values["broker"]),
        broker_listen=_address(path, "broker_listen", str(listen)),
        broker_dir=base / values["broker_dir"],
        tls_listen=_address(path, "tls_listen", values["tls_listen"]),
        broker_pid_file=base / values["broker_pid_file"],
        devices_file=base / values["devices_file"],
        persist_dir=base / persist if isinstance(persist, str) and persist else store.parent,
        server_ca_file=base / table["server_ca_file"] if "server_ca_file" in table else None,
    )
    refusals.check(settings, path)
    return settings


def _address(path: Path, key: str, value: str) -> Address:
    host, colon, port = value.rpartition(":")
    if (
        not colon
        or not host
        or not port.isdigit()
        or not 0 < int(port) < 65536
        or any(c.isspace() for c in host)
    ):
        raise SettingsError(f"{path}: {key} must be host:port")
    return Address(host, int(port))


def devices(path: Path) -> dict[str, str]:
    """The devices of the site: id to pre-shared key in hex. Raises SettingsError; no message shows a key."""
    try:
        refusals.refuse_open(path, "the devices' keys")
        table = json.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"the devices file {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"the devices file {path} is not JSON") from error
    if not isinstance(table, dict):
        raise SettingsError(f"the devices file {path} is not an object")
    for device, key in table.items():
        if not topics.is_id(device) or device == topics.GATEWAY:
            raise SettingsError(f"{path}: {device!r} can't be a device id")
        if not isinstance(key, str) or not 32 <= len(key) <= 128 or len(key) % 2 or not _is_hex(key):
            raise SettingsError(f"{path}: the key of {device} is not 16 to 64 bytes in hex")
    return cast(dict[str, str], table)


def _is_hex(text: str) -> bool:
    return all(char in "0123456789abcdefABCDEF" for char in text)
