"""The version of the installed distribution."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path


def version() -> str:
    """As pyproject.toml says in a checkout, as the installed distribution says elsewhere."""
    checkout = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if checkout.is_file():
        project = tomllib.loads(checkout.read_text("utf-8")).get("project", {})
        if project.get("name") == "headrace":
            return str(project["version"])
    try:
        return metadata.version("headrace")
    except metadata.PackageNotFoundError:
        return "unknown"
