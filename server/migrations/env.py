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
    # Rather give up than keep a server waiting that still reads; a large table takes longer than any request.
    connection.exec_driver_sql("SET LOCAL lock_timeout = '4s'")
    connection.exec_driver_sql("SET LOCAL statement_timeout = '30min'")
with context.begin_transaction():
    context.run_migrations()
