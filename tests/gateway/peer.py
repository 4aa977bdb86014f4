"""A small real HTTP server that plays the server's side of the gateway API and keeps what it was told.

Every shape is the server's own (`server.gateways.schemas`). It is strict where the contract is: a hole is
answered with 409 and the number expected, known numbers are ignored, a batch counts only when its answer was
decided. `script` answers the next requests otherwise, one entry each.
"""

import base64
import gzip
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from server.gateways import schemas

TOKEN = "token-of-the-test-gateway"


@dataclass
class Fault:
    """An answer to give instead of the right one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    """Do the work first, then fail: an answer lost on its way."""


class Peer:
    """The server's side. `items` holds what was delivered, per lane, in order, each number once."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.streams: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.script: list[Fault] = []
        self.batches: list[tuple[str, str, int, int]] = []
        """(epoch, lane, first, last) of every batch asked for."""
        self.feed_epoch = "feed-1"
        self.feed: list[dict[str, Any]] = []
        self.snapshot_items: list[dict[str, Any]] = []
        self.snapshots = 0
        self.online: list[str] = []
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _item: False
        """Items for which a batch is refused as too large."""
        self.fails: Callable[[list[dict[str, Any]]], bool] = lambda _items: False
        """Batches at which this server fails with 500."""
        self.unauthorised = 0
        self.runs: list[str] = []
        """The processes that have spoken, as they began; all but the last are refused."""
        self.errors: list[str] = []
        """Requests that are not what the contract has."""
        self.reachable = True
        self.time_offset_ms = 0
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 60

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                body = self.rfile.read(length)
                if len(body) < length:
                    self.close_connection = True  # the gateway was killed meanwhile
                    return
                self._answer(lambda: peer.take_batch(body, self.headers.get("Content-Encoding", "")))

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                query = parse_qsl(url.query)
                if url.path.endswith("/snapshot"):
                    self._answer(peer.give_snapshot)
                else:
                    self._answer(lambda: peer.give_changes(query))

            def _answer(self, decide: Callable[[], tuple[int, Any, dict[str, str]]]) -> None:
                if not peer.reachable:
                    self.close_connection = True
                    return
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    peer.unauthorised += 1
                    self._send(401, {"title": "no"}, {})
                    return
                if not peer.admits(self.headers.get("Loquet-Run", "")):
                    self._send(409, {"title": "no", "code": "fenced"}, {})
                    return
                fault = peer.next_fault(self.command)
                if fault is not None and not fault.after:
                    self._send(fault.status, {"title": "scripted"}, fault.headers)
                    return
                status, body, headers = decide()
                if fault is not None:
                    status, body, headers = fault.status, {"title": "scripted"}, fault.headers
                self._send(status, body, headers)

            def _send(self, status: int, body: Any, headers: dict[str, str]) -> None:
                content = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # the gateway was killed meanwhile

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Tests print nothing."""

        class Listener(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A gateway that is killed leaves connections behind; else it is the gateway's fault."""
                error = sys.exc_info()[1]
                if not isinstance(error, OSError):
                    peer.errors.append(repr(error))

        self._server = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        with self.changed:
            self.reachable = False
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def admits(self, run: str) -> bool:
        """Whether a process is the one that began last."""
        with self.changed:
            if run not in self.runs:
                self.runs.append(run)
            return run == self.runs[-1]

    def next_fault(self, method: str) -> Fault | None:
        """The scripted fault for a batch, if any is left."""
        with self.changed:
            return self.script.pop(0) if method == "POST" and self.script else None

    def now_ms(self) -> int:
        """The server's time."""
        return time.time_ns() // 1_000_000 + self.time_offset_ms

    def take_batch(self, body: bytes, encoding: str) -> tuple[int, Any, dict[str, str]]:
        """POST /v1/gateway/batches."""
        assert encoding == "gzip"
        batch = json.loads(gzip.decompress(body))
        schemas.Batch.model_validate(batch)
        with self.changed:
            key = (batch["epoch"], batch["lane"])
            stream = self.streams.setdefault(key, [])
            numbers = [item["seq"] for item in batch["items"]]
            assert not numbers or numbers == list(range(numbers[0], numbers[-1] + 1)), numbers
            if self.fails(batch["items"]):
                return 500, {"title": "fault"}, {}
            if not numbers:
                return 200, self._receipt(len(stream)), {}
            self.batches.append((*key, numbers[0], numbers[-1]))
            if any(self.refuses(item) for item in batch["items"]):
                return 413, {"title": "too large"}, {}
            if numbers[0] > len(stream) + 1:
                return 409, {"title": "hole", "expect": len(stream) + 1}, {}
            for item in batch["items"]:
                if item["seq"] == len(stream) + 1:
                    stream.append(item)
            self.changed.notify_all()
            return 200, self._receipt(len(stream)), {}

    def _receipt(self, upto: int) -> dict[str, Any]:
        pace = schemas.Pace(max_batch=500, min_ms=0)
        answer = schemas.BatchAnswer(upto=upto, rejected=[], now_ms=self.now_ms(), pace=pace)
        return answer.model_dump(mode="json")

    def give_changes(self, query: list[tuple[str, str]]) -> tuple[int, Any, dict[str, str]]:
        """GET /v1/gateway/changes."""
        values = dict(query)
        since = int(values["since"])
        deadline = time.monotonic() + float(values["wait"])
        with self.changed:
            self.online = [value for key, value in query if key == "online"]
            self.changed.notify_all()
            if values["epoch"] != self.feed_epoch:
                return 410, {"title": "gone"}, {}
            while True:
                items = [item for item in self.feed if item["c"] > since]
                if items or not self.reachable or values["epoch"] != self.feed_epoch:
                    break
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self.changed.wait(min(1.0, left))
            cursor = items[-1]["c"] if items else since
            return 200, self._changes(cursor, items), {}

    def give_snapshot(self) -> tuple[int, Any, dict[str, str]]:
        """GET /v1/gateway/snapshot."""
        with self.changed:
            self.snapshots += 1
            cursor = self.feed[-1]["c"] if self.feed else 0
            self.changed.notify_all()
            return 200, self._changes(cursor, self.snapshot_items), {}

    def _changes(self, cursor: int, items: list[dict[str, Any]]) -> Any:
        changes = [schemas.Change.model_validate(item) for item in items]
        answer = schemas.Changes(epoch=self.feed_epoch, cursor=cursor, now_ms=self.now_ms(), items=changes)
        return answer.model_dump(mode="json")

    def say(self, **item: Any) -> None:
        """Append an item to the feed."""
        with self.changed:
            self.feed.append({"c": (self.feed[-1]["c"] if self.feed else 0) + 1, **item})
            self.changed.notify_all()

    def items(self, lane: str = "events") -> list[dict[str, Any]]:
        """What was delivered in a lane, whatever the stream's epoch."""
        with self.changed:
            return [item for (_, name), stream in self.streams.items() if name == lane for item in stream]

    def records(self, lane: str = "events") -> list[dict[str, Any]]:
        """The records of `items`."""
        return [item["record"] for item in self.items(lane)]

    def until(self, condition: Callable[[], bool], timeout: float = 20.0, what: str = "") -> None:
        """Wait for a condition that a request brings about."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, f"not within {timeout} s: {what or condition}"
                self.changed.wait(min(left, 0.2))


def sealed(text: str) -> str:
    """A payload as the feed carries it; the gateway can't and need not read it."""
    return base64.b64encode(text.encode()).decode()
