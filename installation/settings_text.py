"""Settings files with every key explained, in the words of the programs' own descriptions."""

import textwrap
import tomllib
from collections.abc import Mapping

from gateway.keys import KEYS
from server.foundation.settings import Settings

_WIDTH = 96


def _comment(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# "))


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def server(chosen: Mapping[str, object]) -> str:
    """`server.toml` with every key: what is in `chosen`, else its default, which is named beside."""
    parts = ["# Loquet, the server's settings. Paths are relative to this file's folder.\n"]
    for name, field in Settings.model_fields.items():
        default = field.default
        value = chosen.get(name, default)
        said = field.description or ""
        if value != default:
            said += f" (default: {_value(default)})"
        parts.append(f"{_comment(said)}\n{name} = {_value(value)}\n")
    return "\n".join(parts)


def gateway(chosen: Mapping[str, str]) -> str:
    """`gateway.toml` with every key: what is in `chosen`, else its example; optional ones not chosen are
    comments."""
    parts = ["# Loquet, a gateway's settings. Paths are relative to this file's folder.\n"]
    for name, key in KEYS.items():
        said = f"optional: {key.meaning}" if key.optional else key.meaning
        off = "# " if key.optional and name not in chosen else ""
        parts.append(f"{_comment(said)}\n{off}{name} = {_value(chosen.get(name, key.example))}\n")
    return "\n".join(parts)


def missing(text: str, known: Mapping[str, str]) -> list[str]:
    """Lines about the keys that an existing file does not have, each with its meaning, and about those that
    no program knows. Raises tomllib.TOMLDecodeError."""
    there = tomllib.loads(text)
    new = [f"new setting {name}: {meaning}" for name, meaning in known.items() if name not in there]
    old = [
        f"unknown setting {name}: take it out, it is refused at start" for name in there if name not in known
    ]
    return new + old


def differing(text: str, wished: Mapping[str, str], file: str) -> list[str]:
    """Lines about what was asked for and stands otherwise in a file that is kept. Raises
    tomllib.TOMLDecodeError."""
    there = tomllib.loads(text)
    return [
        f"{file} is kept and says {name} = {_value(there[name])}, not {_value(value)}: change it there"
        for name, value in wished.items()
        if name in there and there[name] != value
    ]


def server_keys() -> dict[str, str]:
    """Every key of the server with its meaning."""
    return {name: field.description or "" for name, field in Settings.model_fields.items()}


def gateway_keys() -> dict[str, str]:
    """Every key of a gateway with its meaning."""
    return {name: key.meaning for name, key in KEYS.items()}


def gateway_optional() -> set[str]:
    """Those that may be left out."""
    return {name for name, key in KEYS.items() if key.optional}
