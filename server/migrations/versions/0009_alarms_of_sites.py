"""An alarm may be about a site's gateway, not only about a controller; which gateway was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN = sa.text("closed_at IS NULL")
_OF_ONE = "(controller_id IS NULL) <> (site_id IS NULL)"


def _open_index() -> None:
    op.create_index(
        "uq_alarms_open",
        "alarms",
        ["controller_id", "kind", "zone_key", "door", "probe"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def upgrade() -> None:
    op.add_column("gateways", sa.Column("fenced_run", sa.String(), nullable=True))
    op.drop_index("uq_alarms_open", "alarms")  # SQLite makes the table anew, and its indexes are better told
    with op.batch_alter_table("alarms") as alarms:
        alarms.add_column(sa.Column("site_id", sa.String(), nullable=True))
        alarms.alter_column("controller_id", existing_type=sa.String(), nullable=True)
        alarms.create_foreign_key("fk_alarms_site_id_sites", "sites", ["site_id"], ["id"])
        alarms.create_check_constraint(op.f("ck_alarms_of_one"), _OF_ONE)
    _open_index()
    op.create_index(
        "uq_alarms_open_site",
        "alarms",
        ["site_id", "kind"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def downgrade() -> None:
    op.execute("DELETE FROM alarms WHERE controller_id IS NULL")
    op.drop_index("uq_alarms_open_site", "alarms")
    op.drop_index("uq_alarms_open", "alarms")
    with op.batch_alter_table("alarms") as alarms:
        alarms.drop_constraint(op.f("ck_alarms_of_one"), type_="check")
        alarms.drop_constraint("fk_alarms_site_id_sites", type_="foreignkey")
        alarms.alter_column("controller_id", existing_type=sa.String(), nullable=False)
        alarms.drop_column("site_id")
    _open_index()
    op.drop_column("gateways", "fenced_run")
