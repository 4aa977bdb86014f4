"""A producer's own code at one bank: 12 digits, made once; it opens only what is
reserved for their lines."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation.audit import record
from server.foundation.context import Context
from server.grants import codes
from server.grants.models import Credential
from server.lockers.models import Controller


def find(session: Session, controller_id: str, producer_id: str) -> Credential | None:
    """The producer's live credential at a bank."""
    return session.scalars(
        select(Credential).where(
            Credential.controller_id == controller_id,
            Credential.producer_id == producer_id,
            Credential.ended_at.is_(None),
        )
    ).one_or_none()


def ensure(session: Session, context: Context, controller: Controller, producer_id: str) -> Credential:
    """The producer's live credential at a bank, made if there is none."""
    credential = find(session, controller.id, producer_id)
    if credential is not None:
        return credential
    code, code_mac = codes.personal_code(session, context, controller.site_id)
    credential_id = context.ids.new()
    controller.last_credential_no += 1
    credential = Credential(
        id=credential_id,
        site_id=controller.site_id,
        controller_id=controller.id,
        number=controller.last_credential_no,
        kind="loader",
        producer_id=producer_id,
        code_mac=code_mac,
        sealed_short=None,
        sealed_long=codes.seal_code(context, credential_id, "long", code),
        created_at=context.clock.now(),
    )
    session.add(credential)
    session.flush()
    record(
        session,
        context,
        "system",
        "credential.made",
        f"credential:{credential_id}",
        {"kind": "loader", "producer": producer_id, "bank": controller.id},
    )
    return credential
