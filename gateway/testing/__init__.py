"""Test doubles, for the tests of connectors, mappings and projects: ours and other people's.

`MemoryConnector` is a source, a sink and an endpoint that live in this process and do as a test
tells them. A project that names them is loaded with `plugins=memory_plugins()`.
"""

from __future__ import annotations

from gateway.testing.memory import Memory, MemoryConnector, memory, memory_plugins

__all__ = ["Memory", "MemoryConnector", "memory", "memory_plugins"]
