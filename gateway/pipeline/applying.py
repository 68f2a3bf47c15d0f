"""What a changed project would swap in, and what only a restart can. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config.loaded import LoadedProject
from gateway.config.model import Project
from gateway.control import Change

SWAPPED_STREAM = frozenset({"mapping", "every_secs", "on_flood", "drift"})
OF_THE_PROCESS = frozenset({"instance", "storage", "api", "contracts", "connectors"})
SWAPPED_ROUTE = frozenset({"when", "batch", "retry"})


def changes(before: LoadedProject, after: LoadedProject) -> list[Change]:
    """Everything that differs, mappings whole and settings by their dotted place."""
    found = [
        Change(path, "mapping", _text(before, path), _text(after, path))
        for path in sorted({*before.mappings, *after.mappings})
        if _text(before, path) != _text(after, path)
    ]
    return found + [
        Change(
            place, "setting", None if old is None else str(old), None if new is None else str(new)
        )
        for place, old, new in _differences(_plain(before.project), _plain(after.project), "")
    ]


def restart_needed(before: LoadedProject, after: LoadedProject) -> list[str]:
    """The places whose change only a new process takes in."""
    return [place for place in _places(before, after) if place.split(".")[0] in OF_THE_PROCESS]


def replacement_needed(before: LoadedProject, after: LoadedProject) -> bool:
    """Whether a change goes beyond what workers take in between two pages: another endpoint, a
    new stream, a route that is gone. All are drained then, and begin anew."""
    return not all(
        _swapped(place.split("."), before.project, after.project)
        for place in _places(before, after)
    )


def _places(before: LoadedProject, after: LoadedProject) -> list[str]:
    found = _differences(_plain(before.project), _plain(after.project), "")
    return [place for place, _, _ in found]


def _swapped(place: list[str], before: Project, after: Project) -> bool:
    section = place[0]
    if section == "limits":
        return True
    for name in before.routes.keys() & after.routes.keys() if section == "routes" else ():
        prefix = ["routes", *name.split(".")]
        if place[: len(prefix)] == prefix:
            return place[len(prefix)] in SWAPPED_ROUTE
    for source in before.sources.keys() & after.sources.keys() if section == "sources" else ():
        streams = before.sources[source].streams.keys() & after.sources[source].streams.keys()
        for stream in streams:
            prefix = ["sources", *source.split("."), "streams", *stream.split(".")]
            if place[: len(prefix)] == prefix and len(place) > len(prefix):
                return place[len(prefix)] in SWAPPED_STREAM
    return False


def _text(loaded: LoadedProject, path: str) -> str | None:
    mapping = loaded.mappings.get(path)
    return None if mapping is None else mapping.text


def _plain(project: Project) -> dict[str, Any]:
    return project.model_dump(mode="json", by_alias=True)


def _differences(before: Any, after: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            where = f"{place}.{name}" if place else str(name)
            yield from _differences(before.get(name), after.get(name), where)
    elif before != after:
        yield place, before, after
