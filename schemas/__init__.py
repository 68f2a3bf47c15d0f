"""Data only: the published JSON Schemas. A package only so that no other `schemas` can take its place."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent

CONTRACTS = FOLDER / "contracts"
"""The published schemas of the shipped contracts, `<name>.v<version>.json`."""
