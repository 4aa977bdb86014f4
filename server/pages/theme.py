"""Light, dark, or as the device says: kept in a cookie, chosen by a form that needs no script."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from server.people.access import Ctx

router = APIRouter(include_in_schema=False)

COOKIE = "loquet_theme"
YEAR_S = 365 * 86400
SEE_OTHER = 303

AUTO, LIGHT, DARK = "auto", "light", "dark"


@dataclass(frozen=True, slots=True)
class Theme:
    """How a page is drawn: `scheme` for the browser's own controls, `dark` the media of `dark.css`
    (empty: it is not linked). Never paper."""

    name: str
    scheme: str
    dark: str


THEMES = {
    AUTO: Theme(AUTO, "light dark", "screen and (prefers-color-scheme: dark)"),
    LIGHT: Theme(LIGHT, "light", ""),
    DARK: Theme(DARK, "dark", "screen"),
}

Choice = Annotated[str, Form(pattern="^(auto|light|dark)$")]
OwnPath = Annotated[str, Form(max_length=600, pattern=r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$")]
"""A path of ours: never `//host`, nothing that ends a header."""


def theme_of(request: Request) -> Theme:
    """The theme of the cookie; as the device says without one, or with one that is not ours."""
    return THEMES.get(request.cookies.get(COOKIE, AUTO), THEMES[AUTO])


@router.post("/theme")
def choose_theme(context: Ctx, theme: Choice, back: OwnPath = "/") -> Response:
    """Keeps the choice and goes back."""
    answer = RedirectResponse(back, SEE_OTHER)
    if theme == AUTO:
        answer.delete_cookie(COOKIE)
    else:
        answer.set_cookie(
            COOKIE,
            theme,
            max_age=YEAR_S,
            httponly=True,
            samesite="lax",
            secure=context.settings.secure_cookies,
        )
    return answer
