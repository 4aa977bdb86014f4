"""Alembic's entry point: runs the migrations on the connection that `foundation.migrate` hands over."""

from alembic import context

import server.models  # noqa: F401 - fills the metadata
from server.foundation.database import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    user_module_prefix="server.foundation.database.",
)
if connection.dialect.name == "postgresql":
    connection.exec_driver_sql("SET lock_timeout = '4s'")
with context.begin_transaction():
    context.run_migrations()
