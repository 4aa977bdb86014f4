"""Holds that are over are found among those that stand, not among all orders there ever were."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_HELD = sa.text("state = 'held'")


def upgrade() -> None:
    op.create_index(
        "ix_orders_held",
        "orders",
        ["controller_id", "hold_expires_at"],
        sqlite_where=_HELD,
        postgresql_where=_HELD,
    )


def downgrade() -> None:
    op.drop_index("ix_orders_held", "orders")
