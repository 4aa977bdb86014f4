"""Errors that a person can act on; turned into problem+json (RFC 9457) or an error page in one place,
`web.py`."""

from http import HTTPStatus


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Something the caller can understand. `code` is stable and part of the API; `detail` is a sentence in
    English.

    `extra` are further members of the problem document (`expect`, `errors` …); `headers` go with the answer.
    """

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    code: str = "internal"
    title: str = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        extra: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        if code is not None:
            self.code = code
        self.extra = extra or {}
        self.headers = headers or {}


class BadRequest(Problem):
    """The request cannot be understood."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad-request"
    title = "The request cannot be understood"


class Unauthorized(Problem):
    """No credential, or one that is not (any longer) valid."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorized"
    title = "Who are you?"


class Forbidden(Problem):
    """A valid credential that does not allow this."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    title = "This is not allowed to you"


class NotFound(Problem):
    """No such thing, or not one that the caller may know of."""

    status = HTTPStatus.NOT_FOUND
    code = "not-found"
    title = "There is no such thing"


class Conflict(Problem):
    """The present state does not allow it."""

    status = HTTPStatus.CONFLICT
    code = "conflict"
    title = "The present state does not allow this"


class Gone(Problem):
    """It was there once; take a snapshot or a new one."""

    status = HTTPStatus.GONE
    code = "gone"
    title = "This is no longer available"


class TooLarge(Problem):
    """More bytes than are taken."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too-large"
    title = "The request is too large"


class Unprocessable(Problem):
    """Understood, but what it says cannot be."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid"
    title = "The request is not valid"


class Unavailable(Problem):
    """Not now; try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    title = "Not available at present"


class ConfigurationError(Exception):
    """Settings or files on which the server cannot run; the text says which and what to do."""
