"""The JSON Schema of the project file, published as `schemas/project.json` for editors.

The flat file as it is written: each source and endpoint with the settings of the connector its
`type` names. A `type` that is not shipped takes any settings: its connector judges them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from gateway.config.model import Endpoint, Project, Source, Stream
from gateway.plugins import Kind, Plugins, installed
from gateway.ports import StreamSettings

ID = "urn:headrace:project"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"\$\{(env|file):[^{}]+\}"}


def project_schema() -> dict[str, Any]:
    """The schema, with the shipped connectors only: what else is installed changes nothing.

    Raises ConfigError where a shipped connector cannot be imported.
    """
    shipped = Plugins([each for each in installed() if each.origin == "headrace"])
    made = _Schema(shipped)
    root = made.of(Project)
    root["properties"]["sources"] = made.named(root["properties"]["sources"], "source", Source)
    root["properties"]["endpoints"] = made.named(
        root["properties"]["endpoints"], "endpoint", Endpoint
    )
    needed = _reached(root, made.defs)
    return {
        "$schema": DIALECT,
        "$id": ID,
        **root,
        "title": "A Headrace project",
        "$defs": {name: made.defs[name] for name in sorted(needed)},
    }


def text() -> str:
    """The schema as it is published."""
    return json.dumps(project_schema(), indent=2, ensure_ascii=False) + "\n"


class _Schema:
    """Builds schemas that share their definitions, each below its model's full name."""

    def __init__(self, plugins: Plugins) -> None:
        self.defs: dict[str, dict[str, Any]] = {}
        self._plugins = plugins

    def of(self, model: type[BaseModel]) -> dict[str, Any]:
        prefix = f"{model.__module__.removeprefix('gateway.').removeprefix('connectors.')}"
        made = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{prefix}.{{model}}")
        for name, each in made.pop("$defs", {}).items():
            self.defs[f"{prefix}.{name}"] = _with_references(each)
        flat: dict[str, Any] = _with_references(made)
        return flat

    def named(
        self, around: Mapping[str, Any], kind: Kind, model: type[BaseModel]
    ) -> dict[str, Any]:
        """Of `sources` or `endpoints`: any name, and below it one of the connectors."""
        names = [each.name for each in self._plugins.listed() if each.kind == kind]
        options = [{"$ref": f"#/$defs/{self._connector(kind, name, model)}"} for name in names]
        other = self._flat(self.of(model), {"type": "object"}, None)
        other["properties"]["type"] = {"type": "string", "not": {"enum": names}}
        other["additionalProperties"] = True
        if kind == "source":
            any_stream = self._flat(self.of(Stream), {"type": "object"}, None)
            any_stream["additionalProperties"] = True
            other["properties"]["streams"] = _map_of(any_stream)
        self.defs[f"{kind}.other"] = other
        pattern = next(iter(around["patternProperties"]))
        return {
            "type": "object",
            "patternProperties": {
                pattern: {"oneOf": [*options, {"$ref": f"#/$defs/{kind}.other"}]}
            },
            "additionalProperties": False,
        }

    def _connector(self, kind: Kind, name: str, model: type[BaseModel]) -> str:
        connector = self._plugins.named(kind, name)
        made = self._flat(self.of(model), self.of(connector.config), name)
        made["description"] = connector.summary
        if kind == "source":
            settings = getattr(connector, "stream_settings", StreamSettings)
            stream = self._flat(self.of(Stream), self.of(settings), None)
            self.defs[f"{kind}.{name}.stream"] = stream
            made["properties"]["streams"] = _map_of({"$ref": f"#/$defs/{kind}.{name}.stream"})
        self.defs[f"{kind}.{name}"] = made
        return f"{kind}.{name}"

    @staticmethod
    def _flat(own: dict[str, Any], theirs: dict[str, Any], name: str | None) -> dict[str, Any]:
        """The gateway's settings and the connector's side by side."""
        properties = {
            key: each for key, each in own["properties"].items() if key != "settings"
        } | theirs.get("properties", {})
        if name is not None:
            properties["type"] = {"const": name}
        return {
            "type": "object",
            "properties": properties,
            "required": [*own.get("required", []), *theirs.get("required", [])],
            "additionalProperties": False,
        }


def _map_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": schema}


def _with_references(schema: Any) -> Any:
    """Text that must look like something may also be a reference, which becomes it."""
    if isinstance(schema, list):
        return [_with_references(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _with_references(each) for name, each in schema.items()}
    shaped = {"pattern", "format", "enum"} & made.keys()
    if (
        made.get("type") == "string"
        and shaped
        and "${" not in made.get("pattern", "").replace("\\", "")
    ):
        words = {
            name: made.pop(name) for name in ("title", "description", "default") if name in made
        }
        return {**words, "anyOf": [made, _REFERENCE]}
    return made


def _reached(schema: Any, defs: Mapping[str, Any]) -> set[str]:
    """The definitions that a schema uses, and those that they use."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            name = str(each.get("$ref", "")).removeprefix("#/$defs/")
            if name and name in defs and name not in found:
                found.add(name)
                waiting.append(defs[name])
            waiting += each.values()
    return found
