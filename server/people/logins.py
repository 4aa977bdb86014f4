"""Logging in by a mailed one-time link: shown on GET, used on POST (mail scanners follow links), then a
session cookie.

No password exists, so none can be guessed or left at its default. Links live 15 minutes, sessions 30 days.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from server.foundation.audit import record
from server.foundation.context import Context
from server.foundation.database import changed
from server.foundation.errors import Gone, NotFound
from server.foundation.outbox import send_mail
from server.foundation.vault import token_hash
from server.locales import translate
from server.people.models import LoginLink, Person, Platform, WebSession

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)
MAX_LINKS = 5
"""Links a person may be sent in the life of one: further requests are passed over in silence."""

COOKIE = "loquet"


@dataclass(frozen=True)
class Signed:
    """A person who is logged in."""

    person_id: str
    email: str
    name: str
    role: str
    producer_id: str | None
    locale: str

    @property
    def actor(self) -> str:
        """How the audit names them."""
        return f"person:{self.person_id}"


def _signed(person: Person) -> Signed:
    return Signed(person.id, person.email, person.name, person.role, person.producer_id, person.locale)


def make_link(session: Session, context: Context, email: str) -> str:
    """A new one-time link, `BASE/login/TOKEN`; raises NotFound for somebody unknown."""
    person = session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()
    if person is None:
        raise NotFound("nobody is known by this address")
    token = context.ids.token()
    now = context.clock.now()
    link = LoginLink(
        id=context.ids.new(),
        person_id=person.id,
        token_hash=token_hash(token),
        created_at=now,
        expires_at=now + LINK_LIFE,
    )
    session.add(link)
    record(session, context, "system", "login.link_made", f"person:{person.id}")
    return f"{context.settings.base_url.rstrip('/')}/login/{token}"


def mail_link(session: Session, context: Context, email: str) -> None:
    """Mails a link if the address is known; the caller says the same either way, so that nobody learns who
    is."""
    person = session.scalars(select(Person).where(Person.email == email.strip().lower())).one_or_none()
    if person is None:
        return
    recent = session.scalar(
        select(func.count())
        .select_from(LoginLink)
        .where(LoginLink.person_id == person.id, LoginLink.created_at > context.clock.now() - LINK_LIFE)
    )
    if recent is not None and recent >= MAX_LINKS:
        return
    link = make_link(session, context, email)
    platform = session.get(Platform, 1)
    name = platform.name if platform else "Loquet"
    say = partial(translate, person.locale)
    subject = say("Votre connexion à %(name)s", name=name)
    text = "\n".join(
        [
            say("Bonjour %(name)s,", name=person.name),
            "",
            say("ouvrez ce lien dans les 15 minutes, il ne sert qu'une fois :"),
            link,
            "",
            name,
            "",
        ]
    )
    send_mail(session, context, to=person.email, subject=subject, text=text, about=f"person:{person.id}")


def peek(session: Session, context: Context, token: str) -> Signed:
    """Whose link it is, without using it; raises Gone when used, over or unknown."""
    link = _live_link(session, context, token)
    person = session.get_one(Person, link.person_id)
    return _signed(person)


def _live_link(session: Session, context: Context, token: str) -> LoginLink:
    link = session.scalars(select(LoginLink).where(LoginLink.token_hash == token_hash(token))).one_or_none()
    if link is None or link.used_at is not None or link.expires_at <= context.clock.now():
        raise Gone("this link was used or is too old; ask for a new one")
    return link


def use_link(session: Session, context: Context, token: str) -> tuple[Signed, str]:
    """(person, session token for the cookie): the link is dead afterwards, even for a second click at the
    same moment."""
    link = _live_link(session, context, token)
    now = context.clock.now()
    used = changed(
        session,
        update(LoginLink).where(LoginLink.id == link.id, LoginLink.used_at.is_(None)).values(used_at=now),
    )
    if used != 1:
        raise Gone("this link was used; ask for a new one")
    cookie = context.ids.token()
    session.add(
        WebSession(
            id=context.ids.new(),
            token_hash=token_hash(cookie),
            person_id=link.person_id,
            created_at=now,
            expires_at=now + SESSION_LIFE,
        )
    )
    person = session.get_one(Person, link.person_id)
    record(session, context, f"person:{person.id}", "login.done", f"person:{person.id}")
    return _signed(person), cookie


def who(session: Session, context: Context, cookie: str) -> Signed | None:
    """The person of a session token, or None."""
    if not cookie:
        return None
    row = session.scalars(select(WebSession).where(WebSession.token_hash == token_hash(cookie))).one_or_none()
    if row is None or row.ended_at is not None or row.expires_at <= context.clock.now():
        return None
    return _signed(session.get_one(Person, row.person_id))


def end_session(session: Session, context: Context, cookie: str) -> None:
    """Logs out."""
    row = session.scalars(select(WebSession).where(WebSession.token_hash == token_hash(cookie))).one_or_none()
    if row is not None and row.ended_at is None:
        row.ended_at = context.clock.now()
        record(session, context, f"person:{row.person_id}", "login.ended", f"person:{row.person_id}")


def forget_old(session: Session, context: Context, _subject: str) -> None:
    """Timer: links and sessions that are over."""
    now = context.clock.now()
    session.execute(delete(LoginLink).where(LoginLink.expires_at < now - SESSION_LIFE))
    session.execute(delete(WebSession).where(WebSession.expires_at < now))
