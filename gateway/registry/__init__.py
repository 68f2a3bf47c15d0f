"""The contracts that a project can use: the shipped ones, its own, and its endpoints' predictions."""

from __future__ import annotations

from gateway.registry.published import (
    Difference,
    export,
    published_differences,
    schema,
    schema_hash,
)
from gateway.registry.registry import Entry, Registry

__all__ = [
    "Difference",
    "Entry",
    "Registry",
    "export",
    "published_differences",
    "schema",
    "schema_hash",
]
