"""Settings that contradict each other, or would give a secret away: refused at start, each with one line.

Each line says what to write instead, and none shows a secret. A file with a secret in it may be read by its
owner and group, never by others (`docs/operations.md`: mode 600, or 640 with the service's group).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from server.foundation.errors import ConfigurationError

if TYPE_CHECKING:
    from server.foundation.settings import Settings

OTHERS = 0o007
"""The bits of a mode that let everybody on the machine in."""
BACKENDS = ("sqlite", "postgresql")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    return host in ("localhost", "::1", "[::1]") or host.startswith("127.")


def private_text(path: Path, what: str) -> str:
    """What a file with a secret holds, without its last line's end. Raises ConfigurationError if it is not
    there, empty, or others may read it."""
    try:
        refuse_open(path, what)
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{path}, the file of {what}, can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}, the file of {what}, is not text") from error
    if not text:
        raise ConfigurationError(f"{path}, the file of {what}, is empty")
    return text


def refuse_open(path: Path, what: str) -> None:
    """Raises ConfigurationError if everybody on the machine may read or change a file with a secret."""
    if path.stat().st_mode & OTHERS:
        raise ConfigurationError(f"{path} holds {what} and everybody may read it: chmod o= {path}")


def database(text: str) -> URL:
    """The parts of `database_url`. Raises ConfigurationError, which does not show it: it may hold a
    password."""
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError("database_url is no URL of a database") from error
    if backend not in BACKENDS:
        raise ConfigurationError(f"database_url: {backend} is neither {' nor '.join(BACKENDS)}")
    return url


def check(settings: "Settings", path: Path) -> None:
    """Raises ConfigurationError with the first thing that cannot be, about the settings read from `path`."""
    for said in _contradictions(settings):
        raise ConfigurationError(f"{path}: {said}")
    if settings.webhook_secret:
        refuse_open(path, "webhook_secret")
    if database(settings.database_url).password:
        refuse_open(path, "the database's password")


def _contradictions(settings: "Settings") -> Iterator[str]:
    yield from _addresses(settings)
    yield from _telemetry(settings)
    url = database(settings.database_url)
    if settings.database_password_file:
        if url.password:
            yield "the password stands in database_url and in database_password_file: keep the file alone"
        if url.get_backend_name() == "sqlite":
            yield "database_password_file: SQLite has no password"


def _telemetry(settings: "Settings") -> Iterator[str]:
    needed = ("influx_url", "influx_org", "influx_bucket", "influx_token_file")
    given = [name for name in needed if getattr(settings, name)]
    if settings.telemetry_store == "sql":
        if given:
            yield f"{given[0]} has no effect while telemetry_store is sql"
        return
    if len(given) < len(needed):
        lacking = ", ".join(name for name in needed if name not in given)
        yield f"telemetry_store is influx: {lacking} is missing"
        return
    try:
        url = urlsplit(settings.influx_url)
        plain = url.scheme == "http" and is_loopback(url.hostname or "")
        whole = url.hostname and url.port != 0 and not (url.path.strip("/") or url.query or url.fragment)
    except ValueError:
        yield "influx_url is no address"
        return
    if url.username is not None or url.query:
        yield "influx_url must hold neither a name nor a token: the token stands in influx_token_file"
    elif not whole or url.scheme not in ("http", "https"):
        yield "influx_url must be http://HOST:PORT or https://HOST"
    elif url.scheme != "https" and not plain:
        yield "influx_url must be https: the token would cross the network in the clear"


def _addresses(settings: "Settings") -> Iterator[str]:
    base = urlsplit(settings.base_url)
    if base.scheme not in ("http", "https") or not base.hostname:
        yield "base_url must be http://HOST or https://HOST"
        return
    if base.username is not None or base.query or base.fragment:
        yield "base_url must hold neither a name, nor a question, nor a #"
    secured = base.scheme == "https"
    if not secured and not is_loopback(base.hostname):
        yield "base_url must be https: codes and logins would cross the network in the clear"
    if secured and not settings.secure_cookies:
        yield "secure_cookies must be true when base_url is https: sessions would also travel in the clear"
    if settings.secure_cookies and not secured:
        yield "secure_cookies is true and base_url is not https: nobody could stay logged in"
    host, _, port = settings.listen.rpartition(":")
    if not 0 < int(port) < 65536:
        yield "listen: there is no such port"
    if not secured and not is_loopback(host):
        yield "listen must be a loopback address unless base_url is https: this server speaks plain HTTP"
    if settings.smtp and settings.smtp == settings.listen:
        yield "smtp and listen are the same port: the server would mail to itself"
