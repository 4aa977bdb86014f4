"""Entering by a mailed one-time link, and leaving. The link is shown on GET and used on POST: mail scanners
follow links.
"""

from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from server.foundation.errors import Gone
from server.pages import words
from server.pages.rendering import platform, render
from server.pages.words import Look
from server.people import logins
from server.people.access import Ctx, person_or_none
from server.people.logins import COOKIE, SESSION_LIFE, Signed
from server.people.models import MANAGER

router = APIRouter(include_in_schema=False)

Who = Annotated[Signed | None, Depends(person_or_none)]
Email = Annotated[str, Form(max_length=200, pattern=r"^[^\x00]*$")]
SEE_OTHER = 303


@router.get("/")
def home(person: Who) -> Response:
    """Everyone's first page: their own."""
    if person is None:
        return RedirectResponse("/login", SEE_OTHER)
    return RedirectResponse("/manager" if person.role == MANAGER else "/producer", SEE_OTHER)


@router.get("/login")
def ask_login(request: Request, context: Ctx) -> Response:
    """The form that asks for an address."""
    with context.store.read() as session:
        return render(request, "login.html", platform=platform(session), step="ask")


@router.post("/login")
def mail_login(request: Request, context: Ctx, email: Email) -> Response:
    """Mails a link to a known address; the answer is the same for an unknown one."""
    with context.store.write() as session:
        logins.mail_link(session, context, email.strip().lower())
        site = platform(session)
    return render(request, "login.html", platform=site, step="sent", look=Look(words.INFO, "clock", ""))


@router.get("/login/{token}")
def show_login(request: Request, context: Ctx, token: str) -> Response:
    """Asks to confirm; uses nothing."""
    with context.store.read() as session:
        try:
            logins.peek(session, context, token)
        except Gone:
            return render(
                request,
                "login.html",
                status=410,
                platform=platform(session),
                step="spent",
                look=Look(words.WARN, "warn", ""),
            )
        return render(
            request, "login.html", platform=platform(session), step="confirm", action=f"/login/{token}"
        )


@router.post("/login/{token}")
def use_login(context: Ctx, token: str) -> Response:
    """Uses the link and starts the browser's session."""
    with context.store.write() as session:
        _, cookie = logins.use_link(session, context, token)
    answer = RedirectResponse("/", SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=context.settings.secure_cookies,
    )
    return answer


@router.post("/logout")
def logout(context: Ctx, loquet: Annotated[str, Cookie()] = "") -> Response:
    """Ends the browser's session."""
    with context.store.write() as session:
        logins.end_session(session, context, loquet)
    answer = RedirectResponse("/login", SEE_OTHER)
    answer.delete_cookie(COOKIE)
    return answer
