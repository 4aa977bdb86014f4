"""The desired state of a site as a whole, for a gateway that starts anew."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.grants import sets
from server.lockers import configuration
from server.lockers.models import REVOKED, Controller


def items(session: Session, context: Context, site_id: str) -> list[dict[str, Any]]:
    """A `desired` item per document and controller, without numbers."""
    found: list[dict[str, Any]] = []
    for device in session.scalars(
        select(Controller).where(Controller.site_id == site_id).order_by(Controller.id)
    ):
        if device.presence == REVOKED:
            found.append({"kind": "revoke", "device": device.id})
            continue
        if device.config_body is not None:
            found.append({"kind": "desired", "device": device.id, **configuration.item(context, device)})
        if device.grants_version > 0:
            found.append(
                {"kind": "desired", "device": device.id, **sets.snapshot_item(session, context, device)}
            )
    return found
