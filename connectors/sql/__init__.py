"""SQL databases: tables and views as sources, tables as sinks."""

from connectors.sql.connector import SqlConnector

__all__ = ["SqlConnector"]
