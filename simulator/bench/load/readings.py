"""A real server under a load of readings: `python -m simulator.bench.load.readings [--influx] [URL]` prints
how many it takes, durable, and how long the page of a year takes.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from server.app import create_context
from server.foundation.context import Context
from server.foundation.settings import load_settings
from server.people import logins
from server.telemetry import choice
from server.telemetry.store import State
from simulator.bench.load import minutes
from simulator.bench.load.account import read as account
from simulator.bench.load.minutes import Farm
from simulator.orchestrator.files import toml, write_private
from simulator.orchestrator.runfolder import LOOPBACK, free_port
from simulator.parts import influxd
from simulator.parts.places import ROOT

BATCH = 250
"""As the server asks of its gateways."""
START_S = 30.0
YEAR = Farm(devices=1, zones=1, probes=1, period_s=600)
YEAR_S = 365 * 86_400

Entries = dict[str, str | int | bool]


@dataclass(frozen=True)
class Taken:
    """What came of a load."""

    readings: int
    seconds: float
    cpu_s: float
    """Processor time of the server."""
    behind_s: float
    """How much later the view outside had everything; 0 without one."""

    @property
    def rate(self) -> float:
        """Readings a second, each on the server's disk before it was answered."""
        return self.readings / self.seconds


class Server:
    """`with Server(folder, entries, farm) as server:` a process of its own on an empty database."""

    def __init__(self, folder: Path, entries: Entries, farm: Farm) -> None:
        self.farm = farm
        self.port = free_port()
        self._folder = folder
        base = {"listen": f"{LOOPBACK}:{self.port}", "base_url": f"http://{LOOPBACK}:{self.port}"}
        folder.mkdir(parents=True, exist_ok=True)
        self.config = write_private(folder / "server.toml", toml({**base, **entries}))
        self.context: Context = create_context(load_settings(self.config))
        self.token = minutes.set_up(self.context, farm, folder / "secrets.json")

    def __enter__(self) -> "Server":
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server", "run", "--config", str(self.config)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                if self.get("/healthz")[0] == 200:
                    return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise TimeoutError("the server did not start: see its server.log")

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)
        choice.close(self.context)
        self.context.store.close()

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._process.pid

    def get(self, path: str, cookie: str = "") -> tuple[int, float, bytes]:
        """Status, seconds and body of a page."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=60)
        started = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": f"loquet={cookie}"} if cookie else {})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, time.perf_counter() - started, body

    def login(self) -> str:
        """A manager's session."""
        with self.context.store.write() as session:
            link = logins.make_link(session, self.context, "manager@example.org")
            return logins.use_link(session, self.context, link.rpartition("/")[2])[1]

    def send(self, bodies: Sequence[bytes]) -> None:
        """Batches, one after the other, as a gateway does. Raises ValueError if one is refused."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        for body in bodies:
            connection.request("POST", "/v1/gateway/batches", body, headers)
            answer = connection.getresponse()
            said = json.loads(answer.read())
            if answer.status != 200 or said["rejected"]:
                raise ValueError(f"a batch was refused: {answer.status} {said}")
        connection.close()


def take(server: Server, records: int) -> Taken:
    """Sends so many records in two lanes at once: half of the devices live, half from their journals."""
    farm, until = server.farm, int(time.time()) // 60 * 60
    half = len(farm.names) // 2
    count = records // 2 // BATCH
    streams = [
        minutes.bodies(minutes.batches(farm, count, BATCH, until, names=farm.names[:half])),
        minutes.bodies(minutes.batches(farm, count, BATCH, until, by_device=True, names=farm.names[half:])),
    ]
    threads = [threading.Thread(target=server.send, args=(stream,)) for stream in streams]
    cpu, started = account(server.pid).cpu_s, time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    cpu = account(server.pid).cpu_s - cpu
    return Taken(2 * count * BATCH * farm.readings, seconds, cpu, _await_view(server.context))


def _await_view(context: Context) -> float:
    started = time.perf_counter()
    if context.settings.telemetry_store == "sql":
        return 0.0
    while True:
        with context.store.read() as session:
            if choice.view_of(context).status(session).state is State.LEVEL:
                return time.perf_counter() - started
        time.sleep(0.2)


def year(folder: Path, entries: Entries, rounds: int = 9) -> list[float]:
    """Milliseconds of the page with a year of one probe (a record each ten minutes), several times."""
    with Server(folder, entries, YEAR) as server:
        until = int(time.time()) // 600 * 600
        count = YEAR_S // YEAR.period_s // BATCH
        server.send(minutes.bodies(minutes.batches(YEAR, count, BATCH, until, by_device=True)))
        _await_view(server.context)
        cookie = server.login()
        found = []
        for _ in range(rounds):
            status, seconds, _body = server.get(f"/manager/zones/{YEAR.names[0]}/zone-1?period=1y", cookie)
            if status != 200:
                raise ValueError(f"the page of a year: status {status}")
            found.append(seconds * 1000)
        return found


def main(words: list[str]) -> None:
    """One run on the terminal; the database is SQLite unless a URL is given."""
    influx = "--influx" in words
    url = next((word for word in words if "://" in word), "sqlite:///server.db")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        entries: Entries = {"database_url": url}
        if influx:
            store = influxd.start(folder / "influx", free_port())
            stack.callback(store.stop)
            entries |= {
                "telemetry_store": "influx",
                "influx_url": store.url,
                "influx_org": store.org,
                "influx_bucket": store.bucket,
                "influx_token_file": str(store.token_file),
            }
        with Server(folder / "load", entries, Farm()) as server:
            found = take(server, 20_000)
        print(
            f"{found.readings} readings in {found.seconds:.1f} s: {found.rate:.0f}/s, "
            f"{found.cpu_s / found.readings * 1e6:.0f} µs of the server's processor each, "
            f"InfluxDB has them {found.behind_s:.1f} s later"
        )
        if url.startswith("sqlite"):
            if influx:
                entries["influx_bucket"] = "year"
            times = sorted(year(folder / "year", entries))
            middle, worst = times[len(times) // 2], times[-1]
            print(f"a year of one probe: {middle:.0f} ms (worst of {len(times)}: {worst:.0f})")


if __name__ == "__main__":
    main(sys.argv[1:])
