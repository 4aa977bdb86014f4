"""What a gateway may claim of a controller's uptime, boot by boot."""

import sqlalchemy as sa
from alembic import op

import server.foundation.database

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "boot_clocks",
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("boot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("passed_ms", sa.BigInteger(), nullable=False),
        sa.Column("at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_boot_clocks_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("controller_id", "boot", name=op.f("pk_boot_clocks")),
    )


def downgrade() -> None:
    op.drop_table("boot_clocks")
