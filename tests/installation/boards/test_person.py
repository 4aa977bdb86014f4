"""Who a board will be: site file and secrets give the very bytes that the firmware reads, or a reason."""

import json
import secrets
from pathlib import Path

import pytest

from firmware.services.identity import parse
from installation.boards import program
from installation.boards.faults import BadIdentity
from installation.boards.person import identify
from simulator.parts.interpreter import compile_firmware

SITE = Path(__file__).resolve().parents[2] / "firmware" / "wall" / "site.toml"
KEYS = {"psk": secrets.token_hex(32), "key": secrets.token_hex(32)}


def written(path: Path, content: object, mode: int = 0o600) -> Path:
    path.touch(mode=mode)
    path.write_text(json.dumps(content) if not isinstance(content, str) else content)
    return path


def test_the_firmware_reads_what_is_written(tmp_path: Path) -> None:
    file = written(tmp_path / "secrets.json", {"controllers": {"rooms": KEYS}})
    radio = written(tmp_path / "radio", "a long key\n")
    who = identify(SITE, "rooms", file, "gateway.lan:8884", ("ferme", radio))
    read = parse(who.content)
    assert (
        (read.site, read.device, read.board)
        == ("bench", "rooms", "cold-room")
        == (who.site, who.device, who.board)
    )
    assert (read.broker_host, read.broker_port, read.wifi) == ("gateway.lan", 8884, ("ferme", "a long key"))
    assert (read.psk.hex(), read.key.hex()) == (KEYS["psk"], KEYS["key"])


@pytest.mark.parametrize(
    ("device", "content", "mode", "gateway", "words"),
    [
        (
            "wall-9",
            {"controllers": {}},
            0o600,
            "10.0.0.1:8884",
            "no controller 'wall-9'; it has rooms",
        ),
        ("wall", {"controllers": {}}, 0o600, "10.0.0.1:8884", "no keys of wall"),
        ("wall", "not JSON", 0o600, "10.0.0.1:8884", "no keys of wall"),
        ("wall", {"controllers": {"wall": KEYS}}, 0o644, "10.0.0.1:8884", "chmod 600"),
        ("wall", {"controllers": {"wall": KEYS | {"psk": "ab"}}}, 0o600, "10.0.0.1:8884", "32 bytes"),
        ("wall", {"controllers": {"wall": KEYS | {"psk": KEYS["key"]}}}, 0o600, "10.0.0.1:8884", "two"),
        ("wall", {"controllers": {"wall": KEYS}}, 0o600, "10.0.0.1", "HOST:PORT"),
        ("wall", {"controllers": {"wall": KEYS}}, 0o600, "10.0.0.1:0", "HOST:PORT"),
        ("wall", {"controllers": {"wall": KEYS}}, 0o600, "300.0.0.1:8884", "neither"),
        ("wall", {"controllers": {"wall": KEYS}}, 0o600, "mqtts://gw:8884", "neither"),
    ],
)
def test_reasons_name_the_file_and_never_a_key(
    device: str, content: object, mode: int, gateway: str, words: str, tmp_path: Path
) -> None:
    file = written(tmp_path / "secrets.json", content, mode)
    with pytest.raises(BadIdentity, match=words) as refused:
        identify(SITE, device, file, gateway)
    assert KEYS["key"] not in str(refused.value)


def test_no_secrets_no_site_file(tmp_path: Path) -> None:
    with pytest.raises(BadIdentity, match="can't be read"):
        identify(SITE, "wall", tmp_path / "none", "10.0.0.1:8884")
    with pytest.raises(BadIdentity):
        identify(tmp_path / "none.toml", "wall", tmp_path / "none", "10.0.0.1:8884")


def test_the_board_gets_the_program_that_the_simulator_runs(tmp_path: Path) -> None:
    compile_firmware(program.FIRMWARE, tmp_path)
    simulated = {f"firmware/{p.relative_to(tmp_path)}": p.read_bytes() for p in tmp_path.rglob("*.mpy")}
    built = program.build()
    assert {path: content for path, content in built.items() if path != "main.py"} == simulated
