"""A server per test, on each database, from a database that migrations and set-up built once."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.foundation import migrate
from server.sitefile import document, loading, secrets_file
from server.sitefile.secrets_file import Secrets
from tests import shared
from tests.server.bench import Bench, MovedClock, make_context
from tests.server.databases import KINDS, POSTGRESQL, SQLITE, Databases, Lazy, Prepare
from tests.server.pages.stage import Stage, prepare

SITE = Path(__file__).parent / "site.toml"


def set_up(folder: Path) -> Secrets:
    """A database as `python -m server setup` leaves it."""
    context = make_context(folder, MovedClock())
    migrate.upgrade(context.store)
    site_file = document.read(SITE)
    secrets = secrets_file.complete(folder / "secrets.json", site_file, context.ids.token, "")
    with context.store.write() as session:
        loading.load(session, context, site_file, secrets)
    context.store.close()
    return secrets


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lazy]:
    """The PostgreSQL of this run."""
    lazy = Lazy(tmp_path_factory.mktemp("postgres") / "cluster")
    yield lazy
    lazy.stop()


class Templates:
    """Databases to copy from, each made when first asked for, by one worker for all of a run."""

    def __init__(self, own: Path, cluster: Lazy) -> None:
        self._own = own
        worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
        self._by_kind = {kind: Databases(kind, cluster, f"{os.getpid()}_{worker}") for kind in KINDS}
        self._mine: list[tuple[str, Path]] = []

    def databases(self, kind: str) -> Databases:
        """What makes and copies databases of a kind."""
        return self._by_kind[kind]

    def get(self, kind: str, name: str, prepare: Prepare) -> tuple[Path, Secrets]:
        """The folder of the template `name` and its secrets."""
        place = self._place(kind)
        folder, made = place / f"{kind}-{name}", place / f"{kind}-{name}.json"
        with shared.one_at_a_time(place / f"{kind}-{name}.lock"):
            if not made.exists():
                secrets = prepare(self._by_kind[kind].fresh(folder))
                made.write_text(json.dumps(secrets))
                if place == self._own:
                    self._mine.append((kind, folder))
        found: Secrets = json.loads(made.read_text())
        return folder, found

    def _place(self, kind: str) -> Path:
        """Shared where databases can be: files always, PostgreSQL's if the run has one for all workers."""
        run = os.environ.get(shared.FOLDER)
        if run is None or (kind == POSTGRESQL and shared.ADDRESS not in os.environ):
            return self._own
        return Path(run)

    def remove(self) -> None:
        """What this worker made for itself."""
        for databases in self._by_kind.values():
            databases.remove_all()
        for kind, folder in self._mine:
            self._by_kind[kind].remove(folder)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory, cluster: Lazy) -> Iterator[Templates]:
    """The templates of this run."""
    made = Templates(tmp_path_factory.mktemp("templates"), cluster)
    yield made
    made.remove()


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRESQL, marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest, templates: Templates) -> Databases:
    """Each kind of database in turn: whoever asks for it, or for a server on it, is run on both."""
    request.node.user_properties.append(("database", request.param))
    return templates.databases(request.param)


@pytest.fixture
def template(databases: Databases, templates: Templates) -> tuple[Path, Secrets]:
    """A folder whose database is as `python -m server setup` leaves it, to be copied."""
    return templates.get(databases.kind, "wall", set_up)


@pytest.fixture
def bench(databases: Databases, template: tuple[Path, Secrets], tmp_path: Path) -> Iterator[Bench]:
    """A server of one's own."""
    source, secrets = template
    folder = databases.copy(source, tmp_path / "server")
    server = Bench(folder, secrets)
    yield server
    server.close()
    databases.remove(folder)


@pytest.fixture
def farm(databases: Databases, templates: Templates) -> tuple[Path, Secrets]:
    """A folder with the database of the farm scenario: two walls, a hangar."""
    return templates.get(databases.kind, "farm", prepare)


@pytest.fixture
def stage(databases: Databases, farm: tuple[Path, Secrets], tmp_path: Path) -> Iterator[Stage]:
    """A farm of one's own."""
    source, secrets = farm
    folder = databases.copy(source, tmp_path / "farm")
    server = Stage(folder, secrets)
    yield server
    server.close()
    databases.remove(folder)
