"""The history of the tables, for Alembic: expand first, contract a version later."""
