"""Run by Alembic: migrates on the connection, and inside the transaction, of its caller."""

from alembic import context

from gateway.store.tables import SQLModel

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
context.run_migrations()
