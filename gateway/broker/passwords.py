"""The gateway's password at its broker, and mosquitto's format for it (`$7$`: PBKDF2-HMAC-SHA-512)."""

import base64
import hashlib
import os
import secrets
from pathlib import Path

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
    """The gateway's password, made once and kept in a file only its user can read."""
    path = folder / "broker.password"
    if path.exists():
        return path.read_text().strip()
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(32)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()  # the other process of this gateway was quicker
    with os.fdopen(descriptor, "w") as file:
        file.write(password + "\n")
    return password
