from __future__ import annotations

from tests.unit.api.conftest import app, client, filled, metrics, world

__all__ = ["app", "client", "filled", "metrics", "world"]
