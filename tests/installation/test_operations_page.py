"""What operations.md tells people to type exists: every verb, every option; and what it shows is what they
see."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import __main__ as gateway_main
from gateway.keys import KEYS
from installation import commands, gateway_plan, places, server_plan
from installation.__main__ import main
from installation.acts import Plan
from installation.machine import Machine, carry_out
from server import __main__ as server_main
from server.commands import setup
from server.foundation.settings import Settings
from simulator.parts import environment
from simulator.parts.__main__ import VERBS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
SCRIPT = (ROOT / "loquet").read_text(encoding="utf-8")
OURS = {"server": {"install", "upgrade", "handover"}, "gateway": {"install"}}
"""Verbs of a subject that are the installation's, as the script sends them."""


def shell_lines() -> Iterator[str]:
    """Lines of the page's shell blocks, without comments and what is fed to another program; and commands in
    running text that name their program in full."""
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", PAGE, re.M | re.S):
        yield from re.sub(r"<<'(\w+)'\n.*?^\1$", "", block, flags=re.M | re.S).splitlines()
    prose = re.sub(r"^ *```.*?^ *```", "", PAGE, flags=re.M | re.S)
    yield from (text for text in re.findall(r"`([^`]+)`", prose) if re.search(r"/loquet [a-z]", text))


def commands_shown() -> list[list[str]]:
    """The words after `loquet` of every command of ours."""
    parts = [part for line in shell_lines() for part in re.split(r"&&|\||;|\$\(", line.partition(" #")[0])]
    shown = [re.search(r"(?:^|\s)(?:\.|/opt/loquet)/loquet (.+)", part) for part in parts]
    return [shlex.split(re.sub("[)…]", "", each.group(1))) for each in shown if each is not None]


def test_the_page_shows_the_commands_that_this_test_thinks_it_shows() -> None:
    verbs = {" ".join(words[:2]) for words in commands_shown()}
    assert {"server install", "gateway install", "server handover", "server upgrade"} <= verbs
    assert {words[0] for words in commands_shown()} >= {"doctor", "backup", "restore", "setup"}


@pytest.mark.parametrize("words", commands_shown(), ids=" ".join)
def test_a_command_of_the_page_exists(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    subject, rest = words[0], words[1:]
    assert re.search(rf"^ *(\w[\w |-]*\| )?{subject}( \|[\w |-]*)?\)", SCRIPT, re.M), f"no verb {subject}"
    if subject == "setup":
        assert not rest or rest[0] in VERBS
    elif subject in ("doctor", "backup", "restore") or (rest and rest[0] in OURS.get(subject, ())):
        if subject not in ("backup", "restore", "server") or len(rest) > 1 or subject == "doctor":
            commands.parser().parse_args(words)
    elif subject == "server" and len(rest) > 1:
        monkeypatch.setattr(sys, "argv", ["server", *rest])
        server_main._arguments()
    elif subject == "gateway" and len(rest) > 1:
        assert gateway_main.main(rest) == 2  # parsed; there is no such file here


def test_what_an_installation_prints_is_what_the_page_shows(tmp_path: Path) -> None:
    machine = Machine(tmp_path, privileged=True, live=True)
    program = "/opt/loquet"
    wishes = server_plan.Wishes(program, "loquet", "https://loquet.example.org", 14)
    box = gateway_plan.Wishes(program, "loquet", "ferme", "https://loquet.example.org", "192.168.10.2:8884")
    handover = gateway_plan.Handover("/run/ferme.json", "ferme", "t", {"wall-1": "ab" * 32})
    for plan in (
        server_plan.plan(wishes, None),
        gateway_plan.plan(box, handover, None, has_own_broker=True),
    ):
        assert isinstance(plan, Plan)
        for line in carry_out(plan, machine, dry=True):
            assert f"\n{line}\n" in PAGE, line


def test_a_setting_is_explained_in_one_copy_of_the_words() -> None:
    """The page may add a link or a word at the end."""
    page = (ROOT / "docs/server.md").read_text(encoding="utf-8").replace("`", "")
    page = page[page.index("\n## Settings") :].partition("\n\n## ")[0]
    rows = {row[1].strip(): row[3] for line in page.splitlines() if len(row := line.split("|")) == 5}
    for name, field in Settings.model_fields.items():
        assert field.description
        assert field.description.rstrip(")") in rows[name], f"docs/server.md: {name}"
    for name, key in KEYS.items():
        meaning = f"optional: {key.meaning}" if key.optional else key.meaning
        assert f"| `{name}` | {meaning} |" in PAGE, name


def test_the_container_starts_what_exists_as_nobody_special() -> None:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    steps = [line.split(maxsplit=1) for line in text.replace("\\\n", " ").splitlines() if line[:1].isupper()]
    words = [name for name, _ in steps]
    assert words[0] == "FROM"
    assert words.index("USER") > max(at for at, word in enumerate(words) if word == "RUN")
    said = dict(steps)
    assert said["USER"] == "loquet"
    # What is written elsewhere goes with the container: a backup too.
    assert [kept for name, kept in steps if name == "VOLUME"] == [places.STATE, places.BACKUPS]
    described = PAGE[PAGE.index("### In a container") : PAGE.index("### The site file")]
    for kept in (places.STATE, places.BACKUPS, places.SERVER_SETTINGS, places.SITE_FILE):
        assert f":{kept}" in described, kept
    assert described.index("loquet server setup") < described.index("run -d")
    assert "/readyz" in said["HEALTHCHECK"]
    assert places.SERVER_SETTINGS in said["CMD"]
    for name, arguments in steps:
        if name == "COPY":
            for source in arguments.split()[:-1]:
                assert (ROOT / source).exists(), source


def shown_after(command: str) -> list[str]:
    """The lines of the page's first block that follows a command."""
    block = PAGE[PAGE.index(command) :].partition("\n```\n\n")[2]
    return block[block.index("```\n") + 4 :].partition("\n```")[0].splitlines()


def test_revisions_and_pins_on_the_page_are_today_s() -> None:
    newest = max(path.name for path in (ROOT / "server/migrations/versions").glob("0*.py"))[:4]
    here = re.findall(r"(?:^ok    Database: .*|from SQLite|backup's database), revision (\d{4})", PAGE, re.M)
    assert len(here) == 3
    assert {*here, *re.findall(r"from revision \d{4} to (\d{4})", PAGE)} == {newest}
    assert f"Python packages ({environment._count('run')}, pinned with hashes)" in PAGE


def test_the_doctor_and_a_backup_of_a_new_server_are_what_the_page_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same checks in the same order, same gateways, same counts; disk and clock are a machine's own."""
    config = tmp_path / "server.toml"
    config.write_text("")
    setup(config, ROOT / "simulator/scenarios/farm.toml", tmp_path / "secrets.json")

    main(["doctor", "server", "--config", str(config)])
    said = capsys.readouterr().out.splitlines()
    shown = shown_after("loquet doctor\n")
    names = [[line[6:].partition(":")[0] for line in lines if line[:1] != " "] for lines in (said, shown)]
    assert names[0] == names[1]
    own = ("Clock", "Disk space", "Settings", "Database", "SQLite")
    judged = [line for line in said if line.startswith("look") and line[6:].partition(":")[0] not in own]
    assert set(judged) <= set(shown)

    (tmp_path / "backups").mkdir()
    assert main(["backup", str(tmp_path / "backups"), "--config", str(config)]) == 0
    read_back = capsys.readouterr().out.splitlines()[1]
    on_the_page = shown_after("loquet backup /var/backups/loquet --keep 14\n")[1]
    counted = [re.findall(r"revision \d+|\d+ tables", line) for line in (read_back, on_the_page)]
    assert counted[0] == counted[1] != []
