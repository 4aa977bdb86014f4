"""The command line and the site file: set up, set up again, and what is refused with one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, text

from server.foundation import migrate
from server.foundation.errors import ConfigurationError
from server.lockers.models import Compartment, Controller
from server.people.models import Platform
from server.sitefile import document, loading, secrets_file
from tests.server.bench import Bench
from tests.server.conftest import SITE
from tests.server.databases import url_of


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m server …`."""
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )


def test_set_up_twice_changes_nothing_and_a_link_is_printed(tmp_path: Path) -> None:
    config, secrets = tmp_path / "server.toml", tmp_path / "secrets.json"
    config.touch(0o600)
    config.write_text('webhook_secret = "s"\n')
    words = ("setup", "--config", str(config), "--site", str(SITE), "--secrets", str(secrets))
    first = run(tmp_path, *words)
    assert first.returncode == 0, first.stderr
    assert secrets.stat().st_mode & 0o777 == 0o600
    before = secrets.read_bytes()
    assert run(tmp_path, *words).returncode == 0
    assert secrets.read_bytes() == before
    link = run(tmp_path, "login-link", "--config", str(config), "manager@example.org")
    assert link.stdout.startswith("http://127.0.0.1:8000/login/")
    nobody = run(tmp_path, "login-link", "--config", str(config), "x@example.org")
    assert (nobody.returncode, nobody.stdout) == (2, "")
    assert "nobody" in nobody.stderr


def test_a_server_without_its_tables_says_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("")
    answer = run(tmp_path, "run", "--config", str(config))
    assert answer.returncode == 2
    assert "never set up: run ./loquet server setup" in answer.stderr.strip().splitlines()[-1]


def test_a_server_whose_tables_are_older_says_what_to_do(bench: Bench) -> None:
    migrate.downgrade(bench.context.store, "0007")
    config = bench.folder / "older.toml"
    config.touch(0o600)
    config.write_text(f'database_url = "{url_of(bench.folder)}"\n')
    answer = run(bench.folder, "run", "--config", str(config))
    assert answer.returncode == 2
    assert "older than this program: run ./loquet server upgrade" in answer.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("verb", ["setup", "run"])
def test_a_database_of_a_newer_program_is_one_line_and_stays_as_it_is(bench: Bench, verb: str) -> None:
    with bench.context.store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    config = bench.folder / "newer.toml"
    config.touch(0o600)
    config.write_text(f'database_url = "{url_of(bench.folder)}"\nwebhook_secret = "s"\n')
    words = ["--config", str(config)]
    if verb == "setup":
        words += ["--site", str(SITE), "--secrets", str(bench.folder / "secrets.json")]
    answer = run(bench.folder, verb, *words)
    assert answer.returncode == 2
    (line,) = answer.stderr.strip().splitlines()
    assert "this program is older than its database: upgrade the program" in line
    with bench.context.store.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('climate = "chilled"\nmax_c', 'climate = "cool"\nmax_c', "products.1.climate"),
        ('producer = "source"', 'producer = "nobody"', "unknown producer"),
        ('numbers = "4-5"', 'numbers = "3-4"', "appears twice"),
        ("first_channel = 4", "first_channel = 3", "no lock of its own"),
        ('zone = "chilled"', 'zone = "cold"', "unknown zone"),
        ('name = "Tomates 1 kg"', 'name = "Tomates anciennes, 1 kilo"', "24 bytes"),
        ("address = 1, locks = 16", "address = 32, locks = 16", "address up to 31"),
        ("address = 1, locks = 16", "address = 1, locks = 25", "at most 24 locks"),
        ('kind = "8a80"', 'kind = "mcp"', "at most 8 locks"),
        (
            '[[sites.controllers.zones]]\nid = "chilled"',
            "".join(
                f'[[sites.controllers.zones]]\nid = "z{at}"\nname = "z"\nclimate = "chilled"\n'
                f'probes = ["28a100000000000{at}", "28a100000000001{at}", "28a100000000002{at}"]\n'
                for at in range(5)
            )
            + '[[sites.controllers.zones]]\nid = "chilled"',
            "at most 16 probes",
        ),
        ('id = "wall-1"', 'id = "gw"', "is taken"),
        ("currency", "curency", "platform.curency"),
        ("[platform]", "[platform", "Expected"),
    ],
)
def test_a_site_file_with_a_fault_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, found: str
) -> None:
    path = tmp_path / "site.toml"
    text = SITE.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=found):
        document.read(path)


def test_a_changed_site_file_changes_what_it_says_and_sends_one_new_document(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "site.toml"
    text = SITE.read_text(encoding="utf-8").replace("02 33 00 00 00", "02 33 11 11 11")
    path.write_text(text.replace('numbers = "4-5"', 'numbers = "4-4"'), encoding="utf-8")
    for _ in range(2):
        with bench.context.store.write() as session:
            loading.load(session, bench.context, document.read(path), bench.secrets)
    with bench.context.store.read() as session:
        assert session.get_one(Platform, 1).help == "02 33 11 11 11"
        assert session.get_one(Controller, "wall-1").config_version == 2
        gone = session.scalars(select(Compartment).where(Compartment.number == 5)).one()
        assert not gone.in_service
    bench.sync()
    assert bench.device.config.help_number == "02 33 11 11 11"


def test_a_secrets_file_that_is_none_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.touch(0o600)
    path.write_text("{")
    with pytest.raises(ConfigurationError, match="move it away"):
        secrets_file.complete(path, document.read(SITE), lambda: "t", "")
    assert path.read_text() == "{"
