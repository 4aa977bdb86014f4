"""Installing into a folder: what lies where, whose it is; that doing it again changes nothing; that systemd
takes the units and the programs take the settings."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import settings as gateway_settings
from gateway.keys import KEYS
from installation import install, places
from installation.__main__ import main
from installation.errors import InstallationError
from server.foundation.settings import Settings, load_settings
from tests.server.conftest import SITE

USER, GROUP = 7077, 7078


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with as much of a machine as an installation looks at."""
    root = tmp_path / "image"
    (root / "etc").mkdir(parents=True)
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/mosquitto").touch()
    (root / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\nloquet:x:{USER}:{GROUP}::/:/bin/false\n")
    (root / "etc/group").write_text(f"root:x:0:\nloquet:x:{GROUP}:\n")
    return root


def run(*words: str) -> int:
    return main(list(words))


def into(image: Path, *words: str) -> list[str]:
    return [*words, "--root", str(image), "--prefix", "/opt/loquet"]


def tree(image: Path) -> dict[str, tuple[int, int, int, int]]:
    """Every path with mode, owner, group and, of files, the time of its last change."""
    return {
        str(path.relative_to(image)): (
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_mtime_ns if path.is_file() else 0,
        )
        for path in sorted(image.rglob("*"))
        for status in [path.stat()]
    }


def box(image: Path, *more: str) -> list[str]:
    return into(image, "gateway", "install", "--site", "ferme", "--tls-listen", "192.168.10.2:8884", *more)


def test_a_server_is_laid_out_once_and_again_changes_nothing(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = ["--base-url", "https://ferme.example.org", "--keep", "365"]
    assert run(*into(image, "server", "install", *wishes)) == 0
    said = capsys.readouterr().out
    assert "made   /etc/loquet/server.toml  (root:loquet 0640)" in said
    for path, mode in {
        "etc/loquet": 0o750,
        "etc/loquet/server.toml": 0o640,
        "var/lib/loquet": 0o700,
        "var/backups/loquet": 0o700,
        "etc/systemd/system/loquet-server.service": 0o644,
    }.items():
        status = (image / path).stat()
        assert status.st_mode & 0o7777 == mode, path
        if os.geteuid() == 0:
            assert status.st_uid == (USER if path.startswith("var") else 0), path
    before = tree(image)
    assert run(*into(image, "server", "install")) == 0
    said = capsys.readouterr().out
    assert "made" not in said
    assert "kept   /etc/loquet/server.toml" in said
    assert tree(image) == before


def test_every_setting_is_in_the_file_with_its_words_and_the_server_takes_it(image: Path) -> None:
    assert run(*into(image, "server", "install")) == 0
    file = image / "etc/loquet/server.toml"
    text = file.read_text()
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} says nothing of itself"
        assert f"\n{name} = " in text
        assert field.description in text.replace("\n# ", " "), name
    assert load_settings(file).database_url == "sqlite:////var/lib/loquet/server.db"


def test_a_kept_file_is_told_what_it_lacks_and_what_nobody_knows(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = image / "etc/loquet/server.toml"
    file.parent.mkdir()
    mine = 'listen = "127.0.0.1:9000"\nworkers = 4\n'
    file.write_text(mine)
    assert run(*into(image, "server", "install")) == 0
    said = capsys.readouterr().out
    assert "new setting base_url: what links in mails begin with" in said
    assert "unknown setting workers" in said
    assert "new setting listen" not in said
    assert file.read_text() == mine
    file.write_text("listen = [")
    assert run(*into(image, "server", "install")) == 2
    assert "not TOML" in capsys.readouterr().err


def test_an_address_that_is_none_is_refused_and_one_that_a_kept_file_contradicts_is_said(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(image)
    for wrong in ("loquet.example.org", "https://x.example.org/shop", 'https://x"y', "ftp://x.example.org"):
        assert run(*into(image, "server", "install", "--base-url", wrong)) == 2
        assert run(*box(image, "--server-url", wrong)) == 2
    assert "--server-url ftp://x.example.org must be like" in capsys.readouterr().err
    assert tree(image) == before
    for words in (["server", "install", "--base-url"], [*box(image)[:6], "--server-url"]):
        assert run(*into(image, *words, "https://old.example.org")) == 0
        capsys.readouterr()
        assert run(*into(image, *words, "https://new.example.org")) == 0
        assert '= "https://old.example.org", not "https://new.example.org"' in capsys.readouterr().out


@pytest.mark.parametrize("words", [["server", "install"], ["backup", "/tmp"], ["server", "upgrade"]])
def test_a_number_of_backups_below_nought_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(*words, "--keep", "-1")
    assert "-1: a whole number" in capsys.readouterr().err


def test_a_database_that_does_not_answer_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "server.toml"
    key = tmp_path / "data.key"
    key.write_text("00" * 32)
    key.chmod(0o600)
    file.write_text(f'database_url = "postgresql://loquet@127.0.0.1:1/loquet"\ndata_key_file = "{key}"\n')
    file.chmod(0o600)
    for words in (["backup", str(tmp_path)], ["server", "upgrade"]):
        assert run(*words, "--config", str(file)) == 2
        error = capsys.readouterr().err
        assert error.startswith("loquet: the database: ")
        assert error.count("\n") == 1


def test_a_dry_run_names_every_act_and_touches_nothing(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(image)
    assert run(*into(image, "server", "install", "--dry-run")) == 0
    dry = capsys.readouterr().out.splitlines()
    assert tree(image) == before
    assert run(*into(image, "server", "install")) == 0
    real = capsys.readouterr().out.splitlines()
    assert set(real) - set(dry) == {
        line for line in real if line.startswith("  no systemd runs here") or line.startswith("  give ")
    }


def test_a_boxs_secrets_are_handed_over_and_nothing_else_of_the_servers(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = {
        "gateways": {"ferme": "token-of-ferme", "autre": "token-of-autre"},
        "controllers": {
            name: {"key": "cd" * 32, "psk": f"{number:02x}" * 32}
            for number, name in enumerate(("wall-1", "wall-2", "hangar-1", "stranger"))
        },
    }
    (tmp_path / "secrets.json").write_text(json.dumps(secrets))
    out = tmp_path / "ferme.json"
    words = ["server", "handover", "ferme", "--site", str(SITE), "--out", str(out)]
    words += ["--secrets", str(tmp_path / "secrets.json")]
    assert run(*words) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert "cdcd" not in out.read_text()
    assert "stranger" not in out.read_text()
    assert "autre" not in out.read_text()
    assert run(*words) == 2
    assert "remove it first" in capsys.readouterr().err

    assert run(*box(image, "--handover", str(out))) == 0
    said = capsys.readouterr().out
    assert "token-of-ferme" not in said
    token = image / "etc/loquet/gateway.token"
    assert token.read_text() == "token-of-ferme\n"
    assert token.stat().st_mode & 0o777 == 0o640
    assert "wall-1" in gateway_settings.devices(image / "etc/loquet/devices.json")
    read = gateway_settings.read(image / "etc/loquet/gateway.toml")
    assert (read.site, read.tls_listen.port) == ("ferme", 8884)


def test_every_key_of_a_gateway_is_explained_once() -> None:
    assert set(KEYS) == {*gateway_settings._REQUIRED, *gateway_settings._OPTIONAL}
    assert {name for name, key in KEYS.items() if key.optional} == set(gateway_settings._OPTIONAL)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--site", "Ferme!", "--tls-listen", "192.168.10.2:8884"], "can't be a site's id"),
        (["--site", "ferme", "--tls-listen", "192.168.10.2"], "ADDRESS:PORT"),
        (["--site", "ferme", "--tls-listen", "h:8884", "--handover", "/nowhere"], "can't be read"),
    ],
)
def test_a_box_is_not_laid_out_on_wrong_words(
    image: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    before = tree(image)
    assert run(*into(image, "gateway", "install", *words)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert tree(image) == before


def test_a_box_without_a_broker_is_told_how_to_have_one(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (image / "usr/sbin/mosquitto").unlink()
    assert run(*box(image)) == 2
    assert "apt-get install mosquitto" in capsys.readouterr().err


def test_a_program_that_services_cannot_reach_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InstallationError, match="no checkout"):
        install.refuse_unreachable(tmp_path)
    monkeypatch.setattr(install, "_HIDDEN", (tmp_path / "home",))
    with pytest.raises(InstallationError, match="clone it to /opt/loquet"):
        install.refuse_unreachable(_checkout(tmp_path / "home" / "me"))
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "loquet").touch()
    with pytest.raises(InstallationError, match="was never set up"):
        install.refuse_unreachable(bare)
    shut = _checkout(tmp_path / "shut")
    shut.chmod(0o700)
    with pytest.raises(InstallationError, match=r"chmod -R a\+rX"):
        install.refuse_unreachable(shut)


def _checkout(folder: Path) -> Path:
    (folder / ".loquet/venv/bin").mkdir(parents=True)
    (folder / "loquet").touch()
    return folder


@pytest.fixture
def verifiable(image: Path, tmp_path: Path) -> Path:
    """The units with programs that exist here."""
    assert run(*into(image, "server", "install")) == 0
    assert run(*box(image)) == 0
    folder = tmp_path / "units"
    shutil.copytree(image / "etc/systemd/system", folder)
    for unit in folder.glob("*.service"):
        text = unit.read_text().replace("/opt/loquet/loquet", str(places.CHECKOUT / "loquet"))
        unit.write_text(text.replace(places.MOSQUITTO, sys.executable).replace("User=loquet", "User=root"))
    return folder


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_systemd_takes_the_units(verifiable: Path) -> None:
    units = sorted(map(str, verifiable.iterdir()))
    assert len(units) == 5
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "loquet-" in line]
    assert (done.returncode, ours) == (0, [])


def test_each_unit_may_write_its_state_alone(verifiable: Path) -> None:
    for unit in verifiable.glob("*.service"):
        text = unit.read_text()
        for line in (
            "ProtectSystem=strict",
            "NoNewPrivileges=yes",
            "StateDirectory=loquet",
            "CapabilityBoundingSet=\n",
        ):
            assert line in text, (unit.name, line)
    assert "ReadWritePaths=/var/backups/loquet" in (verifiable / "loquet-backup.service").read_text()


def test_nobody_special_is_told_what_is_possible_and_may_fill_a_folder(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run("server", "install", "--prefix", "/opt/loquet") == 2
    refusal = capsys.readouterr().err
    assert refusal.count("\n") == 1
    assert "sudo" in refusal
    (image / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    assert run(*into(image, "server", "install")) == 0
    said = capsys.readouterr().out
    assert "left   user loquet" in said
    assert "give " in said
    assert (image / "etc/systemd/system/loquet-server.service").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_looks_after_the_servers_data_as_their_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, USER, GROUP)
    code = (
        "import os, sys; from pathlib import Path; from installation import identity\n"
        "identity.become_owner_of(Path(sys.argv[1])); print(os.getuid(), os.getgid(), os.getgroups())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=places.CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{USER} {GROUP} [{GROUP}]\n"
