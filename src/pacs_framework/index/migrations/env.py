"""Alembic's entry: runs migrations on the connection that `pacs_framework.index.migrate` gives."""

from __future__ import annotations

from alembic import context

from pacs_framework.index.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a column: later migrations copy the table instead.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
