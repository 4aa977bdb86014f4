"""Codes: made by the system, unique among a site's live ones, kept sealed (they must be shown) under a key
outside the database."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract.codes import check_digit
from server.foundation.context import Context
from server.foundation.errors import Conflict
from server.grants.models import Credential

_TRIES = 50


def mac(context: Context, code: str) -> bytes:
    """The keyed MAC by which a site's live codes are unique."""
    return context.vault.mac("code", code)


def _is_free(session: Session, site_id: str, code_mac: bytes) -> bool:
    taken = select(Credential.id).where(
        Credential.site_id == site_id, Credential.code_mac == code_mac, Credential.ended_at.is_(None)
    )
    return session.scalar(taken) is None


def _unique(session: Session, context: Context, site_id: str, digits: int) -> tuple[str, bytes]:
    for _ in range(_TRIES):
        body = context.ids.digits(digits)
        code = body + check_digit(body)
        code_mac = mac(context, code)
        if _is_free(session, site_id, code_mac):
            return code, code_mac
    raise Conflict("no free code was found; the site has too many live codes")


def customer_codes(session: Session, context: Context, site_id: str) -> tuple[str, str, bytes]:
    """(short, long, MAC of the short): 7 random digits and a check digit; 3 more and a check digit over all
    (R-10)."""
    short, code_mac = _unique(session, context, site_id, 7)
    body = short + context.ids.digits(3)
    return short, body + check_digit(body), code_mac


def personal_code(session: Session, context: Context, site_id: str) -> tuple[str, bytes]:
    """(code, its MAC): 11 random digits and a check digit (R-10)."""
    return _unique(session, context, site_id, 11)


def _place(credential_id: str, which: str) -> str:
    return f"credential:{credential_id}:{which}"


def seal_code(context: Context, credential_id: str, which: str, code: str) -> bytes:
    """A code sealed for its row; `which` is `short` or `long`."""
    return context.vault.seal(code.encode(), _place(credential_id, which))


def shown(context: Context, credential: Credential) -> tuple[str, str]:
    """(short, long) of a live credential, for the eyes of the person it belongs to; "" where there is
    none."""
    short = credential.sealed_short
    long = credential.sealed_long
    return (
        context.vault.open(short, _place(credential.id, "short")).decode() if short else "",
        context.vault.open(long, _place(credential.id, "long")).decode() if long else "",
    )
