"""What a backup's database holds, and whether it is whole: asked of the file itself, by restoring it."""

from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from installation.backup.copying import sqlite_connect
from installation.errors import InstallationError
from server.foundation import migrate
from server.foundation.database import Store, sqlite_module
from server.healthcheck.database import broken_chains


class RehearsalError(InstallationError):
    """The copy is whole, but this program can't bring it to its own revision."""


@dataclass(frozen=True)
class Facts:
    """Of a copy: its revision, the rows of each table, the ends of its chains (controller to position and
    link), and how far each gateway's lane had come (`site epoch lane` to number)."""

    revision: str
    rows: dict[str, int]
    audit: tuple[int, str]
    ledgers: dict[str, tuple[int, str]]
    lanes: dict[str, int]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @staticmethod
    def read(plain: dict[str, Any]) -> "Facts":
        """From JSON. Raises KeyError or TypeError if it is something else."""
        ledgers = {name: (int(at), str(link)) for name, (at, link) in plain["ledgers"].items()}
        count, link = plain["audit"]
        return Facts(
            plain["revision"], dict(plain["rows"]), (int(count), str(link)), ledgers, dict(plain["lanes"])
        )


def facts_of(file: Path) -> Facts:
    """Asked of the file. Raises the SQLite module's DatabaseError if it is no database of Loquet."""
    with closing(sqlite_connect(file)) as copy:
        names = [
            str(name)
            for (name,) in copy.execute(
                "SELECT name FROM sqlite_master"
                " WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            )
        ]
        rows = {name: int(copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names}
        (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
        head = copy.execute("SELECT count, hash FROM audit_head").fetchone() or (0, "")
        ledgers = {
            str(name): (int(position), str(link))
            for name, position, link in copy.execute("SELECT controller_id, position, link FROM ledger_heads")
        }
        lanes = {
            f"{site} {epoch} {lane}": int(upto)
            for site, epoch, lane, upto in copy.execute("SELECT site_id, epoch, lane, upto FROM lane_cursors")
        }
    return Facts(str(revision), rows, (int(head[0]), str(head[1])), ledgers, lanes)


def faults(file: Path, stated: Facts) -> list[str]:
    """What is wrong with a copy, one sentence each; empty if it is whole. The file is brought to the newest
    revision by this, which rehearses the migration. Raises RehearsalError if that fails.
    """
    database_error: type[Exception] = sqlite_module().DatabaseError
    try:
        with closing(sqlite_connect(file)) as copy:
            pages = [str(line) for (line,) in copy.execute("PRAGMA integrity_check(3)")]
            strays = copy.execute("PRAGMA foreign_key_check").fetchmany(3)
        found = [] if pages == ["ok"] else [f"its file is damaged: {line}" for line in pages]
        found += [
            f"a row of {table} refers to {parent}, which is not there" for table, _, parent, _ in strays
        ]
        if found:
            return found
        if facts_of(file) != stated:
            return ["it does not hold what was counted when it was made"]
    except database_error as error:
        return [f"its file is no database of Loquet: {error}"]
    return _recomputed(file, stated)


def _recomputed(file: Path, stated: Facts) -> list[str]:
    store = Store(f"sqlite:///{file}")
    try:
        migrate.upgrade(store)
        with store.read() as session:
            return broken_chains(session)
    except Exception as error:
        raise RehearsalError(
            f"the migration from revision {stated.revision} fails on a copy ({type(error).__name__}): the"
            " database itself was not touched, and the program of before runs on it"
        ) from error
    finally:
        store.close()
