"""A server per test, from a database that migrations and set-up built once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.foundation import migrate
from server.sitefile import document, loading, secrets_file
from server.sitefile.secrets_file import Secrets
from tests.server.bench import Bench, MovedClock, make_context
from tests.server.pages.stage import Stage, prepare

SITE = Path(__file__).parent / "site.toml"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Secrets]:
    """A folder with a database as `python -m server setup` leaves it."""
    folder = tmp_path_factory.mktemp("template")
    context = make_context(folder, MovedClock())
    migrate.upgrade(context.store)
    site_file = document.read(SITE)
    secrets = secrets_file.complete(folder / "secrets.json", site_file, context.ids.token, "")
    with context.store.write() as session:
        loading.load(session, context, site_file, secrets)
    context.store.close()
    return folder, secrets


@pytest.fixture
def bench(template: tuple[Path, Secrets], tmp_path: Path) -> Iterator[Bench]:
    """A server of one's own."""
    source, secrets = template
    folder = tmp_path / "server"
    shutil.copytree(source, folder)
    server = Bench(folder, secrets)
    yield server
    server.close()


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Secrets]:
    """A folder with the database of the farm scenario: two walls, a hangar."""
    folder = tmp_path_factory.mktemp("farm")
    return folder, prepare(folder)


@pytest.fixture
def stage(farm: tuple[Path, Secrets], tmp_path: Path) -> Iterator[Stage]:
    """A farm of one's own."""
    source, secrets = farm
    folder = tmp_path / "farm"
    shutil.copytree(source, folder)
    server = Stage(folder, secrets)
    yield server
    server.close()
