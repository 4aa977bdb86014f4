"""HTTP to the server: one client, one token, answers checked; everything else is a named fault with its
pause.
"""

import gzip
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import httpx

from gateway.errors import SettingsError
from gateway.feed import Answer, read_answer
from gateway.lanes import NAMES, Lane, Row

TIMEOUT_S = 20.0
LONGEST_PAUSE_S = 3600.0
"""A Retry-After beyond this is not obeyed to the letter."""
MAX_ANSWER = 16 * 1024 * 1024


class ServerError(Exception):
    """The server can't be reached or did not do it; `retry_after_s` if it said when to come back; `is_cut` if
    there was a connection, and it ended before the answer.
    """

    def __init__(
        self, text: str, status: int = 0, retry_after_s: float | None = None, is_cut: bool = False
    ) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after_s = retry_after_s
        self.is_cut = is_cut


class TooLargeError(ServerError):
    """413: send less at once."""


class UnacceptableError(ServerError):
    """400 or 422: something in the batch is not as the server wants it."""


class ExpectedError(ServerError):
    """409: the server wants another number next."""

    def __init__(self, expect: int) -> None:
        super().__init__(f"the server expects number {expect}", 409)
        self.expect = expect


class FencedError(ServerError):
    """409: another gateway with this one's identity began later, and speaks for the site now."""


class GoneError(ServerError):
    """410: the feed's cursor is too old or of another epoch: fetch the snapshot."""


@dataclass(frozen=True)
class Receipt:
    """How far the server got with a batch, what it put aside, its time, and the pace it wants."""

    upto: int
    rejected: tuple[tuple[int, str], ...]
    now_ms: int
    max_batch: int | None
    min_ms: int


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Whose certificates are believed: what the authorities of a file have signed, and nothing else; without
    a file, what the system's authorities have, or those of the list that came with this program (one of the
    two may have grown old). Raises SettingsError.
    """
    try:
        if ca_file is not None:
            return ssl.create_default_context(cafile=ca_file)
        context = httpx.create_ssl_context()
        context.load_default_certs()
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"server_ca_file {ca_file} holds no certificate authority") from error
    return context


class Server:
    """The server's gateway API (docs/interfaces.md section 2). Every method raises ServerError."""

    def __init__(self, url: str, token: str, context: ssl.SSLContext, run: str = "") -> None:
        """`run`: a random number of this process, in hex; the server tells a copied gateway by it."""
        self.certificate_ends: int | None = None
        """Unix time until which the server's certificate is good, as last seen; None without TLS."""
        self._client = httpx.Client(
            verify=context,
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json", "Loquet-Run": run},
            timeout=httpx.Timeout(TIMEOUT_S, connect=5.0),
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def batch(self, epoch: str, lane: Lane, rows: list[Row]) -> Receipt:
        """Deliver rows of a lane; the receipt comes after the server's commit."""
        body = {"epoch": epoch, "lane": NAMES[lane], "items": [row.item() for row in rows]}
        content = gzip.compress(json.dumps(body, separators=(",", ":")).encode(), 6)
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = self._ask("POST", "/v1/gateway/batches", content=content, headers=headers)
        if not isinstance(answer, dict):
            raise ServerError("the server's receipt is not an object")
        upto, now_ms = answer.get("upto"), answer.get("now_ms")
        if not _is_count(upto) or not _is_count(now_ms):
            raise ServerError("the server's receipt names no number or no time")
        pace, refused = answer.get("pace"), answer.get("rejected")
        pace = pace if isinstance(pace, dict) else {}
        most, pause = pace.get("max_batch"), pace.get("min_ms")
        return Receipt(
            upto=upto,
            rejected=tuple(
                (int(each.get("seq") or 0), str(each.get("code"))[:64])
                for each in (refused if isinstance(refused, list) else [])
                if isinstance(each, dict)
            ),
            now_ms=now_ms,
            max_batch=most if _is_count(most) and most > 0 else None,
            min_ms=min(pause, 60_000) if _is_count(pause) else 0,
        )

    def changes(self, epoch: str, since: int, wait_s: int, online: list[tuple[str, int, int]]) -> Answer:
        """What changed after `since`; waits up to `wait_s` for something. Raises GoneError too."""
        parameters: list[tuple[str, str | int | float | bool | None]] = [
            ("since", since),
            ("epoch", epoch),
            ("wait", wait_s),
        ]
        parameters += [("online", f"{device},{boot},{uptime}") for device, boot, uptime in online]
        timeout = httpx.Timeout(TIMEOUT_S, connect=5.0, read=wait_s + TIMEOUT_S)
        return read_answer(
            self._ask("GET", "/v1/gateway/changes", params=httpx.QueryParams(parameters), timeout=timeout)
        )

    def snapshot(self) -> Answer:
        """The whole desired state of the site."""
        return read_answer(self._ask("GET", "/v1/gateway/snapshot"))

    def _ask(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        params: httpx.QueryParams | None = None,
        timeout: httpx.Timeout | None = None,
    ) -> object:
        try:
            answer = self._client.request(
                method,
                path,
                content=content,
                headers=headers,
                params=params,
                timeout=timeout or httpx.USE_CLIENT_DEFAULT,
            )
        except httpx.HTTPError as error:
            # The text of some errors holds the URL, which holds no secret: tokens travel in a header alone.
            is_cut = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise ServerError(f"no answer: {type(error).__name__}", is_cut=is_cut) from error
        self._look_at_certificate(answer)
        if answer.status_code == 200:
            if len(answer.content) > MAX_ANSWER:
                raise ServerError("the server's answer is too large")
            return _json(answer)
        raise _fault(answer)

    def _look_at_certificate(self, answer: httpx.Response) -> None:
        stream = answer.extensions.get("network_stream")
        secured = None if stream is None else stream.get_extra_info("ssl_object")
        if secured is not None:
            ends = (secured.getpeercert() or {}).get("notAfter")
            if isinstance(ends, str):
                self.certificate_ends = int(ssl.cert_time_to_seconds(ends))


def _fault(answer: httpx.Response) -> ServerError:
    status = answer.status_code
    text = f"the server answered {status}"
    if status == 413:
        return TooLargeError(text, status)
    if status in (400, 422):
        return UnacceptableError(text, status)
    if status == 410:
        return GoneError(text, status)
    if status == 409:
        problem = _json(answer)
        expect = problem.get("expect") if isinstance(problem, dict) else None
        if isinstance(expect, int) and not isinstance(expect, bool):
            return ExpectedError(expect)
        if isinstance(problem, dict) and problem.get("code") == "fenced":
            return FencedError(text, status)
    return ServerError(text, status, _retry_after(answer))


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds of a Retry-After header; its other form, a date, needs a clock we may not have."""
    value = answer.headers.get("Retry-After", "")
    return min(float(value), LONGEST_PAUSE_S) if value.isascii() and value.isdigit() else None


def _json(answer: httpx.Response) -> object:
    try:
        body: object = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise ServerError("the server's answer is not JSON", answer.status_code) from error
    return body


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
