"""Cold chain, alarms, telemetry. The ledger of readings is append-only: the database refuses changes."""

import sqlalchemy as sa
from alembic import op

import server.foundation.database

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("zone_key", sa.String(), nullable=False),
        sa.Column("door", sa.Integer(), nullable=False),
        sa.Column("probe", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("block_id", sa.String(), nullable=False),
        sa.Column("opened_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("noted_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("over_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("closed_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_alarms_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    with op.batch_alter_table("alarms", schema=None) as batch_op:
        batch_op.create_index("ix_alarms_opened_at", ["opened_at"], unique=False)
        batch_op.create_index(
            "uq_alarms_open",
            ["controller_id", "kind", "zone_key", "door", "probe"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "ledger_heads",
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("link", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_ledger_heads_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("controller_id", name=op.f("pk_ledger_heads")),
    )
    op.create_table(
        "ledger_rows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_ledger_rows_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_rows")),
        sa.UniqueConstraint(
            "controller_id", "epoch", "seq", name=op.f("uq_ledger_rows_controller_id_epoch_seq")
        ),
        sa.UniqueConstraint("controller_id", "position", name=op.f("uq_ledger_rows_controller_id_position")),
    )
    op.create_table(
        "telemetry_gaps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("noted_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_telemetry_gaps_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_telemetry_gaps")),
    )
    with op.batch_alter_table("telemetry_gaps", schema=None) as batch_op:
        batch_op.create_index(
            "ix_telemetry_gaps_controller_id_start", ["controller_id", "start"], unique=False
        )

    op.create_table(
        "excursions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("zone_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("began_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("ended_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("peak", sa.Integer(), nullable=False),
        sa.Column("degree_seconds", sa.BigInteger(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.Column("noted_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.CheckConstraint("found IN ('live', 'later')", name=op.f("ck_excursions_found")),
        sa.CheckConstraint("kind IN ('temperature', 'nodata')", name=op.f("ck_excursions_kind")),
        sa.ForeignKeyConstraint(["zone_id"], ["zones.id"], name=op.f("fk_excursions_zone_id_zones")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_excursions")),
        sa.UniqueConstraint("zone_id", "kind", "began_at", name=op.f("uq_excursions_zone_id_kind_began_at")),
    )
    op.create_table(
        "lots",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("use_by", sa.Date(), nullable=False),
        sa.Column("zone_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("placed_by", sa.String(), nullable=False),
        sa.Column("placed_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_lots_quantity")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_lots_product_id_products")),
        sa.ForeignKeyConstraint(["zone_id"], ["zones.id"], name=op.f("fk_lots_zone_id_zones")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lots")),
    )
    with op.batch_alter_table("lots", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lots_zone_id"), ["zone_id"], unique=False)

    op.create_table(
        "reading_hours",
        sa.Column("zone_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("probe", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("weighted", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zones.id"], name=op.f("fk_reading_hours_zone_id_zones")),
        sa.PrimaryKeyConstraint("zone_id", "hour", "probe", name=op.f("pk_reading_hours")),
    )
    op.create_table(
        "readings",
        sa.Column("zone_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("probe", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("length_s", sa.Integer(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("mean", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("health", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["zone_id"], ["zones.id"], name=op.f("fk_readings_zone_id_zones")),
        sa.PrimaryKeyConstraint("zone_id", "at", "probe", name=op.f("pk_readings")),
    )
    op.create_table(
        "zone_watches",
        sa.Column("zone_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("watch", sa.JSON(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("run IN ('live', 'history')", name=op.f("ck_zone_watches_run")),
        sa.ForeignKeyConstraint(["zone_id"], ["zones.id"], name=op.f("fk_zone_watches_zone_id_zones")),
        sa.PrimaryKeyConstraint("zone_id", "run", name=op.f("pk_zone_watches")),
    )
    # ### end Alembic commands ###
    postgresql = op.get_bind().dialect.name == "postgresql"
    for verb in ("UPDATE", "DELETE"):
        body = (
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            if postgresql
            else "BEGIN SELECT RAISE(ABORT, 'append-only table'); END"
        )
        op.execute(f"CREATE TRIGGER tr_ledger_rows_no_{verb.lower()} BEFORE {verb} ON ledger_rows {body}")


def downgrade() -> None:
    op.drop_table("zone_watches")
    op.drop_table("readings")
    op.drop_table("reading_hours")
    with op.batch_alter_table("lots", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lots_zone_id"))

    op.drop_table("lots")
    op.drop_table("excursions")
    with op.batch_alter_table("telemetry_gaps", schema=None) as batch_op:
        batch_op.drop_index("ix_telemetry_gaps_controller_id_start")

    op.drop_table("telemetry_gaps")
    op.drop_table("ledger_rows")
    op.drop_table("ledger_heads")
    with op.batch_alter_table("alarms", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_alarms_open",
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.drop_index("ix_alarms_opened_at")

    op.drop_table("alarms")
    # ### end Alembic commands ###
