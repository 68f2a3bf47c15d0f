"""Files written from templates. What is there already is never touched."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

TEMPLATES = "gateway.cli.templates"


def template(name: str, values: Mapping[str, str] | None = None) -> str:
    """A template's text with each `@name@` replaced."""
    text = (resources.files(TEMPLATES) / name).read_text("utf-8")
    for key, value in (values or {}).items():
        text = text.replace(f"@{key}@", value)
    return text


def write_new(folder: Path, files: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Write each file that does not exist yet. Returns those written, and those left alone."""
    written, kept = [], []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except FileExistsError:
            kept.append(name)
        else:
            written.append(name)
    return written, kept
