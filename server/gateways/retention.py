"""Keeps what gateways bring and read within bounds: old lines of the feed, old dead letters."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.foundation.context import Context
from server.gateways.models import DeadLetter, FeedItem, Gateway

FEED_KEPT = timedelta(days=30)
"""A gateway that was away for longer takes a snapshot."""
DEAD_LETTERS_KEPT = 10_000
"""Per site, the newest."""

TIMER = "gateways.forget"


def forget_old(session: Session, context: Context, _subject: str) -> None:
    """Timer. A site's newest feed line always stays, so that the end of the feed is known."""
    before = context.clock.now() - FEED_KEPT
    for gateway in session.scalars(select(Gateway)):
        session.execute(
            delete(FeedItem).where(
                FeedItem.site_id == gateway.site_id,
                FeedItem.created_at < before,
                FeedItem.c < gateway.feed_last,
            )
        )
        oldest_kept = session.scalar(
            select(DeadLetter.id)
            .where(DeadLetter.site_id == gateway.site_id)
            .order_by(DeadLetter.id.desc())
            .offset(DEAD_LETTERS_KEPT - 1)
            .limit(1)
        )
        if oldest_kept is not None:
            session.execute(
                delete(DeadLetter).where(DeadLetter.site_id == gateway.site_id, DeadLetter.id < oldest_kept)
            )
