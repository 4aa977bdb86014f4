"""Settings of one server process: a TOML file, read once.

What each key means stands in its `description`: the settings file that `./loquet server install` writes and
the table of `docs/server.md` say it in the same words.
"""

import os
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.foundation import refusals
from server.foundation.errors import ConfigurationError


class Settings(BaseModel):
    """What `server.toml` may say; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: str = Field(
        default="sqlite:///server.db",
        description="SQLAlchemy URL; a relative SQLite path is relative to the file",
    )
    database_password_file: str = Field(
        default="",
        description="file that holds PostgreSQL's password and nothing else, mode 0600; empty: none",
    )
    listen: str = Field(
        default="127.0.0.1:8000",
        pattern=r"^[0-9a-zA-Z.\-]+:[0-9]+$",
        description="address and port; TLS is a reverse proxy's work",
    )
    base_url: str = Field(default="http://127.0.0.1:8000", description="what links in mails begin with")
    data_key_file: str = Field(
        default="data.key",
        description="32 bytes, made at the first start, mode 0600; back it up apart from the database",
    )
    smtp: str = Field(
        default="",
        pattern=r"^$|^[0-9a-zA-Z.\-]+:[0-9]+$",
        description="host:port of a mail relay; empty: mails wait in the outbox",
    )
    smtp_tls: Literal["none", "starttls", "tls"] = Field(
        default="none",
        description="how the relay is spoken to: none (on this host), starttls (587) or tls (465)",
    )
    smtp_user: str = Field(default="", description="login at the relay; empty: it asks for none")
    smtp_password_file: str = Field(
        default="",
        description="file that holds the password of that login and nothing else, mode 0600",
    )
    mail_from: str = Field(default="loquet@localhost", description="sender")
    payment_provider: str = Field(default="test", pattern=r"^test$", description="the only one shipped")
    webhook_secret: str = Field(
        default="", description="the test provider's secret; empty: its webhook and page do not exist"
    )
    secure_cookies: bool = Field(default=False, description="true behind HTTPS")
    bind_lead_hours: int = Field(
        default=24,
        ge=0,
        le=24 * 14,
        description="a paid order's compartments are chosen this long before its window",
    )
    command_ttl_s: int = Field(default=60, ge=5, le=120, description="life of a remote command, at most 120")
    minutes_kept_days: int = Field(
        default=1096,
        ge=400,
        description="charts show single minutes of so many days, at least 400, then hours; the ledger keeps"
        " all",
    )
    telemetry_store: Literal["sql", "influx"] = Field(
        default="sql",
        description="what charts are drawn from: sql (this database), or influx (InfluxDB 2, which follows)",
    )
    influx_url: str = Field(
        default="", description="address of InfluxDB 2, without a token; https unless on this host"
    )
    influx_org: str = Field(default="", description="its organisation")
    influx_bucket: str = Field(
        default="",
        pattern=r"^$|^[0-9A-Za-z][0-9A-Za-z_.\-]*$",
        description="bucket of the minutes; those of hours and days are named after it, _hours and _days",
    )
    influx_token_file: str = Field(
        default="",
        description="file that holds a token for these buckets and nothing else, mode 0600",
    )

    @model_validator(mode="after")
    def _relay(self) -> Self:
        if bool(self.smtp_user) != bool(self.smtp_password_file):
            raise ValueError("smtp_user and smtp_password_file go together")
        if (
            self.smtp_user
            and self.smtp_tls == "none"
            and not refusals.is_loopback(self.smtp.rpartition(":")[0])
        ):
            raise ValueError(
                "smtp_tls must be starttls or tls: a password would cross the network in the clear"
            )
        return self


def load_settings(path: Path) -> Settings:
    """The settings in a file; paths in it are relative to it. Raises ConfigurationError with the key at
    fault."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = Settings.model_validate(raw)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no settings file {path}") from error
    except OSError as error:
        raise ConfigurationError(f"the settings file {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the settings file {path} is not text in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{path}: {where}: {said}" if where else f"{path}: {said}") from error
    refusals.check(settings, path)
    folder = path.resolve().parent
    changes: dict[str, str] = {"data_key_file": str(folder / settings.data_key_file)}
    if settings.smtp_password_file:
        relay = folder / settings.smtp_password_file
        refusals.private_text(relay, "the mail relay's password")
        changes["smtp_password_file"] = str(relay)
    if settings.influx_token_file:
        token = folder / settings.influx_token_file
        refusals.private_text(token, "InfluxDB's token")
        changes["influx_token_file"] = str(token)
    if settings.database_password_file:
        file = folder / settings.database_password_file
        password = refusals.private_text(file, "the database's password")
        url = refusals.database(settings.database_url).set(password=password)
        changes["database_url"] = url.render_as_string(hide_password=False)
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
    text = refusals.private_text(path, "the data key")
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise ConfigurationError(f"{path} does not hold a key of 64 hex digits") from error
    if len(key) != 32:
        raise ConfigurationError(f"{path} does not hold a key of 64 hex digits")
    return key
