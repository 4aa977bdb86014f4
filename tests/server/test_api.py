"""The API as its document says: never a 5xx, never a status that is not declared; and the document is the
committed one."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server import commands
from server.background import tick
from tests.server.bench import Bench

ROOT = Path(__file__).resolve().parents[2]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_the_committed_document_is_the_servers() -> None:
    committed = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(commands.openapi())), (
        "run: python -m server openapi > docs/openapi.json"
    )


def test_no_string_of_the_api_is_unbounded_and_no_field_unknown(bench: Bench) -> None:
    order = {"reference": "a\x00b", "bank": "wall-1", "lines": [], "surprise": 1}
    headers = {**bench.shop, "Idempotency-Key": "k"}
    answer = bench.api("POST", "/api/v1/orders", json=order, headers=headers)
    assert answer.status_code == 422
    where = {error["where"] for error in answer.json()["errors"]}
    assert {"body.reference", "body.surprise", "body.lines"} <= where


def test_every_error_is_a_problem_document(bench: Bench) -> None:
    for method, path in (
        ("GET", "/api/v1/nothing"),
        ("DELETE", "/api/v1/orders"),
        ("GET", "/api/v1/orders"),
        ("GET", "/api/v1/orders/zz"),
        ("POST", "/v1/gateway/batches"),
    ):
        answer = bench.api(method, path)
        assert answer.headers["content-type"] == "application/problem+json", (method, path)
        body = answer.json()
        assert body["status"] == answer.status_code
        assert body["type"] == "urn:loquet:problem:" + body["code"]


def test_an_order_that_did_not_change_is_not_sent_again(bench: Bench) -> None:
    order = bench.order().json()
    path = f"/api/v1/orders/{order['id']}"
    first = bench.api("GET", path, headers=bench.shop)
    again = bench.api("GET", path, headers={**bench.shop, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    bench.pay(order)
    changed = bench.api("GET", path, headers={**bench.shop, "If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


def test_lists_are_read_a_page_at_a_time(bench: Bench) -> None:
    made = [bench.order((product,)).json()["id"] for product in ("tomates", "tomates", "lait")]
    seen: list[str] = []
    after = ""
    while True:
        page = bench.api(
            "GET", "/api/v1/orders", params={"limit": 2, "after": after}, headers=bench.shop
        ).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == made


def asked(bench: Bench) -> dict[str, dict[str, str]]:
    """The header that each part of the API wants."""
    return {"/v1/gateway": bench.gateway, "/api/v1": bench.login(), "": {}}


def fuzz(app: FastAPI, headers: dict[str, str], include: str, examples: int) -> None:
    """Generated requests into the operations whose path begins so; every check on every answer."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app).include(path_regex=include)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        one()


@pytest.mark.parametrize("prefix", ["/v1/gateway", "/api/v1", "/webhooks", "/healthz", "/readyz"])
def test_no_request_brings_the_api_down(bench: Bench, prefix: str) -> None:
    order = bench.order().json()
    bench.pay(order)
    bench.sync()
    headers = asked(bench).get(prefix, {})
    fuzz(bench.app, headers, f"^{prefix}", 12)
    tick(bench.context)


def test_no_order_of_a_shop_brings_the_api_down(bench: Bench) -> None:
    fuzz(bench.app, bench.shop, "^/api/v1/orders", 25)


def test_a_body_beyond_the_bound_is_refused_however_it_comes(bench: Bench) -> None:
    headers = {**bench.shop, "Idempotency-Key": "k"}
    answer = bench.api("POST", "/api/v1/orders", content=b" " * 2_200_000, headers=headers)
    assert answer.status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 100_000

    answer = bench.api("POST", "/api/v1/orders", content=chunks(), headers=headers)
    assert answer.status_code in (400, 413)
