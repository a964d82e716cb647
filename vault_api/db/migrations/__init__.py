"""Alembic environment of the vault."""
