"""Which of a gateway's processes speaks now, and which have spoken before: two of them are a copied card."""

import sqlalchemy as sa
from alembic import op

import server.foundation.database

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gateways", sa.Column("run", sa.String(), nullable=True))
    op.add_column("gateways", sa.Column("past_runs", sa.JSON(), nullable=True))
    op.add_column(
        "gateways", sa.Column("fenced_at", server.foundation.database.UtcTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    for name in ("fenced_at", "past_runs", "run"):
        op.drop_column("gateways", name)
