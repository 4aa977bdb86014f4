"""The PostgreSQL that is started for the occasion."""

import re
import tempfile
from pathlib import Path

import psycopg
import pytest

from simulator.parts import postgres

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def started_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here is asked of one that we start, also where a server is already there."""
    monkeypatch.delenv(postgres.ADDRESS, raising=False)
    if postgres.find() is None:
        pytest.skip("the pinned PostgreSQL is not here: ./loquet setup postgres")


def ask(cluster: postgres.Cluster, question: str, name: str = "postgres") -> str:
    with psycopg.connect(cluster.url(name).replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(question.encode())
        answer = cursor.fetchone() if cursor.description else None
    return str(answer[0]) if answer else ""


def test_it_keeps_what_it_has_when_killed_and_goes_when_stopped(tmp_path: Path) -> None:
    cluster = postgres.start(tmp_path / "cluster")
    cluster.create("first")
    ask(cluster, "CREATE TABLE bread (kind text)", "first")
    ask(cluster, "INSERT INTO bread VALUES ('levain')", "first")
    cluster.kill()
    assert cluster.pid is None
    again = postgres.start(tmp_path / "cluster")
    assert ask(again, "SELECT kind FROM bread", "first") == "levain"
    assert ask(again, "SHOW server_version") == again.version
    again.create("second", template="first")
    assert ask(again, "SELECT kind FROM bread", "second") == "levain"
    again.stop()
    again.stop()
    assert not (tmp_path / "cluster").exists()


def test_nobody_but_this_machine_and_nobody_without_the_password(tmp_path: Path) -> None:
    cluster = postgres.start(tmp_path / "cluster", durable=False)
    try:
        assert ask(cluster, "SHOW listen_addresses") == "127.0.0.1"
        assert ask(cluster, "SHOW unix_socket_directories") == ""
        assert ask(cluster, "SHOW password_encryption") == "scram-sha-256"
        shut = re.sub(r":[0-9a-f]{32}@", ":wrong@", cluster.url("postgres")).replace("+psycopg", "")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(shut).close()
        assert (tmp_path / "cluster" / "password").stat().st_mode & 0o077 == 0
        assert postgres.reach(cluster.url("postgres")).version == cluster.version
    finally:
        cluster.stop()


def test_what_a_killed_owner_left_is_swept_away_and_what_has_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, owner in (("lost", "gone"), ("replaced", "home"), ("kept", "home")):
        left = tmp_path / f"loquet-postgres-{name}"
        left.mkdir()
        (left / "belongs-to").write_text(str(tmp_path / owner))
    home = tmp_path / "home"  # removed after a killed run, and made anew by the next
    home.mkdir()
    (home / "elsewhere").write_text(str(tmp_path / "loquet-postgres-kept"))
    postgres._sweep()
    assert [each.name for each in tmp_path.glob("loquet-*")] == ["loquet-postgres-kept"]


def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(postgres.PostgresError, match=r"no PostgreSQL answers at 127\.0\.0\.1:9 ") as told:
        postgres.reach("postgresql://farm:hidden@127.0.0.1:9/loquet")
    assert "hidden" not in str(told.value)
