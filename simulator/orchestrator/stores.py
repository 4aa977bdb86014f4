"""The databases of a run: the embedded default, or PostgreSQL and InfluxDB, started for the occasion or
already there. Whatever a run makes in a database that was there goes with the run.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from server.telemetry.influx.line import bucket_of
from server.telemetry.store import Step
from simulator.orchestrator.runfolder import RunError, free_port
from simulator.parts import influxd, postgres
from simulator.parts.postgres import PostgresError
from simulator.parts.progress import SetupError

HERE = "here"
"""Instead of an address: start one for the occasion."""

TOKEN_FILE = "LOQUET_INFLUX_TOKEN_FILE"
"""Environment variable beside `--influx URL`: the file that holds a token which may make buckets."""
ORG = "LOQUET_INFLUX_ORG"
"""Environment variable beside `--influx URL`: the organisation (else `loquet`)."""

Entries = dict[str, str | int | bool]
"""Keys of `server.toml`."""


@dataclass(frozen=True)
class Choice:
    """What `--postgres` and `--influx` said: None (not asked for), HERE, or the address of one."""

    postgres: str | None = None
    influx: str | None = None


@dataclass(frozen=True)
class Opened:
    """The databases of a run."""

    entries: Entries
    """What they add to the server's settings."""
    said: tuple[str, ...]
    """A line for each, with its version."""


@contextmanager
def open_stores(choice: Choice, folder: Path) -> Iterator[Opened]:
    """Starts or reaches what was chosen; files go below `folder`. Raises RunError with one line, also in the
    end, if something that it made can't be removed.
    """
    with ExitStack() as stack:
        entries: Entries = {}
        said = []
        if choice.postgres is not None:
            cluster, name = stack.enter_context(_database(choice.postgres, folder / "postgres"))
            entries["database_url"] = cluster.url(name)
            said.append(f"PostgreSQL {cluster.version}")
        if choice.influx is not None:
            more, version = stack.enter_context(_bucket(choice.influx, folder / "influx"))
            entries |= more
            said.append(f"InfluxDB {version}")
        yield Opened(entries, tuple(said))


@contextmanager
def _in_a_line() -> Iterator[None]:
    """What a store's own part complains of, as a RunError."""
    try:
        yield
    except (PostgresError, SetupError, LookupError) as error:
        raise RunError(str(error)) from error


@contextmanager
def _database(where: str, folder: Path) -> Iterator[tuple[postgres.Cluster, str]]:
    if where == HERE and (there := postgres.there()) is not None:
        where = there
    name = f"loquet_demo_{token_hex(4)}"
    with _in_a_line():
        cluster = postgres.start(folder) if where == HERE else postgres.reach(where)
    try:
        with _in_a_line():
            cluster.create(name)
        try:
            yield cluster, name
        finally:
            if where != HERE:  # one of ours goes as a whole
                with _in_a_line():
                    cluster.drop(name)
    finally:
        cluster.stop()


@contextmanager
def _bucket(where: str, folder: Path) -> Iterator[tuple[Entries, str]]:
    if where == HERE:
        with _in_a_line():
            influx = influxd.start(folder, free_port())
        try:
            yield _entries(influx.url, influx.org, influx.bucket, influx.token_file), _version(influx.url)
        finally:
            influx.stop()
        return
    token_file = Path(os.environ.get(TOKEN_FILE, ""))
    if not token_file.is_file():
        raise RunError(
            f"--influx with an address needs {TOKEN_FILE}: a file with a token that may make buckets"
        )
    _must_be_plain(where)
    org, name = os.environ.get(ORG, "loquet"), f"loquet-demo-{token_hex(4)}"
    version = _version(where)
    token = token_file.read_bytes().decode("ascii", "replace").strip()
    with InfluxDBClient(url=where, token=token, org=org) as client:
        with _answering(where, f"makes no bucket in {org} with the token in {TOKEN_FILE}"):
            # Asked before anything else starts; the server makes its own, with their retention.
            client.buckets_api().delete_bucket(client.buckets_api().create_bucket(bucket_name=name, org=org))
        try:
            yield _entries(where, org, name, token_file.resolve()), version
        finally:
            with _answering(where, f"does not remove the buckets {name}"):
                _remove(client, name)


def _remove(client: InfluxDBClient, name: str) -> None:
    buckets = client.buckets_api()
    for step in Step:
        bucket = buckets.find_bucket_by_name(bucket_of(name, step))
        if bucket is not None:
            buckets.delete_bucket(bucket)


@contextmanager
def _answering(url: str, failing: str) -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        raise RunError(f"InfluxDB at {url} {failing} (status {error.status})") from error
    except (InfluxDBError, HTTPError, ValueError) as error:
        # No such organisation; nobody there; a token that no header can hold.
        raise RunError(f"InfluxDB at {url} {failing} ({type(error).__name__})") from error


def _must_be_plain(url: str) -> None:
    """Refuses what is no address, or holds more than one: it is printed, and stands in settings."""
    try:
        parts = urlsplit(url)
        plain = parts.port is None or parts.port > 0
    except ValueError:
        parts, plain = urlsplit(""), False
    plain = plain and parts.scheme in ("http", "https") and bool(parts.hostname)
    if not plain or parts.username is not None or parts.query or parts.fragment:
        raise RunError("an InfluxDB is named as http://HOST:PORT, without name, password or token in it")


def _entries(url: str, org: str, bucket: str, token_file: Path) -> Entries:
    return {
        "telemetry_store": "influx",
        "influx_url": url,
        "influx_org": org,
        "influx_bucket": bucket,
        "influx_token_file": str(token_file),
    }


def _version(url: str) -> str:
    with InfluxDBClient(url=url, token="") as client:
        try:
            return str(client.version()).removeprefix("v") or "of an unnamed version"
        except (ApiException, HTTPError) as error:
            raise RunError(f"no InfluxDB answers at {url} ({type(error).__name__})") from error
