"""What no database takes, no number holds and no reader understands, into every route: an answer, never a
fault of ours. `tests/server/test_api.py` generates requests that have the right shape; these have the wrong
one.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.server.bench import Bench
from tests.server.every_route import Taken, every_route

HOSTILE: tuple[Any, ...] = (
    "\x00",
    "a\x00b@example.org",
    "\ud800",  # half of a character: JSON may say it, UTF-8 cannot
    "9" * 40,
    "-1",
    "1e400",
    "NaN",
    "é\u2028\r\n",
    "x" * 5000,
    "../../etc/passwd",
)
NUMBERS: tuple[Any, ...] = (1 << 63, -(1 << 63) - 1, 10**400, 1.5e308, True, None, [], {})
BODIES = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe\x00",
    b"{" * 3000,
    b'{"a": ' * 3000,
    b'{"a": 1e999, "b": -0}',
    b'{"a": ' + b"9" * 5000 + b"}",
)
TYPES = (
    "application/json",
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "not a type",
)


def text(value: Any) -> str:
    """As far as a URL can say it."""
    return quote(str(value).encode("utf-8", "surrogatepass"))


def addresses(route: Taken) -> Iterator[str]:
    """The route's path with hostile words in its places and in its questions."""
    for value in HOSTILE[:5]:
        path = route.path
        while "{" in path:
            first, _, rest = path.partition("{")
            path = first + text(value) + rest.partition("}")[2]
        yield path
        if "{" not in route.path:
            break
    plain = route.path.replace("{", "").replace("}", "")
    for value in HOSTILE + NUMBERS[:3] if route.query else HOSTILE[:1]:
        yield plain + "?" + "&".join(f"{name}={text(value)}" for name in (*route.query, "more"))


def requests(route: Taken) -> Iterator[dict[str, Any]]:
    """What is sent to the route."""
    for path in addresses(route):
        yield {"path": path}
    if route.method in ("GET", "HEAD"):
        return
    path = route.path.replace("{", "").replace("}", "")
    for body in BODIES:
        yield {"path": path, "content": body, "headers": {"Content-Type": "application/json"}}
    for kind in TYPES:
        yield {"path": path, "content": b'{"a": 1}', "headers": {"Content-Type": kind}}
    for value in HOSTILE + NUMBERS:
        if route.members:
            said = json.dumps(dict.fromkeys(route.members, value))
            yield {"path": path, "content": said.encode(), "headers": {"Content-Type": "application/json"}}
    for value in HOSTILE:
        if route.form:
            said = "&".join(f"{name}={text(value)}" for name in route.form)
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            yield {"path": path, "content": said.encode(), "headers": headers}


def who(bench: Bench, route: Taken, manager: dict[str, str]) -> dict[str, str]:
    """The headers of somebody who may."""
    if route.path.startswith("/v1/gateway"):
        return bench.gateway
    if route.path.startswith("/api/v1/orders"):
        return {**bench.shop, "Idempotency-Key": "k"}
    return manager


@pytest.mark.fault("S14")
def test_s14_nothing_that_comes_in_anywhere_is_a_fault_of_ours(bench: Bench) -> None:
    manager = bench.login()
    count = 0

    async def ask_everything() -> None:
        nonlocal count
        transport = httpx.ASGITransport(bench.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://server.test") as client:
            for route in every_route(bench.app):
                if route.path.startswith("/live/") and "{" not in route.path:
                    continue  # an answer without end
                for how in requests(route):
                    path = how.pop("path")
                    headers = {**who(bench, route, manager), **how.pop("headers", {})}
                    answer = await client.request(route.method, path, headers=headers, **how)
                    assert answer.status_code < 500, (route.method, path, how, answer.text)
                    count += 1

    asyncio.run(ask_everything())
    assert count > 600
