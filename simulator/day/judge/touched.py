"""Which rows of the server's database a transaction has touched: triggers note them, whoever wrote them.

So that only these need judging after each event, and a month costs no more a day than the first day.
"""

from typing import Any

_KEYS = {
    "claims": "order_id",
    "orders": "id",
    "money_entries": "order_id",
    "refunds": "order_id",
    "grants": "id",
    "commands": "id",
    "device_records": "id",
    "ledger_rows": "id",
    "alarms": "id",
}
"""What is judged, by the column that names it. None of these rows is ever deleted."""
GONE = "gone"
"""Under this name: what was deleted all the same."""


class Touched:
    """Notes over one SQLite connection, in a table of its own that no other connection sees."""

    def __init__(self, database: Any) -> None:
        self._database = database
        database.execute("CREATE TEMP TABLE touched (what TEXT NOT NULL, key NOT NULL)")
        for table, key in _KEYS.items():
            for act in ("INSERT", "UPDATE"):
                database.execute(
                    f"CREATE TEMP TRIGGER judge_{table}_{act} AFTER {act} ON main.{table} "
                    f"BEGIN INSERT INTO touched VALUES ('{table}', NEW.{key}); END"
                )
            database.execute(
                f"CREATE TEMP TRIGGER judge_{table}_DELETE AFTER DELETE ON main.{table} "
                f"BEGIN INSERT INTO touched VALUES ('{GONE}', '{table} ' || OLD.{key}); END"
            )
            database.execute(f"INSERT INTO touched SELECT '{table}', {key} FROM main.{table}")

    def drain(self) -> dict[str, list[Any]]:
        """Keys by table, in the order of their first touch, since the last call."""
        rows = self._database.execute("SELECT what, key FROM touched ORDER BY rowid").fetchall()
        found: dict[str, dict[Any, None]] = {}
        if rows:
            self._database.execute("DELETE FROM touched")
            for what, key in rows:
                found.setdefault(what, {})[key] = None
        return {what: list(keys) for what, keys in found.items()}
