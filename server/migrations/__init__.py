"""Alembic's migrations: the only way tables come into being, in tests too. Imports foundation and every
model."""
