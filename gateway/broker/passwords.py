"""The gateway's password at its broker, and mosquitto's format for it (`$7$`: PBKDF2-HMAC-SHA-512)."""

import base64
import hashlib
import os
import secrets
from pathlib import Path

from gateway.errors import BrokerFilesError

SHORTEST = 32
"""Characters of a password; ours have 43."""
ITERATIONS = 101
"""mosquitto's own default; the password is 32 random bytes, so no number of iterations matters."""


def entry(user: str, password: str) -> str:
    """A line of a password file. Source: mosquitto's `lib/password_mosq.c` (format
    `$7$iterations$salt$hash`).

    The salt comes from the random password itself, so that the same password always gives the same file.
    """
    salt = hashlib.sha256(b"salt" + password.encode()).digest()[:12]
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"{user}:$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def kept(folder: Path) -> str:
    """The gateway's password, made once and kept in a file only its user can read. Raises BrokerFilesError if
    that file is cut short: with an empty password anybody on this machine would be the gateway.
    """
    path = folder / "broker.password"
    if not path.exists():
        _make(path)
    try:
        password = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerFilesError(f"the gateway's password {path} can't be read") from error
    if len(password) < SHORTEST:
        raise BrokerFilesError(
            f"the gateway's password {path} is cut short: delete the file, it is made anew"
        )
    return password


def _make(path: Path) -> None:
    """Whole or not at all: written beside, then linked; if another process of this gateway was quicker, its
    password stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
