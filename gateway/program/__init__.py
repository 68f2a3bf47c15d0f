"""A mapping, compiled: what turns rows into contract data, and records into rows of a sink."""

from __future__ import annotations

from gateway.program.compile import compile_mapping
from gateway.program.program import Program
from gateway.program.rejection import Rejected
from gateway.program.sink import SinkProgram, compile_sink

__all__ = ["Program", "Rejected", "SinkProgram", "compile_mapping", "compile_sink"]
