"""Raw rows: reading the bytes of one (`json`), and keeping a decoded one as bytes (`tagged`)."""

from __future__ import annotations

from gateway.rows.json import JSON_MEDIA_TYPE, RowError, check_values, read
from gateway.rows.tagged import ROW_MEDIA_TYPE, decode, encode

__all__ = [
    "JSON_MEDIA_TYPE",
    "ROW_MEDIA_TYPE",
    "RowError",
    "check_values",
    "decode",
    "encode",
    "read",
]
