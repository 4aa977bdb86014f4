"""Whole numbers of 64 bits on PostgreSQL, as SQLite's always were; a refund may be claimed for a while.

A device's uptime in milliseconds leaves 32 bits after 25 days; grants and loads are numbered in 32 bits
without sign; a provider's event may name any sum. PostgreSQL rewrites the tables: reckon with a minute for
each few million rows.
"""

import sqlalchemy as sa
from alembic import op

import server.foundation.database

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WIDER = {
    "alarms": "door probe value",
    "audit_entries": "id",
    "audit_head": "id count",
    "capacity": "compartment_id",
    "claims": "compartment_id load",
    "commands": "door boot not_after_ms",
    "compartments": "id number zone_id board channel load",
    "controllers": (
        "config_version config_applied grants_version grants_applied last_grant_no last_credential_no"
        " last_load boot uptime_ms"
    ),
    "credentials": "number",
    "dead_letters": "id seq",
    "device_records": "id lane boot seq uptime_ms",
    "excursions": "zone_id peak",
    "feed_items": "c",
    "gateways": "feed_last",
    "grants": "number door added_version removed_version",
    "idempotency_keys": "status",
    "lane_cursors": "upto",
    "ledger_heads": "position",
    "ledger_rows": "id position",
    "lots": "quantity zone_id",
    "money_entries": "amount_cents",
    "order_lines": "quantity unit_cents",
    "orders": "total_cents",
    "outbox_mails": "audit_id attempts",
    "payment_events": "amount_cents",
    "payments": "amount_cents",
    "platform": "id hold_seconds",
    "products": "max_centi price_cents shelf_days",
    "reading_hours": "zone_id probe low high seconds",
    "readings": "zone_id probe length_s low mean high samples health",
    "refunds": "amount_cents grants_version",
    "telemetry_gaps": "id",
    "timers": "id attempts",
    "zone_watches": "zone_id",
    "zones": "id bus low_centi high_centi alert_centi delay_s silence_s ajar_s",
}
_NUMBERED = (
    "compartments",
    "dead_letters",
    "device_records",
    "ledger_rows",
    "telemetry_gaps",
    "timers",
    "zones",
)


def _make(word: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in _WIDER.items():
        changes = ", ".join(f'ALTER COLUMN "{column}" TYPE {word}' for column in columns.split())
        op.execute(f"ALTER TABLE {table} {changes}")
    for table in _NUMBERED:
        op.execute(f"ALTER SEQUENCE {table}_id_seq AS {word}")


def upgrade() -> None:
    _make("BIGINT")
    op.add_column(
        "refunds",
        sa.Column("claimed_until", server.foundation.database.UtcTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("refunds", "claimed_until")
    _make("INTEGER")
