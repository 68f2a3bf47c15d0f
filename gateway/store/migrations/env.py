"""Run by Alembic: migrates on the connection, and inside the transaction, of its caller."""

from alembic import context
from sqlmodel import SQLModel

from gateway.store import tables  # noqa: F401 - fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
context.run_migrations()
