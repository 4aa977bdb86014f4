"""Taking a device's access away for good.

Removing its key and reloading does not end an open session (measured with mosquitto 2.0.11). So: its key and
rights go, the broker reloads, and its client id is taken over by a short connection of the gateway's own,
which ends the session; it can't begin another. The list of revoked devices is a file, so that the broker's
files never bring one back.
"""

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from firmware.contract import topics
from gateway import settings as settings_module
from gateway.broker import files, passwords
from gateway.errors import BrokerFilesError, SettingsError
from gateway.settings import Settings

TAKEOVER_S = 5.0
SETTLE_S = 0.5

log = logging.getLogger("gateway.broker")


def revoked(folder: Path) -> set[str]:
    """The revoked devices in the kept list. Raises SettingsError if it can't be read: nobody is let in by
    accident.
    """
    path = folder / "revoked.json"
    if not path.exists():
        return set()
    try:
        names = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"the list of revoked devices {path} can't be read") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(f"the list of revoked devices {path} is no list of names")
    return set(names)


def remember(folder: Path, devices: Iterable[str]) -> None:
    """Add devices to the kept list."""
    path = folder / "revoked.json"
    names = sorted(revoked(folder) | set(devices))
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with temporary.open("w") as file:
        json.dump(names, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def admitted(settings: Settings) -> dict[str, str]:
    """The devices that may connect: those listed and not revoked. Raises SettingsError."""
    gone = revoked(settings.persist_dir)
    return {
        name: key for name, key in settings_module.devices(settings.devices_file).items() if name not in gone
    }


def reload(pid_file: Path) -> bool:
    """Have the broker read its files again (SIGHUP); False if none runs. Raises BrokerFilesError for a
    foreign pid.
    """
    if not pid_file.exists():
        return False
    text = pid_file.read_text().strip()
    if not text.isdigit():
        raise BrokerFilesError(f"{pid_file} holds no process id")
    name = Path("/proc") / text / "comm"
    if name.exists() and "mosquitto" not in name.read_text():
        raise BrokerFilesError(f"the process in {pid_file} is no mosquitto")
    try:
        os.kill(int(text), signal.SIGHUP)
    except ProcessLookupError:
        return False
    except PermissionError as error:
        raise BrokerFilesError(f"the broker in {pid_file} is another user's") from error
    return True


def take_over(settings: Settings, device: str) -> bool:
    """End a device's open session by connecting with its client id on the gateway's own listener; whether it
    worked.
    """
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=device, protocol=mqtt.MQTTv311)
    client.username_pw_set(topics.GATEWAY, passwords.kept(settings.persist_dir))
    accepted = threading.Event()
    refused = threading.Event()

    def on_connect(
        _client: mqtt.Client,
        _data: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _props: object,
    ) -> None:
        (refused if reason.is_failure else accepted).set()

    client.on_connect = on_connect
    client.connect_timeout = TAKEOVER_S
    try:
        client.connect(settings.broker.host, settings.broker.port)
        rounds = int(TAKEOVER_S * 10)
        while (
            rounds
            and not accepted.is_set()
            and not refused.is_set()
            and client.loop(0.1) == mqtt.MQTT_ERR_SUCCESS
        ):
            rounds -= 1
        client.disconnect()
    except OSError as error:
        log.warning("session not taken over", extra={"device": device, "error": str(error)})
        return False
    return accepted.is_set()


def enforce(
    settings: Settings, gone: Iterable[str], stopping: threading.Event, alive: Callable[[], None]
) -> bool:
    """Bring the broker to the devices admitted now, and end the sessions of those that are gone; `alive` is
    called between two of them.

    Whether all of it was done; False (no broker runs, or it can't be reached): try again, a broker that
    starts anew reads the new files anyway. Raises SettingsError or BrokerFilesError.
    """
    # Files without users are never written: a site whose last device is revoked has one that can't connect.
    files.write(settings, admitted(settings) or {"nobody": os.urandom(32).hex()})
    if not reload(settings.broker_pid_file):
        return False
    devices = sorted(gone)
    done: list[bool] = []
    # The reload comes at the broker's next turn; a device that was quicker is ended by the second takeover.
    for _ in range(2 if devices else 0):
        stopping.wait(SETTLE_S)
        for device in devices:
            done.append(take_over(settings, device))
            alive()
    log.info("broker's devices changed", extra={"gone": ",".join(devices), "ended": all(done)})
    return all(done)
