"""The databases of a demo that can't be had are one clear line without a secret, and what a run made in one
that was there goes with it.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from simulator.commands import SCENARIOS
from simulator.orchestrator.runfolder import RunError, free_port
from simulator.orchestrator.stores import ORG, TOKEN_FILE, Choice, open_stores
from simulator.parts import influxd, postgres
from simulator.parts.places import ROOT


class BrokenOffError(Exception):
    """A run that ends by an error."""


def refused(choice: Choice, folder: Path) -> str:
    """The line with which a run refuses to start."""
    with pytest.raises(RunError) as told, open_stores(choice, folder):
        pass
    line = str(told.value)
    assert "\n" not in line
    assert "hidden" not in line
    return line


@pytest.mark.parametrize(
    "address", ["loquet", "mysql://me:hidden@db/x", "postgresql://me:hidden@db:port/x", "postgresql://[::1/x"]
)
def test_what_names_no_postgresql(tmp_path: Path, address: str) -> None:
    assert refused(Choice(postgres=address), tmp_path).startswith("a PostgreSQL is named as postgresql://")


@pytest.mark.parametrize(
    "address", ["loquet", "ftp://db", "http://db:port", "http://me:hidden@db", "http://db/?token=hidden"]
)
def test_what_names_no_influxdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(TOKEN_FILE, __file__)
    assert refused(Choice(influx=address), tmp_path).startswith("an InfluxDB is named as http://")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Cluster]:
    """A server that was there, and a user who may make nothing."""
    if postgres.find() is None:
        pytest.skip("the pinned PostgreSQL is not here: ./loquet setup postgres")
    found = postgres.start(tmp_path_factory.mktemp("postgres") / "cluster", durable=False)
    asked(found, "CREATE ROLE poor LOGIN PASSWORD 'hidden'")
    yield found
    found.stop()


def asked(cluster: postgres.Cluster, question: str) -> list[str]:
    """The first column of an answer."""
    with psycopg.connect(cluster.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(question.encode())
        return [str(row[0]) for row in cursor] if cursor.description else []


RUNS = "SELECT datname FROM pg_database WHERE datname LIKE 'loquet_demo_%'"


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("user", "database", "says"),
    [
        ("poor:hidden-too", "postgres", "password authentication failed"),
        ("poor:hidden", "none", "does not exist"),
        ("poor:hidden", "postgres", "permission denied to create database"),
    ],
)
def test_a_postgresql_that_does_not_let_us(
    cluster: postgres.Cluster, tmp_path: Path, user: str, database: str, says: str
) -> None:
    where = cluster.address.rpartition("@")[2]
    line = refused(Choice(postgres=f"postgresql://{user}@{where}/{database}"), tmp_path)
    assert where in line
    assert says in line


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("password", "verb", "says"),
    [
        ("hidden", "setup", "may not make its tables"),
        ("hidden", "run", "run ./loquet server setup"),
        ("hidden-too", "run", "host, user, password and name"),
    ],
)
def test_a_server_whose_user_may_not(
    cluster: postgres.Cluster, tmp_path: Path, password: str, verb: str, says: str
) -> None:
    cluster.create("shut")
    where = cluster.address.rpartition("@")[2]
    config = tmp_path / "server.toml"
    config.touch(0o600)
    config.write_text(f'database_url = "postgresql://poor:{password}@{where}/shut"\nwebhook_secret = "s"\n')
    more = ["--site", str(SCENARIOS / "demo.toml"), "--secrets", str(tmp_path / "secrets.json")]
    done = subprocess.run(
        [sys.executable, "-m", "server", verb, "--config", str(config), *(more if verb == "setup" else [])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert says in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert password not in done.stderr


@pytest.mark.postgres
def test_what_a_run_made_in_postgresql_goes_with_it(cluster: postgres.Cluster, tmp_path: Path) -> None:
    def run() -> None:
        with open_stores(Choice(postgres=cluster.url("postgres")), tmp_path):
            assert len(asked(cluster, RUNS)) == 1
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        run()
    assert asked(cluster, RUNS) == []


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[influxd.Influx]:
    """A server that was there."""
    found = influxd.start(tmp_path_factory.mktemp("influx"), free_port())
    yield found
    found.stop()


@pytest.mark.influx
@pytest.mark.parametrize("written", ["hidden", "hidden-é"])
def test_an_influxdb_that_does_not_let_us(
    influx: influxd.Influx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    token = tmp_path / "token"
    token.write_text(written)
    monkeypatch.setenv(TOKEN_FILE, str(token))
    assert "makes no bucket in loquet" in refused(Choice(influx=influx.url), tmp_path)
    monkeypatch.setenv(TOKEN_FILE, str(influx.token_file))
    monkeypatch.setenv(ORG, "nobodys")
    assert "makes no bucket in nobodys" in refused(Choice(influx=influx.url), tmp_path)


@pytest.mark.influx
def test_what_a_run_made_in_influxdb_goes_with_it(
    influx: influxd.Influx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_FILE, str(influx.token_file))
    with InfluxDBClient(url=influx.url, token=influx.token, org=influx.org) as client:
        buckets = client.buckets_api()
        made: list[str] = []

        def run() -> None:
            with open_stores(Choice(influx=influx.url), tmp_path) as opened:
                name = str(opened.entries["influx_bucket"])
                assert buckets.find_bucket_by_name(name) is None, "the server makes it"
                for each in (name, f"{name}_hours"):
                    buckets.create_bucket(bucket_name=each, org=influx.org)
                    made.append(each)
                raise BrokenOffError

        with pytest.raises(BrokenOffError):
            run()
        assert [buckets.find_bucket_by_name(each) for each in made] == [None, None]
