from __future__ import annotations

from tests.unit.api.conftest import app, client, metrics, world

__all__ = ["app", "client", "metrics", "world"]
