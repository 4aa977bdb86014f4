"""A real InfluxDB for the tests that need one: started once, buckets of its own for each test."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from server.foundation.context import Context
from server.foundation.settings import Settings
from server.telemetry import choice
from server.telemetry.influx.feeder import Feeder
from server.telemetry.influx.view import InfluxView
from simulator.parts import influxd
from tests.server.pages.stage import Stage


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[influxd.Influx]:
    """The InfluxDB that tests share."""
    server = influxd.start(tmp_path_factory.mktemp("influx"), free_port())
    yield server
    server.stop()


Restart = Callable[[influxd.Influx], influxd.Influx]


@pytest.fixture
def restart() -> Iterator[Restart]:
    """Starts an InfluxDB anew on its folder and port; it ends with the test, however that ends."""
    started: list[influxd.Influx] = []

    def start(old: influxd.Influx) -> influxd.Influx:
        started.append(influxd.start(old.folder, old.port))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def own_influx(tmp_path: Path) -> Iterator[influxd.Influx]:
    """An InfluxDB that a test may stop, kill and `restart`."""
    server = influxd.start(tmp_path / "influx", free_port())
    yield server
    server.stop()


@dataclass
class Fed:
    """A stage whose ledger InfluxDB follows."""

    stage: Stage
    context: Context
    view: InfluxView

    @property
    def feeder(self) -> Feeder:
        """Who feeds it from this process."""
        found = choice.feeder_of(self.context)
        assert found is not None
        return found

    def feed(self) -> int:
        """Rounds until one has nothing more to write, whatever pause was planned; the records written."""
        total = 0
        while True:
            self.feeder.hurry()
            done = choice.feed(self.context)
            total += done
            if not done:
                return total

    def close(self) -> None:
        """Closes the connections."""
        choice.close(self.context)
        self.view.close()


def follow(stage: Stage, server: influxd.Influx, port: int = 0, token_file: Path | None = None) -> Fed:
    """Has InfluxDB follow a stage's ledger, in buckets of their own, perhaps through a proxy's port."""
    settings = stage.context.settings.model_copy(
        update={
            "telemetry_store": "influx",
            "influx_url": f"http://127.0.0.1:{port or server.port}",
            "influx_org": server.org,
            "influx_bucket": f"b{stage.context.ids.new()}",
            "influx_token_file": str(token_file or server.token_file),
        }
    )
    assert isinstance(settings, Settings)
    context = replace(stage.context, settings=settings)
    choice.close(context)
    return Fed(stage, context, InfluxView(settings, context.clock))


@pytest.fixture
def fed(stage: Stage, influx: influxd.Influx) -> Iterator[Fed]:
    """A stage whose ledger the shared InfluxDB follows."""
    found = follow(stage, influx)
    yield found
    found.close()
