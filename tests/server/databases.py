"""The databases of tests: SQLite files and databases of a real PostgreSQL, copied from templates that
migrations and set-up made once.

A server under test is a folder; where its database is not the file `server.db` in it, `database-url` says so.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from server.sitefile.secrets_file import Secrets
from simulator.parts import postgres
from tests import shared

SQLITE, POSTGRESQL = "sqlite", "postgresql"
KINDS = (SQLITE, POSTGRESQL)

Connection = psycopg.Connection[tuple[object, ...]]
Prepare = Callable[[Path], Secrets]
"""Makes migrations and set-up run on the database of a folder; returns the secrets."""


def url_of(folder: Path) -> str:
    """The URL of a folder's database."""
    named = folder / "database-url"
    return named.read_text() if named.exists() else f"sqlite:///{folder / 'server.db'}"


class Lazy:
    """The PostgreSQL of a run: the one that is already there, or that a run with workers has started; else
    one of its own, started when first asked for. That keeps nothing through a power cut: no test that uses
    it claims so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cluster: postgres.Cluster | None = None

    def __call__(self) -> postgres.Cluster:
        """The cluster."""
        if self._cluster is None:
            address = postgres.there() or os.environ.get(shared.ADDRESS)
            self._cluster = (
                postgres.start(self._folder, durable=False) if address is None else postgres.reach(address)
            )
        return self._cluster

    def stop(self) -> None:
        """Ends it, if it was started here."""
        if self._cluster is not None:
            self._cluster.stop()


_SCHEMA = """
SELECT (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_index), (SELECT count(*) FROM pg_class),
       (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_attribute WHERE NOT attisdropped)
"""
"""Changes when a test drops or makes a table, a column, an index, a trigger or a rule."""
_MOST_USES = 30
"""Deleted rows stay where they were: after so many tests a database is thrown away."""


def contents(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """Each table and its rows, as COPY writes them."""
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    for (name,) in tables.fetchall():
        command = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(str(name)))
        with connection.cursor().copy(command) as rows:
            yield str(name), b"".join(bytes(part) for part in rows)


class Reused:
    """A PostgreSQL database that a test may fill, and that is then made as its template was."""

    def __init__(self, name: str, template: str, connection: Connection) -> None:
        self.name = name
        self.template = template
        self.connection = connection
        self._uses = 0
        self._schema = connection.execute(_SCHEMA).fetchone()
        self._rows = dict(contents(connection))
        numbers = connection.execute(
            "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences"
        ).fetchall()
        names = [sql.Identifier(table) for table in self._rows]
        self._reset = sql.SQL("; ").join(
            [
                sql.SQL("SET LOCAL session_replication_role = replica"),
                *(sql.SQL("DELETE FROM {}").format(name) for name in names),
                *(
                    sql.SQL("SELECT setval({}, {}, {})").format(
                        sql.Literal(number), sql.Literal(last or 1), sql.Literal(last is not None)
                    )
                    for number, last in numbers
                ),
            ]
        )

    def clean(self) -> bool:
        """False if the test changed more than rows, or it was used enough: to be thrown away."""
        self._uses += 1
        if self._uses >= _MOST_USES or self.connection.execute(_SCHEMA).fetchone() != self._schema:
            return False
        try:
            with self.connection.transaction():
                self.connection.execute(self._reset)
                for name, rows in self._rows.items():
                    command = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))
                    if rows:
                        with self.connection.cursor().copy(command) as target:
                            target.write(rows)
        except psycopg.errors.InsufficientPrivilege:
            return False  # of a server that was already there, where we may not switch triggers off
        return True


@dataclass
class Databases:
    """Makes, copies and removes databases of one kind. `cluster` is asked for when first needed."""

    kind: str
    cluster: Lazy
    prefix: str
    _count: "itertools.count[int]" = field(default_factory=itertools.count)
    _used: dict[str, Reused] = field(default_factory=dict)
    """By name: PostgreSQL's copies that are in use."""
    _clean: dict[str, list[Reused]] = field(default_factory=dict)
    """By template: copies that are as the template is, for the next test."""

    def fresh(self, folder: Path) -> Path:
        """An empty database for a new folder."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.kind == POSTGRESQL:
            name = self._name()
            self.cluster().create(name)
            self._point(folder, name)
        return folder

    def copy(self, source: Path, target: Path) -> Path:
        """A folder and its database of one's own. Nobody may be connected to the source."""
        shutil.copytree(source, target)
        if self.kind == POSTGRESQL:
            template = _named(source)
            if template in self._used:
                self._used[template].connection.close()
            waiting = self._clean.get(template)
            copy = waiting.pop() if waiting else self._copied(template)
            self._used[copy.name] = copy
            self._point(target, copy.name)
        return target

    def put_back(self, source: Path, target: Path) -> None:
        """Replaces the database of `target` by a copy of that of `source`. Nobody may be connected."""
        if self.kind == POSTGRESQL:
            for folder in (source, target):
                used = self._used.pop(_named(folder), None)
                if used is not None:
                    used.connection.close()
            self.cluster().create(_named(target), template=_named(source))
            return
        for part in ("-wal", "-shm"):
            (target / f"server.db{part}").unlink(missing_ok=True)
        shutil.copy(source / "server.db", target / "server.db")

    def remove(self, folder: Path) -> None:
        """The folder's database goes, where it is not in the folder, or is made as its template for the next
        test: that takes a tenth of the time that a new copy takes."""
        if self.kind != POSTGRESQL:
            return
        used = self._used.pop(_named(folder), None)
        if used is not None and not used.connection.closed and used.clean():
            self._clean.setdefault(used.template, []).append(used)
            return
        if used is not None:
            used.connection.close()
        self.cluster().drop(_named(folder))

    def remove_all(self) -> None:
        """What waits for a next test goes too."""
        for waiting in self._clean.values():
            for copy in waiting:
                copy.connection.close()
                self.cluster().drop(copy.name)
        self._clean.clear()

    def everything(self, folder: Path) -> bytes:
        """All that the folder's database holds, to look for what must not be in it; PostgreSQL's bytes as hex
        digits."""
        if self.kind == SQLITE:
            return b"".join(path.read_bytes() for path in sorted(folder.glob("server.db*")))
        with psycopg.connect(url_of(folder).replace("+psycopg", "")) as connection:
            return b"".join(rows for _, rows in contents(connection))

    def _copied(self, template: str) -> Reused:
        name = self._name()
        self.cluster().create(name, template=template)
        address = self.cluster().url(name).replace("+psycopg", "")
        return Reused(name, template, psycopg.connect(address, autocommit=True))

    def _point(self, folder: Path, name: str) -> None:
        (folder / "database-url").write_text(self.cluster().url(name))

    def _name(self) -> str:
        return f"loquet_{self.prefix}_{next(self._count)}"


def _named(folder: Path) -> str:
    return url_of(folder).rpartition("/")[2]
