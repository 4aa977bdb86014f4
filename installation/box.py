"""The checks of a site's box: settings, broker, gateway, its queue, the way to the server, disk and clock.

What the gateway knows of itself it says in one document, retained at the broker; that is asked, for the store
belongs to the running gateway alone.
"""

import json
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from firmware.contract import topics
from gateway import host
from gateway import settings as gateway_settings
from gateway.broker import files, revocation
from gateway.errors import GatewayError
from gateway.server import GoneError, Server, ServerError, trust
from gateway.settings import Address, Settings
from server.healthcheck import BAD, OK, WARN, Check

PATIENCE_S = 5.0
OLDEST_BROKER = (2, 0, 11)
_FRESH_S = 180
"""The gateway writes its health every minute."""
_QUEUE_S = 600
_CERTIFICATE = timedelta(days=21)
_LITTLE_MB, _LOW_MB = 100, 1_000
"""Below the first the gateway takes no more records."""
_STEP_S = 2.0


def checks(config: Path) -> Iterator[Check]:
    """Every check, the later ones only where the earlier allow them."""
    try:
        settings = gateway_settings.read(config)
        devices = gateway_settings.devices(settings.devices_file)
        token = settings.token()
    except GatewayError as error:
        yield _bad("settings", "Settings", str(error), "Correct the file.")
        return
    said = f"{config}: site {settings.site}, {len(devices)} controllers"
    yield Check("settings", "Settings", OK, said)
    yield _broker_program()
    yield from _broker_files(settings)
    yield _port("broker", "Broker", settings.broker, "systemctl start loquet-broker; read its journal.")
    yield _own_port(settings.tls_listen)
    yield from _gateway(settings)
    yield _link(settings, token)
    yield _disk(settings)
    yield from _clock(settings)
    yield _sqlite()


def _ok(name: str, title: str, said: str) -> Check:
    return Check(name, title, OK, "%(said)s", "", {"said": said})


def _bad(name: str, title: str, said: str, advice: str) -> Check:
    return Check(name, title, BAD, "%(said)s", advice, {"said": said})


def _warn(name: str, title: str, said: str, advice: str) -> Check:
    return Check(name, title, WARN, "%(said)s", advice, {"said": said})


def _broker_program() -> Check:
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
    name, title = "broker-program", "Broker's program"
    if program is None:
        return _bad(name, title, "mosquitto is not installed", "apt-get install mosquitto")
    words = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout.split()
    version = words[2] if words[:2] == ["mosquitto", "version"] else "?"
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    if numbers < OLDEST_BROKER:
        return _bad(name, title, f"mosquitto {version}", "2.0.11 or newer is needed.")
    return _ok(name, title, f"mosquitto {version}")


def _broker_files(settings: Settings) -> Iterator[Check]:
    name, title = "broker-files", "Broker's files"
    found = files.paths(settings.broker_dir)
    again = "systemctl restart loquet-broker writes them."
    try:
        texts = {path: path.read_text() for path in (found.rights, found.keys, found.configuration)}
        admitted = revocation.admitted(settings)
    except OSError as error:
        yield _bad(name, title, f"{error.filename}: {error.strerror}", again)
        return
    except GatewayError as error:
        yield _bad(name, title, str(error), again)
        return
    if texts[found.rights] != files.rights(settings.site, admitted) or texts[found.keys] != files.keys(
        admitted
    ):
        yield _bad(name, title, "rights or keys are not those of the devices file", again)
    elif "persistence false" not in texts[found.configuration]:
        yield _bad(name, title, "the broker would keep messages over a restart", again)
    else:
        yield _ok(name, title, f"rights and keys of {len(admitted)} controllers, nothing kept over a restart")


def _port(name: str, title: str, address: Address, advice: str) -> Check:
    where = f"{address.host}:{address.port}"
    try:
        with socket.create_connection((address.host, address.port), PATIENCE_S):
            return _ok(name, title, f"answers on {where}")
    except OSError as error:
        return _bad(name, title, f"{where}: {error.strerror or type(error).__name__}", advice)


def _own_port(address: Address) -> Check:
    """Where controllers find the broker. Another machine that has the address, the box of before, say, would
    answer just as well: so it must be one of this machine's."""
    name, title = "broker-tls", "Broker for the controllers"
    try:
        family, kind, *_, place = socket.getaddrinfo(address.host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(place)
    except OSError as error:
        said = f"{address.host} is no address of this machine ({error.strerror or type(error).__name__})"
        advice = "Set tls_listen to this box's address on the controllers' network, or give it that address."
        return _bad(name, title, said, advice)
    return _port(name, title, address, "systemctl restart loquet-broker; read its journal.")


def _retained_health(settings: Settings) -> dict[str, object] | str:
    """The gateway's retained document, or why there is none."""
    password = settings.persist_dir / "broker.password"
    if not password.exists():
        return "the gateway has not yet made itself a password"
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id="doctor", protocol=mqtt.MQTTv311, clean_session=True
    )
    client.username_pw_set(topics.GATEWAY, password.read_text().strip())
    topic = topics.topic(settings.site, topics.GATEWAY, "health")
    done = threading.Event()
    heard: list[bytes] = []
    refusals: list[str] = []

    def on_connect(
        client: mqtt.Client, _data: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _props: object
    ) -> None:
        if reason.is_failure:
            refusals.append(f"the broker refuses the gateway's password: {reason}")
            done.set()
        else:
            client.subscribe(topic)

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        heard.append(bytes(message.payload))
        done.set()

    client.on_connect, client.on_message = on_connect, on_message
    client.connect_timeout = PATIENCE_S
    try:
        client.connect(settings.broker.host, settings.broker.port)
    except OSError as error:
        return f"the broker can't be reached: {error.strerror or type(error).__name__}"
    client.loop_start()
    done.wait(PATIENCE_S)
    client.disconnect()
    client.loop_stop()
    if not heard:
        return refusals[0] if refusals else "the gateway has not spoken since the broker started"
    try:
        document = json.loads(heard[0])
    except ValueError:
        return "the gateway's health is not JSON"
    return document if isinstance(document, dict) else "the gateway's health is no object"


def _number(document: object, *path: str) -> int:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, int) else 0


def _gateway(settings: Settings) -> Iterator[Check]:
    document = _retained_health(settings)
    start = "systemctl start loquet-gateway; read its journal: journalctl -u loquet-gateway -o cat"
    if isinstance(document, str):
        yield _bad("gateway", "Gateway", document, start)
        return
    age = int(time.time()) - _number(document, "t")
    if age > _FRESH_S:
        yield _bad("gateway", "Gateway", f"said its last word {timedelta(seconds=age)} ago", start)
        return
    yield _ok("gateway", "Gateway", f"runs, {_number(document, 'online')} controllers online")
    lanes = document.get("lanes")
    names = list(lanes) if isinstance(lanes, dict) else []
    waiting = sum(_number(lanes, name, "n") for name in names)
    oldest = max((_number(lanes, name, "age") for name in names), default=0)
    said = (
        f"{waiting} records wait, the oldest for {timedelta(seconds=oldest)}" if waiting else "nothing waits"
    )
    if oldest > _QUEUE_S:
        yield _warn(
            "queue", "Queue", said, "They go when the server can be reached; nothing is lost meanwhile."
        )
    else:
        yield _ok("queue", "Queue", said)
    if "cert" in document:
        left = timedelta(seconds=_number(document, "cert") - int(time.time()))
        if left < _CERTIFICATE:
            advice = "Renew it on the server: without it nothing goes up or down."
            yield _warn("certificate", "Server's certificate", f"good for {left.days} days more", advice)
        else:
            yield _ok("certificate", "Server's certificate", f"good for {left.days} days more")
    if _number(document, "aside", "fenced") and not _number(document, "server"):
        yield _bad(
            "fenced",
            "This box",
            "another gateway with its identity, started later, is heard instead",
            "Switch off the one too many; if this one stays, systemctl restart loquet-gateway.",
        )
    if _number(document, "unwritten"):
        yield _bad(
            "store",
            "Store",
            f"{_number(document, 'unwritten')} groups could not be written",
            "The disk refuses: replace it; controllers keep what is not acknowledged.",
        )


def _link(settings: Settings, token: str) -> Check:
    name, title, where = "server", "Server", settings.server_url
    server: Server | None = None
    try:
        server = Server(settings.server_url, token, trust(settings.server_ca_file))
        server.changes("doctor", 0, 0, [])
    except GoneError:  # it knows us, and that we made the cursor up
        return _ok(name, title, f"{where} answers and takes the token")
    except ServerError as error:
        if error.status in (401, 403):
            return _bad(
                name, title, f"{where} refuses the token", "Hand it over again: ./loquet server handover"
            )
        return _bad(
            name, title, f"{where}: {error}", "Doors open all the same. Check DNS, firewall, certificate."
        )
    except GatewayError as error:
        return _bad(name, title, str(error), "Correct the setting.")
    finally:
        if server is not None:
            server.close()
    return _ok(name, title, f"{where} answers and takes the token")


def _disk(settings: Settings) -> Check:
    folder = settings.store.parent
    if not folder.is_dir():
        return _bad("disk", "Disk", f"there is no folder {folder}", "./loquet gateway install makes it.")
    free = host.free_mb(folder)
    said = f"{free} MB free"
    if free < _LITTLE_MB:
        return _bad("disk", "Disk", said, f"Make room: below {_LITTLE_MB} MB no record is taken any more.")
    if free < _LOW_MB:
        return _warn("disk", "Disk", said, "Make room.")
    return _ok("disk", "Disk", said)


def _clock(settings: Settings) -> Iterator[Check]:
    if host.is_disciplined():
        yield _ok("clock", "Clock", "kept right")
    else:
        advice = "apt-get install systemd-timesyncd (or chrony); until then the server's time is relied on."
        yield _warn("clock", "Clock", "nothing keeps it right", advice)
    off = _difference(settings)
    if off is not None and abs(off) > _STEP_S:
        advice = "One of the two is wrong; controllers get no time from this box meanwhile."
        yield _bad("clock-step", "Clock beside the server's", f"{off:+.0f} s", advice)
    elif off is not None:
        yield _ok("clock-step", "Clock beside the server's", f"within {_STEP_S:.0f} s")
    if any(Path("/sys/class/rtc").glob("rtc*")):
        yield _ok("clock-battery", "Clock in a power cut", "this box has a clock of its own")
    else:
        advice = (
            "Without internet it wakes with a wrong time; doors don't care. A battery clock costs little."
        )
        yield _warn("clock-battery", "Clock in a power cut", "this box has no battery clock", advice)


def _difference(settings: Settings) -> float | None:
    """Seconds that our clock is ahead of the server's, by the date of an answer; None without an answer."""
    try:
        context = trust(settings.server_ca_file)
        answer = httpx.get(f"{settings.server_url}/healthz", verify=context, timeout=PATIENCE_S)
        return time.time() - parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (httpx.HTTPError, KeyError, ValueError, GatewayError):
        return None  # said by the check of the link


def _sqlite() -> Check:
    said = f"version {sqlite3.sqlite_version}, one connection: its WAL fault can't occur"
    return _ok("sqlite", "SQLite", said)
