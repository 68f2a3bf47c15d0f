"""The command line: one file a verb or noun, all behind one handler of errors."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (`gateway.cli.exits`). Raises nothing."""
    from gateway.cli.app import run

    return run(arguments)
