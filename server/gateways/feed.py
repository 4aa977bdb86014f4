"""The change feed of a site: desired documents and commands for its controllers, numbered without holes."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.foundation.database import after_commit
from server.foundation.errors import Gone, NotFound
from server.gateways import bell
from server.gateways.models import FeedItem, Gateway

PAGE = 200


def append(
    session: Session, context: Context, site_id: str, device: str, kind: str, body: dict[str, Any]
) -> int:
    """Adds an item in the caller's transaction and wakes waiting polls after its commit; returns its
    number."""
    gateway = session.scalars(
        select(Gateway)
        .where(Gateway.site_id == site_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if gateway is None:
        raise NotFound(f"the site {site_id} has no gateway")
    gateway.feed_last += 1
    session.add(
        FeedItem(
            site_id=site_id,
            c=gateway.feed_last,
            device=device,
            kind=kind,
            body=body,
            created_at=context.clock.now(),
        )
    )
    session.flush()
    after_commit(session, lambda: bell.ring(site_id))
    return gateway.feed_last


def after(session: Session, site_id: str, epoch: str, since: int) -> tuple[int, list[dict[str, Any]]]:
    """(cursor, items) after `since`; raises Gone if the epoch is another or the cursor is not of this
    feed."""
    gateway = session.get(Gateway, site_id)
    if gateway is None:
        raise NotFound("there is no such gateway")
    oldest = session.scalar(select(func.min(FeedItem.c)).where(FeedItem.site_id == site_id))
    first_kept = oldest if oldest is not None else gateway.feed_last + 1
    if epoch != gateway.feed_epoch or since > gateway.feed_last or since < first_kept - 1:
        raise Gone("take a snapshot", code="snapshot-needed")
    rows = session.scalars(
        select(FeedItem)
        .where(FeedItem.site_id == site_id, FeedItem.c > since)
        .order_by(FeedItem.c)
        .limit(PAGE)
    ).all()
    items = [{"c": row.c, "kind": row.kind, "device": row.device, **row.body} for row in rows]
    return (rows[-1].c if rows else since), items
