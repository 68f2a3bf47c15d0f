"""The settings of sources and endpoints, judged by the connector they name.

In the file they are flat: the gateway's own settings and the connector's stand side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.config.document import Document, Place, dotted
from gateway.config.explain import explained
from gateway.config.loaded import LoadedEndpoint, LoadedSource
from gateway.config.model import Endpoint, Source, Stream
from gateway.config.problems import Problem
from gateway.config.references import resolved
from gateway.errors import ConfigError
from gateway.plugins import Kind, Plugins
from gateway.ports import Connector, ConnectorConfig, StreamSettings

OWN: Mapping[type[BaseModel], frozenset[str]] = {
    model: frozenset(model.model_fields) - {"settings"} for model in (Source, Stream, Endpoint)
}
"""What of a flat source, stream or endpoint is the gateway's; all else is the connector's."""

Model = TypeVar("Model", bound=BaseModel)


def nested(document: Document) -> dict[str, Any]:
    """The file's values in the shape of the Project model: the connectors' settings apart."""
    # A section whose every line is commented out is null, and means nothing.
    value = {name: each for name, each in document.value.items() if each is not None}
    for kind, model in (("sources", Source), ("endpoints", Endpoint)):
        if isinstance(value.get(kind), dict):
            value[kind] = {name: _split(each, model) for name, each in value[kind].items()}
    sources = value.get("sources")
    for source in sources.values() if isinstance(sources, dict) else ():
        if isinstance(source, dict) and isinstance(source.get("streams"), dict):
            source["streams"] = {
                name: _split(each, Stream) for name, each in source["streams"].items()
            }
    return value


def _split(value: Any, model: type[BaseModel]) -> Any:
    if not isinstance(value, dict):
        return value
    own = {name: each for name, each in value.items() if name in OWN[model]}
    settings = {name: each for name, each in value.items() if name not in OWN[model]}
    return {**own, "settings": settings} if settings else own


class SettingsReader:
    """Reads what belongs to connectors; `problems` gathers what is wrong."""

    def __init__(
        self,
        document: Document,
        folder: Path,
        plugins: Plugins,
    ) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._folder = folder
        self._plugins = plugins

    def sources(self) -> dict[str, LoadedSource]:
        """Those that are valid."""
        made: dict[str, LoadedSource] = {}
        for name, connector in self._named("sources", "source"):
            place: Place = ("sources", name)
            config = self._settings(connector.config, place, Source)
            settings = getattr(connector, "stream_settings", StreamSettings)
            written = self._document.at(place).get("streams")
            streams: dict[str, StreamSettings | None] = {
                stream: self._settings(settings, (*place, "streams", stream), Stream)
                for stream, each in (written.items() if isinstance(written, dict) else ())
                if isinstance(each, dict)
            }
            good = {stream: each for stream, each in streams.items() if each is not None}
            if isinstance(config, ConnectorConfig) and len(good) == len(streams):
                made[name] = LoadedSource(connector, config, good)
        return made

    def endpoints(self) -> dict[str, LoadedEndpoint]:
        """Those that are valid."""
        made: dict[str, LoadedEndpoint] = {}
        for name, connector in self._named("endpoints", "endpoint"):
            config = self._settings(connector.config, ("endpoints", name), Endpoint)
            if config is not None:
                made[name] = LoadedEndpoint(connector, config)
        return made

    def _named(self, section: str, kind: Kind) -> list[tuple[str, type[Connector]]]:
        found: list[tuple[str, type[Connector]]] = []
        written = self._document.value.get(section)
        for name, each in written.items() if isinstance(written, dict) else ():
            if not isinstance(each, dict) or not isinstance(each.get("type"), str):
                continue  # The project's own model says so.
            try:
                found.append((name, self._plugins.named(kind, each["type"])))
            except ConfigError as error:
                self._problem((section, name, "type"), error)
        return found

    def _settings(self, model: type[Model], place: Place, around: type[BaseModel]) -> Model | None:
        own = OWN[around]
        written = self._document.at(place)
        values = {name: each for name, each in written.items() if name not in own}
        before = len(self.problems)
        values = resolved(
            model,
            values,
            self._folder,
            lambda below, error: self._problem((*place, *below), error),
        )
        try:
            made = model.model_validate(values)
        except ValidationError as error:
            told = {problem.place for problem in self.problems[before:]}
            found = explained(error, model, self._document, place, own)
            self.problems += [each for each in found if each.place not in told]
            return None
        return made if len(self.problems) == before else None

    def _problem(self, place: Place, error: ConfigError) -> None:
        mark = self._document.mark(place)
        if error.file is not None:
            problem = Problem(error.file, error.line, "", error.message, error.mend, error.code)
        else:
            problem = Problem(
                mark.file, mark.line, dotted(place), error.message, error.mend, error.code
            )
        self.problems.append(problem)
