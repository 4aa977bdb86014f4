"""Settings of one server process: a TOML file, read once. Every key is in `docs/server.md`."""

import os
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.foundation.errors import ConfigurationError


class Settings(BaseModel):
    """What `server.toml` may say; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: str = "sqlite:///server.db"
    listen: str = Field(default="127.0.0.1:8000", pattern=r"^[0-9a-zA-Z.\-]+:[0-9]+$")
    base_url: str = "http://127.0.0.1:8000"
    data_key_file: str = "data.key"
    smtp: str = ""
    """host:port of the mail relay; empty: mails wait in the outbox."""
    mail_from: str = "loquet@localhost"
    payment_provider: str = Field(default="test", pattern=r"^test$")
    webhook_secret: str = ""
    """Secret of the test provider's signature; empty: the webhook does not exist."""
    secure_cookies: bool = False
    bind_lead_hours: int = Field(default=24, ge=0, le=24 * 14)
    """Compartments are bound at most this long before the pick-up window opens."""
    command_ttl_s: int = Field(default=60, ge=5, le=120)


def load_settings(path: Path) -> Settings:
    """The settings in a file; paths in it are relative to it. Raises ConfigurationError with the key at
    fault."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = Settings.model_validate(raw)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no settings file {path}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ConfigurationError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    folder = path.resolve().parent
    changes: dict[str, str] = {"data_key_file": str(folder / settings.data_key_file)}
    prefix = "sqlite:///"
    if settings.database_url.startswith(prefix) and ":memory:" not in settings.database_url:
        changes["database_url"] = prefix + str(folder / settings.database_url.removeprefix(prefix))
    return settings.model_copy(update=changes)


def read_or_make_key(path: Path) -> bytes:
    """The 32-byte data key, made at the first start with mode 0600. It lives outside the database, and so
    must its backup."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(os.urandom(32).hex() + "\n")
    text = path.read_text(encoding="ascii").strip()
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise ConfigurationError(f"{path} does not hold a key of 64 hex digits") from error
    if len(key) != 32:
        raise ConfigurationError(f"{path} does not hold a key of 64 hex digits")
    return key
