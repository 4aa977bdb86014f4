"""The settings files that a person would write for a server and its gateways, written for one run."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from simulator.orchestrator.runfolder import LOOPBACK

COMMAND_TTL_S = 8
"""Of a remote opening here; on a farm a minute, by the same setting."""


def toml(values: dict[str, str | int | bool]) -> str:
    """A flat TOML document (a JSON string is a TOML string)."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@dataclass(frozen=True)
class Secrets:
    """What `server setup` made: who may speak as whom."""

    gateways: dict[str, str]
    controllers: dict[str, dict[str, str]]
    shops: dict[str, str]
    webhook_secret: str


def read_secrets(path: Path) -> Secrets:
    """The secrets file of a run."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Secrets(raw["gateways"], raw["controllers"], raw["shops"], raw["webhook_secret"])


def write_server(
    folder: Path, port: int, smtp_port: int, webhook_secret: str, stores: dict[str, str | int | bool]
) -> Path:
    """`server.toml` of a run; `stores` are the keys of its databases, where they are not the default."""
    return write_private(
        folder / "server.toml",
        toml(
            {
                "database_url": "sqlite:///server.db",
                "listen": f"{LOOPBACK}:{port}",
                "base_url": f"http://{LOOPBACK}:{port}",
                "data_key_file": "data.key",
                "smtp": f"{LOOPBACK}:{smtp_port}",
                "mail_from": "loquet@example.org",
                "payment_provider": "test",
                "webhook_secret": webhook_secret,
                "secure_cookies": False,
                "command_ttl_s": COMMAND_TTL_S,
                **stores,
            }
        ),
    )


@dataclass(frozen=True)
class GatewayFiles:
    """What one site's gateway is started with."""

    folder: Path
    settings: Path
    broker_port: int
    tls_port: int
    pid_file: Path


def write_gateway(
    folder: Path,
    site: str,
    server_port: int,
    token: str,
    psks: dict[str, str],
    broker_port: int,
    heard_port: int,
    tls_port: int,
) -> GatewayFiles:
    """`gateway.toml`, token and devices files of one site.

    `server_port`: where this gateway finds the server. `broker_port`: where the broker listens for the
    gateway, which reaches it through `heard_port`, where somebody listens in.
    """
    folder.mkdir(mode=0o700)
    write_private(folder / "token", token + "\n")
    write_private(folder / "devices.json", json.dumps(psks))
    pid_file = folder / "mosquitto.pid"
    settings = write_private(
        folder / "gateway.toml",
        toml(
            {
                "site": site,
                "server_url": f"http://{LOOPBACK}:{server_port}",
                "token_file": "token",
                "store": "gateway.db",
                "broker": f"{LOOPBACK}:{heard_port}",
                "broker_listen": f"{LOOPBACK}:{broker_port}",
                "broker_dir": "broker",
                "tls_listen": f"{LOOPBACK}:{tls_port}",
                "broker_pid_file": str(pid_file),
                "devices_file": "devices.json",
                "persist_dir": "broker",
            }
        ),
    )
    return GatewayFiles(folder, settings, broker_port, tls_port, pid_file)
