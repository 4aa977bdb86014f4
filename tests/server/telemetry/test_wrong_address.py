"""Settings of InfluxDB that are plausible and wrong: each is said on the page of health, in its word, and
none ends in an error that nobody expected (which the log would quote, token and all).
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from server.background import tick
from server.foundation.errors import ConfigurationError
from server.telemetry import anew, choice
from server.telemetry.store import State, ViewStatus
from simulator.parts import influxd
from tests.server.pages.stage import Stage
from tests.server.telemetry.conftest import Fed, follow

pytestmark = pytest.mark.influx


def status(fed: Fed) -> ViewStatus:
    with fed.context.store.read() as session:
        return choice.view_of(fed.context).status(session)


class Another(BaseHTTPRequestHandler):
    """A program that answers everything with a page, as a router's login does."""

    def do_GET(self) -> None:
        """http.server's hook."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        page = b"<html>Bienvenue</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_words: object) -> None:
        """Says nothing."""


@pytest.fixture
def another() -> Iterator[int]:
    """The port of a program that is no InfluxDB."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Another)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_organisation_that_is_not_there(stage: Stage, influx: influxd.Influx) -> None:
    fed = follow(stage, influx)
    fed.context = replace(
        fed.context, settings=fed.context.settings.model_copy(update={"influx_org": "nobodys"})
    )
    choice.close(fed.context)
    stage.hours(0.5)
    assert fed.feed() == 0
    found = status(fed)
    assert (found.state, found.lag) == (State.MISSING, 12)
    assert "organisation" in found.last_error
    fed.feeder.hurry()
    with pytest.raises(ConfigurationError, match="missing"):
        anew.make_influx(fed.context, lambda _line: None)
    fed.close()


@pytest.mark.parametrize("written", ["clé-€", "first\nsecond", "with\x00nul"])
def test_a_file_that_holds_no_token(
    stage: Stage, influx: influxd.Influx, tmp_path: Path, caplog: pytest.LogCaptureFixture, written: str
) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(written)
    fed = follow(stage, influx, token_file=file)
    stage.hours(0.5)
    fed.feeder.hurry()
    tick(fed.context)
    assert (status(fed).state, status(fed).lag) == (State.REFUSED, 12)
    assert written not in caplog.text + str(status(fed))
    file.write_text(influx.token)
    assert fed.feed() == 12
    assert status(fed).state is State.LEVEL
    fed.close()


def test_an_address_where_another_program_answers(stage: Stage, influx: influxd.Influx, another: int) -> None:
    fed = follow(stage, influx, port=another)
    stage.hours(0.5)
    assert fed.feed() == 0
    assert (status(fed).state, status(fed).lag) == (State.FAULTY, 12)
    fed.close()
