"""The audit and the money ledger are append-only: the database refuses updates and deletes.

A later batch migration of these two tables rebuilds them on SQLite and must make the triggers again; a test
looks for them.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = ("audit_entries", "money_entries")


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'append-only table'; END $$"
        )
    for table in _TABLES:
        for verb in ("UPDATE", "DELETE"):
            name = f"tr_{table}_no_{verb.lower()}"
            body = (
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
                if postgresql
                else "BEGIN SELECT RAISE(ABORT, 'append-only table'); END"
            )
            op.execute(f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {body}")


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in _TABLES:
        for verb in ("update", "delete"):
            suffix = f" ON {table}" if postgresql else ""
            op.execute(f"DROP TRIGGER tr_{table}_no_{verb}{suffix}")
    if postgresql:
        op.execute("DROP FUNCTION refuse_change()")
