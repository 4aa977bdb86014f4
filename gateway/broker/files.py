"""mosquitto's configuration, users and rights, derived from the list of devices.

Two listeners: devices over TLS with a pre-shared key each, where identity, user and client id are one and the
same; the gateway alone on a loopback listener with a password. Rights name exact topics. An empty rights file
would mean that everybody may do everything (mosquitto, CVE-2018-12550 and after), so nothing empty is ever
written.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from firmware.contract import topics
from gateway.broker import passwords
from gateway.errors import BrokerFilesError
from gateway.settings import Settings

LARGEST_PACKET = 2560
"""R-05's 2304 bytes of payload, the longest topic and the header. The broker drops whoever sends more."""


@dataclass(frozen=True)
class Files:
    """Where the generated files are."""

    configuration: Path
    rights: Path
    keys: Path
    passwords: Path


def paths(folder: Path) -> Files:
    """The files in a broker's folder."""
    return Files(
        folder / "mosquitto.conf", folder / "rights.acl", folder / "devices.psk", folder / "gateway.passwd"
    )


def rights(site: str, devices: Iterable[str]) -> str:
    """Who may write and read which topics (mosquitto's ACL file); nobody has a right that is not here."""
    lines = [f"user {topics.GATEWAY}"]
    lines += [f"topic read {topics.topic(site, '+', leaf)}" for leaf in topics.FROM_DEVICE]
    lines += [f"topic write {topics.topic(site, '+', leaf)}" for leaf in topics.TO_DEVICE]
    lines += [f"topic readwrite {topics.topic(site, topics.GATEWAY, leaf)}" for leaf in topics.FROM_GATEWAY]
    for device in sorted(devices):
        lines += ["", f"user {device}"]
        for leaf in topics.FROM_DEVICE:
            # Its own state too: a device that sees its own stale `lost` says `online` again.
            verb = "readwrite" if leaf == "state" else "write"
            lines.append(f"topic {verb} {topics.topic(site, device, leaf)}")
        for leaf in topics.TO_DEVICE:
            lines.append(f"topic read {topics.topic(site, device, leaf)}")
        for leaf in topics.FROM_GATEWAY:
            lines.append(f"topic read {topics.topic(site, topics.GATEWAY, leaf)}")
    return "\n".join(lines) + "\n"


def keys(devices: dict[str, str]) -> str:
    """The pre-shared keys (mosquitto's PSK file)."""
    return "".join(f"{device}:{key.lower()}\n" for device, key in sorted(devices.items()))


def configuration(settings: Settings, files: Files, is_root: bool) -> str:
    """mosquitto.conf. Started as root, mosquitto becomes `nobody`, who can't read these files: hence `user
    root`.
    """
    lines = [
        "# Written by the gateway; changes are lost.",
        "per_listener_settings true",
        "persistence false",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
        "sys_interval 0",
        "set_tcp_nodelay true",
        f"max_packet_size {LARGEST_PACKET}",
        "max_queued_messages 1000",
        "max_inflight_messages 20",
        f"pid_file {settings.broker_pid_file}",
    ]
    if is_root:
        lines.append("user root")
    lines += [
        "",
        f"listener {settings.tls_listen.port} {settings.tls_listen.host}",
        "allow_anonymous false",
        "psk_hint loquet",
        f"psk_file {files.keys}",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        f"acl_file {files.rights}",
        "",
        # Here the gateway may take a client id over: that is how a revoked device's open session is ended.
        f"listener {settings.broker_listen.port} {settings.broker_listen.host}",
        "allow_anonymous false",
        f"password_file {files.passwords}",
        f"acl_file {files.rights}",
    ]
    return "\n".join(lines) + "\n"


def write(settings: Settings, devices: dict[str, str]) -> Files:
    """Write all files, each whole or not at all, readable by this user alone. Raises BrokerFilesError."""
    if not devices:
        raise BrokerFilesError(
            f"no device in {settings.devices_file}: a broker without users would serve nobody"
        )
    files = paths(settings.broker_dir)
    password = passwords.kept(settings.persist_dir)
    texts = {
        files.rights: rights(settings.site, devices),
        files.keys: keys(devices),
        files.passwords: passwords.entry(topics.GATEWAY, password),
        files.configuration: configuration(settings, files, os.geteuid() == 0),
    }
    try:
        settings.broker_dir.mkdir(parents=True, exist_ok=True)
        settings.broker_pid_file.parent.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            _replace(path, text)
    except OSError as error:
        raise BrokerFilesError(
            f"the broker's files can't be written to {settings.broker_dir}: {error}"
        ) from error
    return files


def _replace(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
