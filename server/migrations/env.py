"""alembic's entry: runs the migrations on the connection that `server/database/schema.py` hands it, in its transaction."""

from __future__ import annotations

from alembic import context

from server.tables import metadata

# Batches: SQLite cannot change a column where it is, alembic makes the table anew.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
