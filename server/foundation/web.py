"""HTTP's own matters in one place: problem+json, security headers, CSRF, wire types that refuse what no
database takes.

A path under `/api/`, `/v1/` or `/webhooks/` gets problem documents; any other path gets an error page
through the renderer that the pages put on `app.state.error_page` (`(request, status, code, detail) ->
Response`), or plain text without one.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.foundation.database import CommitUnknownError, is_broken
from server.foundation.errors import Forbidden, Problem, TooLarge, Unavailable

log = logging.getLogger(__name__)

_API = ("/api/", "/v1/", "/webhooks/", "/healthz", "/readyz")
_SAFE = ("GET", "HEAD", "OPTIONS")

PROBLEM_TYPE = "urn:loquet:problem:"


class Wire(BaseModel):
    """Base of every body that comes in: unknown fields are refused, numbers and strings are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemDocument(BaseModel):
    """RFC 9457: what went wrong, for machines by `code`, for people by `detail`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str


CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""For a character class: every control character (PostgreSQL takes no NUL) and whatever `str.splitlines` or a
mail's header takes for the end of a line."""

Text = Annotated[str, Field(min_length=1, max_length=200, pattern=rf"^[^{CONTROLS}]*$")]
"""One line of text, bounded: neither control characters nor separators of lines or paragraphs."""
Email = Annotated[str, Field(max_length=200, pattern=rf"^[^@\s{CONTROLS}]+@[^@\s{CONTROLS}]+$")]
"""An address that a mail's header can carry; whether anybody reads it, only a mail can tell."""
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
"""An id of the site file: 1 to 32 of a-z, 0-9 and -."""
RowId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""An id of a row: 32 hex digits."""
Cents = Annotated[int, Field(ge=0, le=100_000_000)]
"""Money in integer cents."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "model": ProblemDocument,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        "description": HTTPStatus(status).phrase,
    }
    for status in (400, 401, 403, 404, 405, 409, 410, 413, 422, 503)
}
"""Documentation of errors; pick with `problems(404, 409)`."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may answer with these problems; 400, 422 and 503 always may."""
    return {status: PROBLEMS[status] for status in sorted({400, 422, 503, *statuses})}


def problem_response(problem: Problem) -> JSONResponse:
    """The problem document of an error."""
    body: dict[str, object] = {
        "type": PROBLEM_TYPE + problem.code,
        "title": problem.title,
        "status": int(problem.status),
        "detail": problem.detail,
        "code": problem.code,
        **problem.extra,
    }
    return JSONResponse(
        body, int(problem.status), headers=problem.headers, media_type="application/problem+json"
    )


def _answer(request: Request, problem: Problem) -> Response:
    renderer: Callable[[Request, int, str, str], Response] | None = getattr(
        request.app.state, "error_page", None
    )
    if request.url.path.startswith(_API):
        return problem_response(problem)
    if renderer is None:
        return PlainTextResponse(problem.detail, int(problem.status), headers=problem.headers)
    response = renderer(request, int(problem.status), problem.code, problem.detail)
    response.headers.update(problem.headers)
    return response


def _from_http(error: HTTPException) -> Problem:
    problem = Problem(
        str(error.detail),
        code=HTTPStatus(error.status_code).phrase.lower().replace(" ", "-"),
        headers=dict(error.headers or {}),
    )
    problem.status = error.status_code
    problem.title = HTTPStatus(error.status_code).phrase
    return problem


def _from_validation(error: RequestValidationError) -> Problem:
    found = error.errors()
    malformed = any(entry["type"] == "json_invalid" for entry in found)
    problem = Problem(
        "The body is not JSON" if malformed else "The request does not have the shape that the API describes",
        code="bad-request" if malformed else "invalid",
        extra={
            "errors": [
                {"where": ".".join(map(str, entry["loc"])), "why": str(entry["msg"])} for entry in found[:20]
            ]
        },
    )
    problem.status = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.UNPROCESSABLE_ENTITY
    problem.title = "The request is not valid"
    return problem


def is_cross_site(request: Request) -> bool:
    """True for a browser's request that another site made it send: `Sec-Fetch-Site` first, else `Origin`
    against `Host`.

    The rule of Go 1.25's CrossOriginProtection. Neither header: no browser (or a very old one), hence no
    cookie to abuse.
    """
    if request.method in _SAFE:
        return False
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc != request.headers.get("host", "")


SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


MAX_BODY = 2_100_000
"""No request is longer; routes that need less check for themselves."""


class Guard:
    """ASGI middleware around everything: forms from other sites refused, bodies bounded, security headers
    on every answer.

    Plain ASGI, so that live pages and long polls see their client leave.
    """

    def __init__(self, app: ASGIApp, owner: FastAPI) -> None:
        self._inner = app
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY:
                raise TooLarge(f"at most {MAX_BODY} bytes are taken")
            return message

        request = Request({**scope, "app": self._owner}, receive)
        problem = self._refusal(request)
        if problem is not None:
            await _answer(request, problem)(scope, receive, with_headers)
            return
        await self._inner(scope, bounded, with_headers)

    @staticmethod
    def _refusal(request: Request) -> Problem | None:
        if is_cross_site(request):
            return Forbidden("This form was sent from another site", code="cross-site")
        length = request.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > MAX_BODY:
            return TooLarge(f"at most {MAX_BODY} bytes are taken")
        return None


def install(app: FastAPI) -> None:
    """Error handlers, CSRF refusal and security headers."""

    @app.exception_handler(Problem)
    async def on_problem(request: Request, error: Problem) -> Response:
        return _answer(request, error)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        return _answer(request, _from_http(error))

    @app.exception_handler(RequestValidationError)
    async def on_validation(request: Request, error: RequestValidationError) -> Response:
        return _answer(request, _from_validation(error))

    async def on_busy(request: Request, error: Exception) -> Response:
        log.error("the database was busy or away: %s", type(error).__name__)
        return _answer(request, Unavailable("the database is busy; try again", headers={"Retry-After": "2"}))

    async def on_database(request: Request, error: Exception) -> Response:
        return await (on_busy if is_broken(error) else on_anything)(request, error)

    app.add_exception_handler(DatabaseError, on_database)
    app.add_exception_handler(PoolTimeout, on_busy)

    @app.exception_handler(CommitUnknownError)
    async def on_unknown(request: Request, _error: CommitUnknownError) -> Response:
        log.error("the database went away in a commit: it may have happened, or not")
        said = "the database went away in mid-work: look whether it was done before you do it again"
        return _answer(request, Unavailable(said, code="unknown", headers={"Retry-After": "2"}))

    @app.exception_handler(Exception)
    async def on_anything(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.scope.get("route", ""), exc_info=error)
        return _answer(request, Problem())

    app.add_middleware(Guard, owner=app)
