"""An overlay: values laid over the project file for one environment (`headrace.prod.yaml`).

Settings are merged name by name; a list or a plain value replaces the one below it, `null` takes a
setting out.
"""

from __future__ import annotations

from typing import Any

from gateway.config.document import Document, Mark, Place


def overlaid(base: Document, over: Document) -> Document:
    """The merged document. Each place keeps the file and line it was written at."""
    marks: dict[Place, Mark] = dict(base.marks)
    value = _merged(base.value, over, (), marks)
    marks[()] = base.marks[()]
    return Document(base.file, value, marks, f"{base.text}\n---\n{over.text}")


def _merged(
    below: dict[str, Any], over: Document, place: Place, marks: dict[Place, Mark]
) -> dict[str, Any]:
    made = dict(below)
    for name, value in over.at(place).items():
        here = (*place, name)
        old = made.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            made[name] = _merged(old, over, here, marks)
            continue
        for known in [each for each in marks if each[: len(here)] == here]:
            del marks[known]
        if value is None:
            made.pop(name, None)
            continue
        made[name] = value
        marks.update({each: mark for each, mark in over.marks.items() if each[: len(here)] == here})
    return made
