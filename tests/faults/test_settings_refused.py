"""Settings that contradict each other, or would give a secret away, end the program with one line and status
2 before anything is opened; and no line shows a secret.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import __main__ as gateway
from server import __main__ as server
from server.payments.provider import TestProvider
from simulator import scenario
from tests.server.conftest import SITE

SECRET = "c0ffee-a-secret-nobody-may-see"
"""In every place where a secret may stand; it must never come out."""

Change = dict[str, object]
KEY = "ab" * 32
CLOSED, OPEN = 0o600, 0o644


def toml(values: Change) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items() if value is not None)


def put(path: Path, text: str, mode: int = CLOSED) -> None:
    path.touch()
    path.chmod(mode)
    path.write_text(text, encoding="utf-8")


def the_line(run: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a program refuses."""
    assert run() == 2
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.count("\n") == 1, caught.err
    assert "Traceback" not in caught.err
    assert SECRET not in caught.err
    assert KEY not in caught.err
    return caught.err


HTTPS: Change = {"base_url": "https://farm.example.org", "secure_cookies": True}
POSTGRES = "postgresql+psycopg://loquet@127.0.0.1/loquet"
WITH_PASSWORD = f"postgresql+psycopg://loquet:{SECRET}@127.0.0.1/loquet"

INFLUX: Change = {
    "telemetry_store": "influx",
    "influx_url": "http://127.0.0.1:8086",
    "influx_org": "loquet",
    "influx_bucket": "readings",
    "influx_token_file": "closed",
}

SERVER: list[tuple[str, Change, int, str]] = [
    ("unknown key", {"smpt": "127.0.0.1:25"}, CLOSED, "smpt: Extra inputs are not permitted"),
    ("unknown secret", {"influx_token": SECRET}, CLOSED, "influx_token: Extra inputs are not permitted"),
    ("wrong type", {"bind_lead_hours": SECRET}, CLOSED, "bind_lead_hours: Input should be a valid integer"),
    ("secure over http", {"secure_cookies": True}, CLOSED, "nobody could stay logged in"),
    ("insecure over https", HTTPS | {"secure_cookies": False}, CLOSED, "secure_cookies must be true"),
    ("http abroad", {"base_url": "http://farm.example.org"}, CLOSED, "base_url must be https"),
    ("no address", {"base_url": "farm.example.org"}, CLOSED, "base_url must be http://HOST or https://HOST"),
    ("secret in address", HTTPS | {"base_url": f"https://x:{SECRET}@a.b"}, CLOSED, "neither a name, nor"),
    ("listening to all", {"listen": "0.0.0.0:8000"}, CLOSED, "listen must be a loopback address"),
    ("no such port", {"listen": "127.0.0.1:99999"}, CLOSED, "no such port"),
    ("mail to itself", {"smtp": "127.0.0.1:8000"}, CLOSED, "smtp and listen are the same port"),
    ("secret for all eyes", {"webhook_secret": SECRET}, OPEN, "holds webhook_secret and everybody may read"),
    (
        "password for all",
        {"database_url": WITH_PASSWORD},
        OPEN,
        "holds the database's password and everybody",
    ),
    (
        "two passwords",
        {"database_url": WITH_PASSWORD, "database_password_file": "closed"},
        CLOSED,
        "keep the file alone",
    ),
    ("password of a file", {"database_password_file": "closed"}, CLOSED, "SQLite has no password"),
    (
        "open password file",
        {"database_url": POSTGRES, "database_password_file": "open"},
        CLOSED,
        "open holds the database's password and everybody may read it: chmod o=",
    ),
    (
        "no password file",
        {"database_url": POSTGRES, "database_password_file": "none"},
        CLOSED,
        "can't be read: No such file",
    ),
    ("no database", {"database_url": f"//{SECRET}"}, CLOSED, "database_url is no URL of a database"),
    ("foreign database", {"database_url": f"mysql://a:{SECRET}@b/c"}, CLOSED, "mysql is neither sqlite nor"),
    ("open data key", {"data_key_file": "open"}, CLOSED, "open holds the data key and everybody may read it"),
    ("no data key", {"data_key_file": "closed"}, CLOSED, "does not hold a key of 64 hex digits"),
    (
        "mail password in the clear",
        {"smtp": "mail.example.org:25", "smtp_user": "u", "smtp_password_file": "closed"},
        CLOSED,
        "smtp_tls must be starttls or tls",
    ),
    ("half a login", {"smtp": "127.0.0.1:25", "smtp_user": SECRET}, CLOSED, "go together"),
    (
        "open mail password",
        {"smtp": "127.0.0.1:25", "smtp_user": "u", "smtp_password_file": "open"},
        CLOSED,
        "open holds the mail relay's password and everybody may read it",
    ),
    (
        "half a store",
        {"telemetry_store": "influx", "influx_url": "http://127.0.0.1:8086"},
        CLOSED,
        "is missing",
    ),
    (
        "a store not used",
        {"influx_token_file": "closed"},
        CLOSED,
        "has no effect while",
    ),
    ("token in the clear", INFLUX | {"influx_url": "http://db.example.org:8086"}, CLOSED, "must be https"),
    (
        "token in the address",
        INFLUX | {"influx_url": f"https://x:{SECRET}@a.b"},
        CLOSED,
        "neither a name nor",
    ),
    (
        "open token",
        INFLUX | {"influx_token_file": "open"},
        CLOSED,
        "open holds InfluxDB's token and",
    ),
    ("unknown provider", {"payment_provider": SECRET}, CLOSED, "payment_provider: String should match"),
]


@pytest.mark.fault("F53")
@pytest.mark.parametrize(
    ("change", "mode", "said"), [row[1:] for row in SERVER], ids=[row[0] for row in SERVER]
)
def test_the_server_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    mode: int,
    said: str,
) -> None:
    config = tmp_path / "server.toml"
    put(config, toml(change), mode)
    put(tmp_path / "closed", SECRET)
    put(tmp_path / "open", SECRET, OPEN)
    monkeypatch.setattr(sys, "argv", ["server", "login-link", "--config", str(config), "a@example.org"])
    assert said in the_line(server.main, capsys)
    assert not (tmp_path / "server.db").exists(), "nothing was opened"


GATEWAY: list[tuple[str, Change, str]] = [
    ("unknown key", {"server_token": SECRET}, "unknown setting server_token"),
    ("http abroad", {"server_url": "http://farm.example.org"}, "server_url must be https"),
    ("secret in address", {"server_url": f"https://x:{SECRET}@farm.example.org"}, "neither a name"),
    ("no address", {"server_url": "farm.example.org"}, "server_url must be https://HOST"),
    ("broker abroad", {"broker": "192.168.1.2:1884"}, "broker must be a loopback address"),
    ("listener abroad", {"broker_listen": "0.0.0.0:1884"}, "broker_listen must be a loopback address"),
    ("one port twice", {"tls_listen": "192.168.1.2:1884"}, "are the same port"),
    ("the server's port", {"server_url": "http://127.0.0.1:8884"}, "server_url and the broker"),
    ("on the internet", {"tls_listen": "9.9.9.9:8884"}, "not of the internet"),
    ("one file twice", {"store": "devices.json"}, "devices_file and store are the same file"),
    ("no text", {"persist_dir": 5}, "persist_dir must be text"),
    ("no authority", {"server_ca_file": "closed"}, "holds no certificate authority"),
    ("open token", {"token_file": "open"}, "holds the gateway's token and everybody may read it"),
    ("open keys", {"devices_file": "open"}, "holds the devices' keys and everybody may read it"),
    ("no token", {"token_file": "none"}, "can't be read: No such file"),
    ("no keys", {"devices_file": "closed"}, "is not JSON"),
]


@pytest.mark.fault("F53")
@pytest.mark.parametrize(("change", "said"), [row[1:] for row in GATEWAY], ids=[row[0] for row in GATEWAY])
def test_the_gateway_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Change, said: str
) -> None:
    values: Change = {
        "site": "ferme",
        "server_url": "http://127.0.0.1:8000",
        "token_file": "token",
        "store": "store.db",
        "broker": "127.0.0.1:1884",
        "broker_dir": "broker",
        "broker_pid_file": "pid",
        "tls_listen": "192.168.1.2:8884",
        "devices_file": "devices.json",
    }
    put(tmp_path / "token", SECRET)
    put(tmp_path / "closed", SECRET)
    put(tmp_path / "open", json.dumps({"wall-1": KEY}), OPEN)
    put(tmp_path / "devices.json", json.dumps({"wall-1": KEY}))
    put(tmp_path / "gateway.toml", toml(values | change))
    words = ["run", "--config", str(tmp_path / "gateway.toml")]
    assert said in the_line(lambda: gateway.main(words), capsys)


SITE_FILE: list[tuple[str, str, str, str]] = [
    ("unknown key", "currency", "curency", "platform.curency: Extra inputs"),
    ("time zone", 'id = "ferme"', 'id = "ferme"\ntimezone = "Europe/Pariss"', "'Europe/Pariss' is not known"),
    ("zone elsewhere", 'id = "ferme"', 'id = "ferme"\ntimezone = "../../etc/passwd"', "is not known"),
    ("one producer twice", 'id = "source"', 'id = "tilleuls"', "the producer tilleuls appears twice"),
    ("one product twice", 'id = "lait"', 'id = "tomates"', "the product tomates appears twice"),
    ("one probe twice", "28a1000000000012", "28a1000000000011", "the probe 28a1000000000011 appears twice"),
    ("no room between", "low_c = -1.0", "low_c = 4.0", "low_c must be below high_c"),
    ("limits swapped", "low_c = -1.0", "low_c = 9.0", "low_c must be below high_c"),
    (
        "alert too late",
        "alert_c = 4.0",
        "alert_c = 5.0",
        "alert_c must lie above low_c, and not above high_c",
    ),
    ("alert for ever", "alert_c = 4.0", "alert_c = -2.0", "alert_c must lie above low_c"),
    ("nothing measures", '"28a1000000000011", "28a1000000000012"', "", "is chilled and has no probe"),
    ("sampled too rarely", 'kind = "bank"', 'kind = "bank"\nsample_s = 90', "longer than period_s"),
    ("silent too soon", "alert_c = 4.0", "alert_c = 4.0\nsilence_s = 9", "two samples at least"),
    ("judged too soon", "alert_c = 4.0", "alert_c = 4.0\ndelay_s = 4", "not be shorter than sample_s"),
    ("tries too long", 'kind = "bank"', 'kind = "bank"\nretry_s = 40', "before the tries of a jammed lock"),
    (
        "addresses clash",
        "locks = 16}",
        'locks = 16}, {kind="8a80",address=1,locks=2}',
        "address 1 appears twice",
    ),
    ("doors backwards", 'numbers = "4-5"', 'numbers = "5-4"', "doors 5-4 run backwards"),
]


@pytest.mark.fault("F53")
@pytest.mark.parametrize(
    ("old", "new", "said"), [row[1:] for row in SITE_FILE], ids=[row[0] for row in SITE_FILE]
)
def test_a_site_file_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    said: str,
) -> None:
    text = SITE.read_text(encoding="utf-8")
    assert old in text
    put(tmp_path / "site.toml", text.replace(old, new, 1))
    put(tmp_path / "server.toml", "")
    words = ["setup", "--config", "server.toml", "--site", "site.toml", "--secrets", "secrets.json"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["server", *words])
    assert said in the_line(server.main, capsys)
    assert not (tmp_path / "server.db").exists(), "nothing was opened"


@pytest.mark.fault("F53")
def test_a_hold_shorter_than_the_payment_session_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The provider that ships has no such limit; one whose sessions live longer than the hold does."""
    monkeypatch.setattr(TestProvider, "session_s", 2400)
    put(tmp_path / "server.toml", "")
    words = ["setup", "--config", str(tmp_path / "server.toml"), "--site", str(SITE)]
    monkeypatch.setattr(sys, "argv", ["server", *words, "--secrets", str(tmp_path / "secrets.json")])
    assert "platform.hold_s must be at least 2400" in the_line(server.main, capsys)


def test_one_site_twice_is_refused(tmp_path: Path) -> None:
    from server.foundation.errors import ConfigurationError
    from server.sitefile import document

    text = SITE.read_text(encoding="utf-8")
    put(tmp_path / "site.toml", text + '\n[[sites]]\nid = "ferme"\nname = "encore"\n')
    with pytest.raises(ConfigurationError, match="the site ferme appears twice"):
        document.read(tmp_path / "site.toml")


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (
            json.dumps({"gateways": {}, "controllers": {}, "shops": {}}),
            OPEN,
            "holds all secrets and everybody",
        ),
        ('["' + SECRET + '"]', CLOSED, "holds no secrets of ours"),
        (SECRET, CLOSED, "is not JSON"),
    ],
    ids=["open", "another file", "no JSON"],
)
def test_a_secrets_file_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    mode: int,
    said: str,
) -> None:
    put(tmp_path / "secrets.json", text, mode)
    put(tmp_path / "server.toml", "")
    words = ["setup", "--config", str(tmp_path / "server.toml"), "--site", str(SITE)]
    monkeypatch.setattr(sys, "argv", ["server", *words, "--secrets", str(tmp_path / "secrets.json")])
    assert said in the_line(server.main, capsys)
    assert (tmp_path / "secrets.json").read_text() == text


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        ('[[acts]]\nat = 1\ntarget = "wall-9"\naction = "reset"\n', "there is no controller wall-9"),
        ('[[acts]]\nat = -1\ntarget = "wall-1"\naction = "reset"\n', "at is a number of seconds"),
        ('[[acts]]\nat = 1\ntarget = "wall-1"\naction = "reset"\nforce = 1\n', "Extra inputs"),
        ("[acts]\nat = 1\n", "acts are written as"),
    ],
    ids=["nobody there", "before the beginning", "unknown key", "no list"],
)
def test_a_scenario_is_refused(tmp_path: Path, acts: str, said: str) -> None:
    """The program's own line and status: `tests/system/test_starting.py`."""
    text = (Path(scenario.__file__).parent / "scenarios" / "farm.toml").read_text(encoding="utf-8")
    put(tmp_path / "scenario.toml", text + "\n" + acts)
    with pytest.raises(scenario.ScenarioError) as caught:
        scenario.read(tmp_path / "scenario.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", ["server", "gateway"])
def test_what_is_no_settings_file_at_all_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    config = tmp_path / "config.toml"
    words = (
        ["login-link", "--config", str(config), "a@b"]
        if folder == "server"
        else ["run", "--config", str(config)]
    )
    monkeypatch.setattr(sys, "argv", [folder, *words])
    run = server.main if folder == "server" else lambda: gateway.main(words)
    for content in (b"\xff\xfe", b"[", b'x = "' + SECRET.encode(), None):
        config.unlink(missing_ok=True)
        if content is None:
            config.mkdir()
        else:
            config.write_bytes(content)
        the_line(run, capsys)
