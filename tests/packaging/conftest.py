"""A folder with packages of the shipped names, and commands run as a stranger would run them."""

from __future__ import annotations

import os
import subprocess

import pytest

import headrace


@pytest.fixture
def strange_folder(tmp_path):
    """A folder that holds packages with the shipped names, which must not be imported as such."""
    for name in headrace.PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            f"if __name__ == {name!r}:\n    raise RuntimeError('imported in place of the shipped')\n"
        )
    return tmp_path


@pytest.fixture(scope="session")
def run():
    """Run a command without the settings of this test run; gives what it said and its exit code."""

    def run(command, cwd, **environment):
        clean = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            command,
            cwd=cwd,
            env={**clean, **environment},
            capture_output=True,
            text=True,
            timeout=280,
        )

    return run
