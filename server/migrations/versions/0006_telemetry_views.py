"""Days of readings, how far the views go, and views kept outside this database."""

import sqlalchemy as sa
from alembic import op

import server.foundation.database

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WIDE = server.foundation.database.WIDE


def upgrade() -> None:
    op.add_column("ledger_heads", sa.Column("shown", WIDE, nullable=False, server_default="0"))
    op.execute("UPDATE ledger_heads SET shown = position")
    op.create_table(
        "reading_days",
        sa.Column("zone_id", WIDE, autoincrement=False, nullable=False),
        sa.Column("day", WIDE, autoincrement=False, nullable=False),
        sa.Column("probe", WIDE, autoincrement=False, nullable=False),
        sa.Column("low", WIDE, nullable=False),
        sa.Column("high", WIDE, nullable=False),
        sa.Column("weighted", WIDE, nullable=False),
        sa.Column("seconds", WIDE, nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zones.id"], name=op.f("fk_reading_days_zone_id_zones")),
        sa.PrimaryKeyConstraint("zone_id", "day", "probe", name=op.f("pk_reading_days")),
    )
    op.execute(
        "INSERT INTO reading_days (zone_id, day, probe, low, high, weighted, seconds)"
        " SELECT zone_id, hour - hour % 86400, probe, min(low), max(high), sum(weighted), sum(seconds)"
        " FROM reading_hours GROUP BY zone_id, hour - hour % 86400, probe"
    )
    op.create_table(
        "outer_views",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("lease_until", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("marks", WIDE, nullable=False),
        sa.Column("marked_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("failing_since", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("caught_up_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_outer_views")),
    )
    op.create_table(
        "view_cursors",
        sa.Column("view", sa.String(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("position", WIDE, nullable=False),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_view_cursors_controller_id_controllers")
        ),
        sa.ForeignKeyConstraint(
            ["view"], ["outer_views.name"], name=op.f("fk_view_cursors_view_outer_views")
        ),
        sa.PrimaryKeyConstraint("view", "controller_id", name=op.f("pk_view_cursors")),
    )


def downgrade() -> None:
    op.drop_table("view_cursors")
    op.drop_table("outer_views")
    op.drop_table("reading_days")
    with op.batch_alter_table("ledger_heads") as batch_op:
        batch_op.drop_column("shown")
