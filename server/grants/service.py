"""What an order's doors need at the controller: the customer's grants and the loaders', issued together,
ended together."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from firmware.contract import grants as wire
from firmware.contract.seals import CODE_MAC, code_mac
from server.foundation.audit import record
from server.foundation.context import Context
from server.grants import codes, personal, sets
from server.grants.models import Credential, GrantRow
from server.lockers.keys import code_key
from server.lockers.models import Controller

_EARLY = timedelta(minutes=5)
"""Loaders' grants start a little before they are made, for a controller whose clock is behind."""


@dataclass(frozen=True)
class DoorGrant:
    """A claim's door: who loads it, what the display says, which load its grants name."""

    claim_id: str
    door: int
    load: int
    producer_id: str
    label: str


def customer_credential(session: Session, order_id: str) -> Credential | None:
    """The order's live code."""
    return session.scalars(
        select(Credential).where(Credential.order_id == order_id, Credential.ended_at.is_(None))
    ).one_or_none()


def issue(
    session: Session,
    context: Context,
    controller: Controller,
    order_id: str,
    doors: list[DoorGrant],
    start: datetime,
    until: datetime,
) -> Credential:
    """The code of an order and all its grants, as one version of the controller's set."""
    key = code_key(context, controller)
    credential = customer_credential(session, order_id)
    if credential is None:
        credential = _make_credential(session, context, controller, order_id)
    short, long = codes.shown(context, credential)
    rows: list[GrantRow] = []
    now = context.clock.now()
    for door in doors:
        rows.append(
            _row(
                context,
                controller,
                credential,
                door,
                wire.CUSTOMER,
                wire.ONCE | wire.NEEDS_LOAD,
                start,
                until,
                code_mac(key, short),
                code_mac(key, long),
            )
        )
        loader = personal.ensure(session, context, controller, door.producer_id)
        _, own = codes.shown(context, loader)
        rows.append(
            _row(
                context,
                controller,
                loader,
                door,
                wire.LOADER,
                wire.MAKES_LOAD,
                now - _EARLY,
                until,
                bytes(CODE_MAC),
                code_mac(key, own),
            )
        )
    version = sets.change(session, context, controller, add=rows)
    record(
        session,
        context,
        "system",
        "grants.issued",
        f"order:{order_id}",
        {"bank": controller.id, "version": version, "doors": [door.door for door in doors]},
    )
    return credential


def _make_credential(session: Session, context: Context, controller: Controller, order_id: str) -> Credential:
    short, long, mac = codes.customer_codes(session, context, controller.site_id)
    credential_id = context.ids.new()
    controller.last_credential_no += 1
    credential = Credential(
        id=credential_id,
        site_id=controller.site_id,
        controller_id=controller.id,
        number=controller.last_credential_no,
        kind="customer",
        order_id=order_id,
        code_mac=mac,
        sealed_short=codes.seal_code(context, credential_id, "short", short),
        sealed_long=codes.seal_code(context, credential_id, "long", long),
        created_at=context.clock.now(),
    )
    session.add(credential)
    session.flush()
    return credential


def _row(
    context: Context,
    controller: Controller,
    credential: Credential,
    door: DoorGrant,
    kind: int,
    flags: int,
    start: datetime,
    until: datetime,
    short: bytes,
    long: bytes,
) -> GrantRow:
    number = sets.next_grant_number(controller)
    grant = wire.Grant(
        number,
        credential.number,
        kind,
        flags,
        door.door,
        sets.unix(start),
        sets.unix(until),
        door.load,
        short,
        long,
        sets.label(door.label),
    )
    return GrantRow(
        id=context.ids.new(),
        controller_id=controller.id,
        number=number,
        credential_id=credential.id,
        claim_id=door.claim_id,
        door=door.door,
        record=grant.pack(),
        until=until,
        added_version=0,
    )


def drop_loaders(session: Session, context: Context, controller: Controller, claim_ids: list[str]) -> int:
    """Takes the loaders' grants of these claims out of the set: everything is in. Returns the version."""
    rows = session.scalars(
        select(GrantRow)
        .join(Credential, Credential.id == GrantRow.credential_id)
        .where(
            GrantRow.claim_id.in_(claim_ids), GrantRow.removed_version.is_(None), Credential.kind == "loader"
        )
    ).all()
    return sets.change(session, context, controller, remove=rows)


def revoke(session: Session, context: Context, controller: Controller, order_id: str, actor: str) -> int:
    """Ends the order's code and takes every grant of its claims out of the set.

    Returns the version after which no door opens for it, also where that was done before; 0 if it never had
    a grant.
    """
    claims = (
        select(GrantRow.claim_id)
        .join(Credential, Credential.id == GrantRow.credential_id)
        .where(Credential.order_id == order_id)
        .scalar_subquery()
    )
    credential = customer_credential(session, order_id)
    if credential is None:
        removed = select(func.max(GrantRow.removed_version)).where(GrantRow.claim_id.in_(claims))
        return session.scalar(removed) or 0
    rows = session.scalars(
        select(GrantRow).where(GrantRow.claim_id.in_(claims), GrantRow.removed_version.is_(None))
    ).all()
    version = sets.change(session, context, controller, remove=rows)
    credential.ended_at = context.clock.now()
    credential.sealed_short = None
    credential.sealed_long = None
    record(session, context, actor, "grants.revoked", f"order:{order_id}", {"version": version})
    return version


def is_registered(session: Session, controller: Controller, order_id: str) -> bool:
    """True if the controller said that it holds every grant of the order's code."""
    credential = customer_credential(session, order_id)
    if credential is None:
        return False
    versions = session.scalars(
        select(GrantRow.added_version).where(GrantRow.credential_id == credential.id)
    ).all()
    return bool(versions) and max(versions) <= controller.grants_applied
