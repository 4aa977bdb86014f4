"""A server's stand-in that takes a gateway's batches and only counts.

`python -m simulator.bench.load.counting PORT LEDGER`: it answers as the contract says (numbers known are
ignored, a hole is a 409) and writes each batch's arrival into the ledger, one line of JSON:
`[monotonic s, lane, [[device, lane, number, boot], …], gaps]`.
"""

import gzip
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-bench-gateway"
EPOCH = "be9c000000000000"
MAX_BATCH = 500


class Counting:
    """What the stand-in knows: the last number of each stream."""

    def __init__(self, ledger: TextIO) -> None:
        self._ledger = ledger
        self._last: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def take(self, batch: dict[str, Any], at: float) -> tuple[int, dict[str, Any]]:
        """Answer a batch."""
        key, items = (batch["epoch"], batch["lane"]), batch["items"]
        with self._lock:
            last = self._last.get(key, 0)
            if items and items[0]["seq"] > last + 1:
                return 409, {"title": "hole", "expect": last + 1}
            fresh = [item for item in items if item["seq"] > last]
            if fresh:
                self._last[key] = fresh[-1]["seq"]
                seen = [
                    [item["device"], item["record"]["l"], item["record"]["n"], item["record"]["b"]]
                    for item in fresh
                    if item["device"] != "gw" and item["record"].get("k") != "gap"
                ]
                gaps = sum(item["record"].get("k") == "gap" for item in fresh)
                self._ledger.write(json.dumps([at, batch["lane"], seen, gaps]) + "\n")
                self._ledger.flush()
            return 200, {
                "upto": self._last.get(key, 0),
                "rejected": [],
                "now_ms": time.time_ns() // 1_000_000,
                "pace": {"max_batch": MAX_BATCH, "min_ms": 0},
            }


def serve(port: int, ledger: Path) -> None:
    """Serve until the process is ended."""
    with ledger.open("a", encoding="utf-8") as file:
        counting = Counting(file)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 60

            def do_POST(self) -> None:
                """A batch."""
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                at = time.monotonic()
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                self._send(*counting.take(json.loads(body), at))

            def do_GET(self) -> None:
                """The feed: nothing ever changes."""
                wait = float(parse_qs(urlsplit(self.path).query).get("wait", ["0"])[0])
                if not self.path.endswith("/snapshot") and f"epoch={EPOCH}" not in self.path:
                    self._send(410, {"title": "gone"})
                    return
                if not urlsplit(self.path).path.endswith("/snapshot"):
                    threading.Event().wait(wait)
                now_ms = time.time_ns() // 1_000_000
                self._send(200, {"epoch": EPOCH, "cursor": 0, "now_ms": now_ms, "items": []})

            def _send(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # the gateway was killed meanwhile

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing: the ledger is the log."""

        class Listener(ThreadingHTTPServer):
            daemon_threads = True

        Listener(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
