"""A controller's set of grants and its versions: each change is one version, sent as sealed pieces down the
feed (R-32 to R-34)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware.contract import grants as wire
from server.foundation.context import Context
from server.gateways import feed
from server.grants.models import GrantRow
from server.lockers.keys import sealed
from server.lockers.models import REVOKED, Controller

SNAPSHOT_EVERY = 32
"""Every so many versions the whole set is sent, so that a gateway's chain of changes stays short."""


def live(session: Session, controller_id: str) -> Sequence[GrantRow]:
    """The grants in the controller's present set."""
    return session.scalars(
        select(GrantRow)
        .where(GrantRow.controller_id == controller_id, GrantRow.removed_version.is_(None))
        .order_by(GrantRow.number)
    ).all()


def next_grant_number(controller: Controller) -> int:
    """A grant id that this bank never saw (R-31)."""
    controller.last_grant_no += 1
    return controller.last_grant_no


def change(
    session: Session,
    context: Context,
    controller: Controller,
    add: Iterable[GrantRow] = (),
    remove: Iterable[GrantRow] = (),
) -> int:
    """Makes the next version of the set and sends it; returns the version, or the present one if nothing
    changed.

    Rows to add come with their `record`; their `added_version` is set here.
    """
    added = list(add)
    removed = [row for row in remove if row.removed_version is None]
    if not added and not removed:
        return controller.grants_version
    before = [row.record for row in live(session, controller.id)]
    version = controller.grants_version + 1
    controller.grants_version = version
    for row in added:
        row.added_version = version
        session.add(row)
    for row in removed:
        row.removed_version = version
    session.flush()
    after = [row.record for row in live(session, controller.id)]
    base = 0 if version % SNAPSHOT_EVERY == 0 else version - 1
    _send(session, context, controller, base, before, after)
    return version


def resend(session: Session, context: Context, controller: Controller) -> int:
    """Sends the whole set as a new version: the answer to a controller that could not apply a change
    (R-33)."""
    controller.grants_version += 1
    records = [row.record for row in live(session, controller.id)]
    _send(session, context, controller, 0, [], records)
    return controller.grants_version


def _send(
    session: Session,
    context: Context,
    controller: Controller,
    base: int,
    before: list[bytes],
    after: list[bytes],
) -> None:
    if controller.presence == REVOKED:
        return  # it never connects again; its version still counts what was withdrawn
    bodies = wire.pieces(controller.grants_version, base, before if base else [], after)
    feed.append(
        session,
        context,
        controller.site_id,
        controller.id,
        "desired",
        _item(context, controller, base, bodies),
    )


def _item(context: Context, controller: Controller, base: int, bodies: list[bytes]) -> dict[str, object]:
    return {
        "doc": "grants",
        "version": controller.grants_version,
        "base": base,
        "payloads": [sealed(context, controller, "desired", body) for body in bodies],
    }


def snapshot_item(session: Session, context: Context, controller: Controller) -> dict[str, object]:
    """The feed item of the whole present set, for a gateway that starts anew."""
    records = [row.record for row in live(session, controller.id)]
    return _item(context, controller, 0, wire.pieces(controller.grants_version, 0, [], records))


def label(name: str) -> str:
    """At most 24 bytes of a name, cut between characters, for the keypad's display."""
    return name.encode()[: wire.LABEL].decode(errors="ignore")


def unix(moment: datetime) -> int:
    """Whole Unix seconds, as grants carry them."""
    return int(moment.timestamp())
