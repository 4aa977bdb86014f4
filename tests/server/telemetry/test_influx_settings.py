"""InfluxDB in the settings: what contradicts itself, or would give the token away, is refused in one line."""

import json
from pathlib import Path

import pytest

from server.foundation.errors import ConfigurationError
from server.foundation.settings import load_settings

TOKEN = "a-token-that-no-line-may-show"
WHOLE = {
    "telemetry_store": "influx",
    "influx_url": "http://127.0.0.1:8086",
    "influx_org": "farm",
    "influx_bucket": "loquet",
    "influx_token_file": "influx.token",
}


def loaded(folder: Path, changes: dict[str, str], mode: int = 0o600) -> str:
    """The path of the token's file, as the settings of `changes` have it."""
    token = folder / "influx.token"
    token.write_text(TOKEN + "\n")
    token.chmod(mode)
    config = folder / "server.toml"
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in changes.items()))
    return load_settings(config).influx_token_file


def test_the_tokens_file_lies_beside_the_settings(tmp_path: Path) -> None:
    assert loaded(tmp_path, WHOLE) == str(tmp_path / "influx.token")
    assert loaded(tmp_path, {**WHOLE, "influx_url": "https://influx.example.org"})


@pytest.mark.parametrize(
    ("changes", "mode", "said"),
    [
        ({"influx_org": ""}, 0o600, "influx_org is missing"),
        ({"telemetry_store": "sql"}, 0o600, "influx_url has no effect while telemetry_store is sql"),
        ({"telemetry_store": "files"}, 0o600, "telemetry_store"),
        ({"influx_url": "http://influx.example.org:8086"}, 0o600, "influx_url must be https"),
        ({"influx_url": f"http://u:{TOKEN}@127.0.0.1:8086"}, 0o600, "neither a name nor a token"),
        ({"influx_url": f"http://127.0.0.1:8086?token={TOKEN}"}, 0o600, "neither a name nor a token"),
        ({"influx_url": "http://127.0.0.1:port"}, 0o600, "influx_url is no address"),
        ({"influx_url": "127.0.0.1:8086"}, 0o600, "influx_url must be http"),
        ({"influx_bucket": 'x" or true'}, 0o600, "influx_bucket"),
        ({"influx_token_file": "nowhere"}, 0o600, "InfluxDB's token, can't be read"),
        ({}, 0o644, "holds InfluxDB's token and everybody may read it"),
    ],
)
def test_contradictions_and_leaks_are_refused(
    tmp_path: Path, changes: dict[str, str], mode: int, said: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, {**WHOLE, **changes}, mode)
    assert said in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)
