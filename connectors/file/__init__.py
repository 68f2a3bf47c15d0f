"""Files: JSON lines and CSV as sources, JSON lines as an endpoint."""

from connectors.file.connector import FileConnector

__all__ = ["FileConnector"]
