# ruff: noqa: E501 - as generated
"""ordering lockers money people gateways."""

import sqlalchemy as sa
from alembic import op

import server.foundation.database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entries_subject", ["subject"], unique=False)

    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("principal", "operation", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "payment_events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("received_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("handled_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_events")),
        sa.UniqueConstraint("provider", "external_id", name=op.f("uq_payment_events_provider_external_id")),
    )
    with op.batch_alter_table("payment_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_events_session"), ["session"], unique=False)

    op.create_table(
        "platform",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("help", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("hold_seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform")),
    )
    op.create_table(
        "producers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_producers")),
    )
    op.create_table(
        "shops",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shops")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_shops_token_hash")),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
    )
    op.create_table(
        "timers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("due_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timers")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_timers_kind_subject")),
    )
    with op.batch_alter_table("timers", schema=None) as batch_op:
        batch_op.create_index("ix_timers_due_at", ["due_at"], unique=False)

    op.create_table(
        "controllers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("board", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("setup", sa.JSON(), nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.Column("config_body", sa.LargeBinary(), nullable=True),
        sa.Column("config_applied", sa.Integer(), nullable=False),
        sa.Column("grants_version", sa.Integer(), nullable=False),
        sa.Column("grants_applied", sa.Integer(), nullable=False),
        sa.Column("last_grant_no", sa.Integer(), nullable=False),
        sa.Column("last_credential_no", sa.Integer(), nullable=False),
        sa.Column("last_load", sa.Integer(), nullable=False),
        sa.Column("presence", sa.String(), nullable=False),
        sa.Column("presence_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("uptime_ms", sa.Integer(), nullable=False),
        sa.Column("heard_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('bank', 'room')", name=op.f("ck_controllers_kind")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_controllers_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_controllers")),
    )
    with op.batch_alter_table("controllers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_controllers_site_id"), ["site_id"], unique=False)

    op.create_table(
        "gateways",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("feed_epoch", sa.String(), nullable=False),
        sa.Column("feed_last", sa.Integer(), nullable=False),
        sa.Column("heard_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("health", sa.JSON(), nullable=True),
        sa.Column("health_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_gateways_site_id_sites")),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_gateways")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_gateways_token_hash")),
    )
    op.create_table(
        "outbox_mails",
        sa.Column("audit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("due_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("sent_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit_entries.id"], name=op.f("fk_outbox_mails_audit_id_audit_entries")
        ),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_outbox_mails")),
    )
    with op.batch_alter_table("outbox_mails", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_mails_due", ["sent_at", "due_at"], unique=False)

    op.create_table(
        "people",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("producer_id", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=False),
        sa.CheckConstraint("role IN ('manager', 'producer')", name=op.f("ck_people_role")),
        sa.ForeignKeyConstraint(
            ["producer_id"], ["producers.id"], name=op.f("fk_people_producer_id_producers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("producer_id", sa.String(), nullable=False),
        sa.Column("climate", sa.String(), nullable=False),
        sa.Column("max_centi", sa.Integer(), nullable=True),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.Column("size", sa.String(), nullable=False),
        sa.Column("shelf_days", sa.Integer(), nullable=False),
        sa.CheckConstraint("climate IN ('ambient', 'chilled', 'frozen')", name=op.f("ck_products_climate")),
        sa.CheckConstraint("size IN ('S', 'M', 'L')", name=op.f("ck_products_size")),
        sa.CheckConstraint("price_cents >= 0", name=op.f("ck_products_price")),
        sa.ForeignKeyConstraint(
            ["producer_id"], ["producers.id"], name=op.f("fk_products_producer_id_producers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
    )
    with op.batch_alter_table("products", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_products_producer_id"), ["producer_id"], unique=False)

    op.create_table(
        "blocks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("block_id", sa.String(), nullable=False),
        sa.Column("zone_key", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("began_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("requested_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("released_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.String(), nullable=False),
        sa.Column("release_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_blocks_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocks")),
        sa.UniqueConstraint("controller_id", "block_id", name=op.f("uq_blocks_controller_id_block_id")),
    )
    with op.batch_alter_table("blocks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_blocks_live",
            ["controller_id", "zone_key"],
            unique=False,
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.create_table(
        "commands",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("op", sa.String(), nullable=False),
        sa.Column("door", sa.Integer(), nullable=False),
        sa.Column("zone_key", sa.String(), nullable=False),
        sa.Column("block_id", sa.String(), nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("not_after_ms", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("result_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_commands_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
    )
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.create_index(
            "ix_commands_controller_id_created_at", ["controller_id", "created_at"], unique=False
        )

    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("received_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["gateways.site_id"], name=op.f("fk_dead_letters_site_id_gateways")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint(
            "site_id", "epoch", "lane", "seq", name=op.f("uq_dead_letters_site_id_epoch_lane_seq")
        ),
    )
    op.create_table(
        "device_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("uptime_ms", sa.Integer(), nullable=False),
        sa.Column("received_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_device_records_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_records")),
        sa.UniqueConstraint(
            "controller_id",
            "epoch",
            "lane",
            "boot",
            "seq",
            name=op.f("uq_device_records_controller_id_epoch_lane_boot_seq"),
        ),
    )
    with op.batch_alter_table("device_records", schema=None) as batch_op:
        batch_op.create_index(
            "ix_device_records_controller_id_kind_id", ["controller_id", "kind", "id"], unique=False
        )

    op.create_table(
        "feed_items",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("c", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["gateways.site_id"], name=op.f("fk_feed_items_site_id_gateways")
        ),
        sa.PrimaryKeyConstraint("site_id", "c", name=op.f("pk_feed_items")),
    )
    op.create_table(
        "lane_cursors",
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("upto", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"], ["gateways.site_id"], name=op.f("fk_lane_cursors_site_id_gateways")
        ),
        sa.PrimaryKeyConstraint("site_id", "epoch", "lane", name=op.f("pk_lane_cursors")),
    )
    op.create_table(
        "login_links",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("expires_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("used_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_login_links_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_links_token_hash")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("shop_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("customer_email", sa.String(), nullable=False),
        sa.Column("customer_name", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("window_start", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("window_end", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("hold_expires_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("changed_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("ready_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("collected_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('held', 'lapsed', 'paid', 'registered', 'ready', 'expired', 'refunding', 'collected', 'refunded')",
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint("total_cents >= 0", name=op.f("ck_orders_total")),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_orders_controller_id_controllers")
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name=op.f("fk_orders_shop_id_shops")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("shop_id", "reference", name=op.f("uq_orders_shop_id_reference")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_controller_id"), ["controller_id"], unique=False)

    op.create_table(
        "web_sessions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("expires_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("ended_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_web_sessions_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_web_sessions_token_hash")),
    )
    op.create_table(
        "zones",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("climate", sa.String(), nullable=False),
        sa.Column("bus", sa.Integer(), nullable=False),
        sa.Column("probes", sa.JSON(), nullable=False),
        sa.Column("low_centi", sa.Integer(), nullable=False),
        sa.Column("high_centi", sa.Integer(), nullable=False),
        sa.Column("alert_centi", sa.Integer(), nullable=False),
        sa.Column("delay_s", sa.Integer(), nullable=False),
        sa.Column("silence_s", sa.Integer(), nullable=False),
        sa.Column("ajar_s", sa.Integer(), nullable=False),
        sa.CheckConstraint("climate IN ('ambient', 'chilled', 'frozen')", name=op.f("ck_zones_climate")),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_zones_controller_id_controllers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zones")),
        sa.UniqueConstraint("controller_id", "key", name=op.f("uq_zones_controller_id_key")),
    )
    op.create_table(
        "compartments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("zone_id", sa.Integer(), nullable=False),
        sa.Column("board", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("size", sa.String(), nullable=False),
        sa.Column("item_sensor", sa.Boolean(), nullable=False),
        sa.Column("in_service", sa.Boolean(), nullable=False),
        sa.Column("contents", sa.String(), nullable=False),
        sa.Column("door_open", sa.Boolean(), nullable=False),
        sa.Column("door_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("load", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "contents IN ('empty', 'stocked', 'doubtful')", name=op.f("ck_compartments_contents")
        ),
        sa.CheckConstraint("size IN ('S', 'M', 'L')", name=op.f("ck_compartments_size")),
        sa.CheckConstraint("number BETWEEN 1 AND 255", name=op.f("ck_compartments_number")),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_compartments_controller_id_controllers")
        ),
        sa.ForeignKeyConstraint(["zone_id"], ["zones.id"], name=op.f("fk_compartments_zone_id_zones")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compartments")),
        sa.UniqueConstraint("controller_id", "number", name=op.f("uq_compartments_controller_id_number")),
    )
    with op.batch_alter_table("compartments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_compartments_zone_id"), ["zone_id"], unique=False)

    op.create_table(
        "credentials",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("site_id", sa.String(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("producer_id", sa.String(), nullable=True),
        sa.Column("code_mac", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_short", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_long", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("ended_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('customer', 'loader', 'staff')", name=op.f("ck_credentials_kind")),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_credentials_controller_id_controllers")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_credentials_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["producer_id"], ["producers.id"], name=op.f("fk_credentials_producer_id_producers")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_credentials_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
        sa.UniqueConstraint("controller_id", "number", name=op.f("uq_credentials_controller_id_number")),
    )
    with op.batch_alter_table("credentials", schema=None) as batch_op:
        batch_op.create_index(
            "uq_credentials_live_code",
            ["site_id", "code_mac"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(
            "uq_credentials_live_order",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL AND order_id IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND order_id IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_credentials_live_producer",
            ["controller_id", "producer_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL AND producer_id IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND producer_id IS NOT NULL"),
        )

    op.create_table(
        "money_entries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_money_entries_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_money_entries_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_money_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_money_entries_key")),
    )
    with op.batch_alter_table("money_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_money_entries_order_id"), ["order_id"], unique=False)

    op.create_table(
        "order_lines",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_cents", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_order_lines_product_id_products")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
    )
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_lines_order_id"), ["order_id"], unique=False)

    op.create_table(
        "payments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("changed_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_cents >= 0", name=op.f("ck_payments_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("order_id", name=op.f("uq_payments_order_id")),
        sa.UniqueConstraint("session", name=op.f("uq_payments_session")),
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("grants_version", sa.Integer(), nullable=False),
        sa.Column("created_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("done_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'due', 'done', 'dropped')", name=op.f("ck_refunds_state")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("order_id", name=op.f("uq_refunds_order_id")),
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("climate", sa.String(), nullable=False),
        sa.Column("size", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("compartment_id", sa.Integer(), nullable=True),
        sa.Column("load", sa.Integer(), nullable=True),
        sa.Column("loaded_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("ended_at", server.foundation.database.UtcTime(timezone=True), nullable=True),
        sa.Column("changed_at", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('held', 'lapsed', 'paid', 'bound', 'loaded', 'doubtful', 'expired', 'withdrawn', 'collected', 'cleared', 'refused')",
            name=op.f("ck_claims_state"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('bound', 'loaded', 'doubtful', 'expired', 'withdrawn') OR compartment_id IS NOT NULL",
            name=op.f("ck_claims_occupying_has_compartment"),
        ),
        sa.ForeignKeyConstraint(
            ["compartment_id"], ["compartments.id"], name=op.f("fk_claims_compartment_id_compartments")
        ),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_claims_controller_id_controllers")
        ),
        sa.ForeignKeyConstraint(["line_id"], ["order_lines.id"], name=op.f("fk_claims_line_id_order_lines")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_claims_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("controller_id", "load", name=op.f("uq_claims_controller_id_load")),
        sa.UniqueConstraint("line_id", name=op.f("uq_claims_line_id")),
    )
    with op.batch_alter_table("claims", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_claims_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            "uq_claims_live_compartment",
            ["compartment_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('bound', 'loaded', 'doubtful', 'expired', 'withdrawn')"),
            postgresql_where=sa.text("state IN ('bound', 'loaded', 'doubtful', 'expired', 'withdrawn')"),
        )

    op.create_table(
        "capacity",
        sa.Column("compartment_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("claim_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_capacity_claim_id_claims")),
        sa.ForeignKeyConstraint(
            ["compartment_id"], ["compartments.id"], name=op.f("fk_capacity_compartment_id_compartments")
        ),
        sa.PrimaryKeyConstraint("compartment_id", "day", name=op.f("pk_capacity")),
    )
    with op.batch_alter_table("capacity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_capacity_claim_id"), ["claim_id"], unique=False)

    op.create_table(
        "grants",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("controller_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.String(), nullable=False),
        sa.Column("claim_id", sa.String(), nullable=True),
        sa.Column("door", sa.Integer(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("until", server.foundation.database.UtcTime(timezone=True), nullable=False),
        sa.Column("added_version", sa.Integer(), nullable=False),
        sa.Column("removed_version", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_grants_claim_id_claims")),
        sa.ForeignKeyConstraint(
            ["controller_id"], ["controllers.id"], name=op.f("fk_grants_controller_id_controllers")
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credentials.id"], name=op.f("fk_grants_credential_id_credentials")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.UniqueConstraint("controller_id", "number", name=op.f("uq_grants_controller_id_number")),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index("ix_grants_claim_id", ["claim_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_grants_credential_id"), ["credential_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_grants_credential_id"))
        batch_op.drop_index("ix_grants_claim_id")

    op.drop_table("grants")
    with op.batch_alter_table("capacity", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_capacity_claim_id"))

    op.drop_table("capacity")
    with op.batch_alter_table("claims", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_claims_live_compartment",
            sqlite_where=sa.text("state IN ('bound', 'loaded', 'doubtful', 'expired', 'withdrawn')"),
            postgresql_where=sa.text("state IN ('bound', 'loaded', 'doubtful', 'expired', 'withdrawn')"),
        )
        batch_op.drop_index(batch_op.f("ix_claims_order_id"))

    op.drop_table("claims")
    op.drop_table("refunds")
    op.drop_table("payments")
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_lines_order_id"))

    op.drop_table("order_lines")
    with op.batch_alter_table("money_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_money_entries_order_id"))

    op.drop_table("money_entries")
    with op.batch_alter_table("credentials", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_credentials_live_producer",
            sqlite_where=sa.text("ended_at IS NULL AND producer_id IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND producer_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "uq_credentials_live_order",
            sqlite_where=sa.text("ended_at IS NULL AND order_id IS NOT NULL"),
            postgresql_where=sa.text("ended_at IS NULL AND order_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "uq_credentials_live_code",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("credentials")
    with op.batch_alter_table("compartments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_compartments_zone_id"))

    op.drop_table("compartments")
    op.drop_table("zones")
    op.drop_table("web_sessions")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_controller_id"))

    op.drop_table("orders")
    op.drop_table("login_links")
    op.drop_table("lane_cursors")
    op.drop_table("feed_items")
    with op.batch_alter_table("device_records", schema=None) as batch_op:
        batch_op.drop_index("ix_device_records_controller_id_kind_id")

    op.drop_table("device_records")
    op.drop_table("dead_letters")
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_index("ix_commands_controller_id_created_at")

    op.drop_table("commands")
    with op.batch_alter_table("blocks", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_blocks_live",
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.drop_table("blocks")
    with op.batch_alter_table("products", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_products_producer_id"))

    op.drop_table("products")
    op.drop_table("people")
    with op.batch_alter_table("outbox_mails", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_mails_due")

    op.drop_table("outbox_mails")
    op.drop_table("gateways")
    with op.batch_alter_table("controllers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_controllers_site_id"))

    op.drop_table("controllers")
    with op.batch_alter_table("timers", schema=None) as batch_op:
        batch_op.drop_index("ix_timers_due_at")

    op.drop_table("timers")
    op.drop_table("sites")
    op.drop_table("shops")
    op.drop_table("producers")
    op.drop_table("platform")
    with op.batch_alter_table("payment_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_events_session"))

    op.drop_table("payment_events")
    op.drop_table("idempotency_keys")
    op.drop_table("audit_head")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_subject")

    op.drop_table("audit_entries")
