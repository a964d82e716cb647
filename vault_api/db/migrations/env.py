"""Alembic's entry: works on the connection that ``vault_api.db.migrate`` hands over."""

from __future__ import annotations

from alembic import context

import vault_api.db.tables_chain
import vault_api.db.tables_keys
import vault_api.db.tables_notices
import vault_api.db.tables_processes
import vault_api.db.tables_shares
import vault_api.db.tables_uploads  # noqa: F401 (imported for the tables that these modules add to the metadata)
from vault_api.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
