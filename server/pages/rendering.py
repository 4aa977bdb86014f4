"""Templates to answers: language, words, formats, the frame around each page. Jinja2 with autoescape, nothing
inline.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from server.foundation.context import get_context
from server.locales import LANGUAGES, choose, translations
from server.locales.formats import DEFAULT_ZONE, local, zone_name
from server.pages import words
from server.pages.theme import AUTO, DARK, LIGHT, Theme, theme_of
from server.pages.words import Look
from server.people.logins import Signed
from server.people.models import Platform

FOLDER = Path(__file__).resolve().parent.parent / "templates"
LANGUAGE_COOKIE = "loquet_language"
YEAR_S = 365 * 86400


@dataclass(frozen=True, slots=True)
class Place:
    """A page in the head's navigation."""

    href: str
    word: str
    here: bool
    count: int = 0


@dataclass(frozen=True, slots=True)
class Shade:
    """A button of the form that chooses light or dark."""

    name: str
    word: str
    here: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds every page."""

    language: str
    other_language: str
    day: str
    time: str
    clock: str
    """Whose clock `day` and `time` are by: said on paper, which leaves the place."""
    help: str
    home: str
    note: Look | None
    mark: str
    """How far the database was when this page read it (`live.note_mark`); empty on pages that do not live."""
    theme: Theme
    shades: list[Shade]
    back: str
    """This page's own path, to come back to after a choice."""


def language_of(request: Request, person: Signed | None = None) -> str:
    """The language of a request: `?lang=`, the cookie, the person's own, Accept-Language, French."""
    remembered = request.cookies.get(LANGUAGE_COOKIE) or (person.locale if person is not None else None)
    return choose(request.query_params.get("lang"), remembered, request.headers.get("accept-language"))


def platform(session: Session) -> Platform | None:
    """The platform's own row; None before set-up."""
    return session.get(Platform, 1)


def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.globals["_"] = _newstyle(translations(language).gettext)
    return environment


def _newstyle(plain: Callable[[str], str]) -> Callable[..., Markup]:
    """`_("texte %(name)s", name=value)`: translated, values escaped."""

    def translated(message: str, **values: object) -> Markup:
        text = Markup(escape(plain(message)))
        return text % values if values else text

    return translated


_ENVIRONMENTS = {language: _environment(language) for language in LANGUAGES}


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    platform: Platform | None = None,
    person: Signed | None = None,
    places: list[Place] | None = None,
    timezone: ZoneInfo = DEFAULT_ZONE,
    note: str = "",
    live: str = "",
    language: str = "",
    **values: Any,
) -> HTMLResponse:
    """A page. `note` (or `?note=` of the address) is a word of `_notes`. Never cached: pages hold what others
    may not see.
    """
    language = language or language_of(request, person)
    now = get_context(request).clock.now()
    word = note or request.query_params.get("note", "")
    other = "en" if language == "fr" else "fr"
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in ("lang", "note")]
    home = "/" if person is not None else request.url.path
    theme = theme_of(request)
    frame = Frame(
        language=language,
        other_language="?" + urlencode([*kept, ("lang", other)]),
        day=f"{now.astimezone(timezone):%d/%m/%Y}",
        time=f"{now.astimezone(timezone):%H:%M:%S}",
        clock=zone_name(timezone, language),
        help=platform.help if platform is not None else "",
        home=home,
        note=words.look(words.NOTED, word, language) if word in words.NOTED else None,
        mark=getattr(request.state, "mark", ""),
        theme=theme,
        shades=_shades(theme, language),
        back=_back(request, kept),
    )
    environment = _ENVIRONMENTS[language]
    text = environment.get_template(template).render(
        page=frame,
        person=person,
        places=places or [],
        live=live,
        local=lambda at: local(at, timezone),
        **values,
    )
    response = HTMLResponse(text, status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Cookie, Accept-Language"
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, asked, max_age=YEAR_S, httponly=True, samesite="lax")
    return response


def _shades(theme: Theme, language: str) -> list[Shade]:
    say = translations(language).gettext
    names = ((AUTO, say("Comme l'appareil")), (LIGHT, say("Clair")), (DARK, say("Sombre")))
    return [Shade(name, word, name == theme.name) for name, word in names]


def _back(request: Request, query: list[tuple[str, str]]) -> str:
    """Where the form of the theme leads: an answer to a form has no address of its own."""
    if request.method != "GET":
        return "/"
    path = request.scope.get("raw_path") or b"/"
    return path.decode("ascii", "replace") + ("?" + urlencode(query) if query else "")


def error_page(request: Request, status: int, code: str, _detail: str) -> Response:
    """The page of an error; its text depends on the status, for details are for machines."""
    say = translations(language_of(request)).gettext
    texts = {
        401: (say("Entrez d'abord"), say("Cette page est réservée. Demandez un lien pour entrer.")),
        403: (say("Ce n'est pas pour vous"), say("Votre accès ne permet pas cette page ou ce geste.")),
        404: (say("Rien à cette adresse"), say("Le lien est faux ou ne vaut plus.")),
        409: (
            say("Ce n'est plus possible"),
            say("La situation a changé entre-temps. Revenez voir l'état présent."),
        ),
        410: (say("Ce lien ne vaut plus"), say("Il a déjà servi ou il est trop ancien.")),
        422: (say("Saisie non valable"), say("Il manque quelque chose ou une valeur ne convient pas.")),
    }
    fallback = (say("Un souci de notre côté"), say("Rien n'a été perdu. Réessayez dans un instant."))
    title, text = texts.get(status, fallback)
    look = Look(words.WARN if status < 500 else words.BAD, "warn" if status < 500 else "stop", "")
    back = "/login" if status == 401 else "/"
    return render(
        request,
        "error.html",
        status=status,
        shown_status=status,
        title=title,
        text=text,
        look=look,
        code=code,
        back=back,
    )
