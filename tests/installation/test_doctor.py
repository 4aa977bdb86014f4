"""The doctor on a real box and a real server: every line, what turns it, and that looking changes nothing."""

import json
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from gateway.settings import Address
from installation import box, doctor
from installation.__main__ import main
from installation.errors import InstallationError, Unwell
from server.app import create_app, create_context
from server.background import Background
from server.commands import setup
from server.foundation.settings import load_settings
from server.healthcheck import BAD, OK, WARN
from tests.gateway.conftest import peer, rig
from tests.gateway.rig import Rig
from tests.server.conftest import SITE

__all__ = ["peer", "rig"]


def states(config: Path) -> dict[str, str]:
    return {each.name: each.state for each in box.checks(config)}


def titles(lines: str) -> list[str]:
    """What is looked at, in order."""
    return [line[6:].partition(":")[0] for line in lines.splitlines() if not line.startswith(" ")]


def await_health(rig: Rig) -> None:
    """Until the gateway has said at the broker how it is."""
    deadline = time.monotonic() + 15
    while states(rig.config)["gateway"] != OK:
        assert time.monotonic() < deadline, rig.log.read_text()
        threading.Event().wait(0.2)


@pytest.mark.broker
def test_a_box_that_works_is_well_and_each_part_that_stops_is_named(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(box, "PATIENCE_S", 1.0)
    rig.start_broker()
    rig.start_gateway()
    await_health(rig)
    well = states(rig.config)
    # What this machine is like (disk, clock, battery, its own mosquitto) is not the rig's doing.
    own = {"settings", "broker-files", "broker", "broker-tls", "gateway", "queue", "server"}
    assert {name: well[name] for name in own} == dict.fromkeys(own, OK)

    main(["doctor", "gateway", "--config", str(rig.config)])
    page = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    shown = page.partition("loquet doctor gateway` on a box that works:\n\n```\n")[2].partition("\n```")[0]
    # The rig's server speaks plain HTTP; the page's has a certificate.
    assert [each for each in titles(shown) if each != "Server's certificate"] == titles(
        capsys.readouterr().out
    ), "docs/operations.md, at `doctor gateway`"

    rig.peer.reachable = False
    assert states(rig.config)["server"] == BAD
    rig.peer.reachable = True
    (rig.folder / "token").write_text("another-token\n")
    refused = next(each for each in box.checks(rig.config) if each.name == "server")
    assert (refused.state, "refuses the token" in refused.said_in("en")) == (BAD, True)
    assert "another-token" not in refused.said_in("en") + refused.advice_in("en")

    (rig.folder / "broker" / "rights.acl").write_text("topic readwrite #\n")
    assert states(rig.config)["broker-files"] == BAD
    rig.stop_broker()
    stopped = states(rig.config)
    assert (stopped["broker"], stopped["broker-tls"], stopped["gateway"]) == (BAD, BAD, BAD)
    assert main(["doctor", "gateway", "--config", str(rig.config)]) == 1
    said = capsys.readouterr()
    assert "BAD   Broker: 127.0.0.1" in said.out
    assert "-> systemctl start loquet-broker" in said.out
    assert "must be seen to" in said.err


def test_a_box_with_wrong_settings_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text("site = 3\n")
    [only] = box.checks(config)
    assert only.state == BAD
    assert "site" in only.said_in("en")


@pytest.mark.parametrize(
    ("health", "name", "state"),
    [
        ({"lanes": {"events": {"n": 4, "age": 3600}}}, "queue", WARN),
        ({"lanes": {"events": {"n": 4, "age": 3}}, "unwritten": 2}, "store", BAD),
        ({"aside": {"fenced": 1}, "server": 0}, "fenced", BAD),
        ({"t": 1, "lanes": {}}, "gateway", BAD),
        ({"lanes": "none"}, "queue", OK),
    ],
)
def test_what_the_gateway_says_of_itself_is_judged(
    monkeypatch: pytest.MonkeyPatch, health: dict[str, object], name: str, state: str
) -> None:
    document = {"t": int(time.time()), **health}
    monkeypatch.setattr(box, "_retained_health", lambda _settings: document)
    found = {each.name: each.state for each in box._gateway(None)}  # type: ignore[arg-type]
    assert found[name] == state


def served(folder: Path) -> Path:
    """The settings of a server that was set up in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "server.toml"
    config.write_text(f'listen = "127.0.0.1:{port}"\n')
    setup(config, SITE, folder / "secrets.json")
    return config


def test_a_server_that_runs_is_well_and_one_that_stands_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = served(tmp_path)
    with pytest.raises(Unwell):
        list(doctor.server(config))
    settings = load_settings(config)
    context = create_context(settings)
    app = create_app(context)
    app.state.background = background = Background(context)
    host, _, port = settings.listen.rpartition(":")
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=int(port), log_config=None))
    thread = threading.Thread(target=server.run)
    background.start()
    thread.start()
    try:
        deadline = time.monotonic() + 15
        while not server.started:
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
        main(["doctor", "server", "--config", str(config)])
        said = capsys.readouterr().out.splitlines()
        assert "ok    The server: runs, and so does its background thread" in said
        assert any(line.startswith("ok    Database: sqlite 3.") for line in said)
        assert any(line.startswith("look  Mail relay: none in the settings") for line in said)
        background.stop()
        with pytest.raises(Unwell):
            list(doctor.server(config))
    finally:
        server.should_exit = True
        thread.join(20)
        context.store.close()


def test_looking_at_a_server_that_was_never_set_up_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "server.toml"
    config.write_text('listen = "127.0.0.1:1"\n')
    assert main(["doctor", "server", "--config", str(config)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("BAD   Database: no file ") for line in said)
    assert any(line.startswith("BAD   Data key: it is not there") for line in said)
    assert [path.name for path in tmp_path.iterdir()] == ["server.toml"]


def test_wrong_settings_and_no_settings_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "server.toml"
    config.write_text("smpt = 3\n")
    assert main(["doctor", "server", "--config", str(config)]) == 1
    assert "smpt" in capsys.readouterr().out
    with pytest.raises(InstallationError, match="whose settings"):
        list(doctor.whatever(config, None))


def test_the_doctor_says_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = served(tmp_path)
    main(["doctor", "server", "--config", str(config)])
    said = capsys.readouterr().out
    secrets = json.loads((tmp_path / "secrets.json").read_text())
    key = (tmp_path / "data.key").read_text().strip()
    for secret in (key, *secrets["gateways"].values(), *secrets["shops"].values()):
        assert secret not in said


def test_a_box_without_mosquitto_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_args, **_how: None)
    assert box._broker_program().advice == "apt-get install mosquitto"


def test_an_address_of_another_machine_is_not_this_boxs_broker() -> None:
    """The box of before may still have it, and answer."""
    check = box._own_port(Address("203.0.113.9", 8884))
    assert check.state == BAD
    assert "is no address of this machine" in check.said_in("en")
    with socket.create_server(("127.0.0.1", 0)) as broker:
        assert box._own_port(Address("127.0.0.1", broker.getsockname()[1])).state == OK
