"""What a project says in one place about another: names that must exist, settings that must agree."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from contracts.base import NAME
from gateway.conditions import Condition, compile_condition
from gateway.config.document import Document, Place, dotted
from gateway.config.mappings import MappingReader
from gateway.config.model import MIN_KEY_CHARS, Project, Route, SinkTarget
from gateway.config.problems import Problem, did_you_mean
from gateway.errors import ConfigError, SecretError
from gateway.mapping import Mapping as StreamMapping
from gateway.program import compile_mapping, compile_sink
from gateway.registry import Registry


class CrossChecks:
    """Judges a project whose every setting is valid alone."""

    def __init__(
        self,
        project: Project,
        document: Document,
        folder: Path,
        mappings: MappingReader,
        registry: Registry,
    ) -> None:
        self.problems: list[Problem] = []
        self.conditions: dict[str, Condition] = {}
        self._project = project
        self._document = document
        self._folder = folder
        self._mappings = mappings
        self._contracts = {each.ref: each.contract for each in registry}

    def run(self) -> None:
        self._storage()
        self._network()
        self._keys()
        self._streams()
        for name, route in self._project.routes.items():
            self._route(name, route)
        for name in self._project.endpoints:
            if not NAME.fullmatch(f"prediction.{name}"):
                self._problem(
                    ("endpoints", name),
                    "an endpoint's name becomes part of a contract's (`prediction.<name>.v1`).",
                    "Use small letters, digits, `_`, `-` and `.`.",
                )

    def _keys(self) -> None:
        for index, each in enumerate(self._project.api.keys):
            # One that leads nowhere was told of when references were tried.
            with suppress(SecretError):
                if len(each.key.reveal()) < MIN_KEY_CHARS:
                    self._problem(
                        ("api", "keys", index, "key"),
                        f"the key has fewer than {MIN_KEY_CHARS} characters.",
                        "Take a long random one, for instance from `openssl rand -hex 24`.",
                    )

    def _streams(self) -> None:
        judged: set[str] = set()
        for source, settings in self._project.sources.items():
            for stream, each in settings.streams.items():
                place: Place = ("sources", source, "streams", stream, "mapping")
                mapping = self._mappings.mapping(each.mapping, place)
                if mapping is None or each.mapping in judged:
                    continue
                judged.add(each.mapping)
                if mapping.contract is None:
                    self._mappings.problem(
                        each.mapping,
                        (),
                        "`contract` is missing.",
                        "Say which contract the rows become: `contract: customer.v1`.",
                    )
                else:
                    self._mapped(each.mapping, mapping, mapping.contract)

    def _mapped(self, path: str, mapping: StreamMapping, ref: str) -> None:
        contract = self._contracts.get(ref)
        if contract is None:
            self._mappings.problem(
                path,
                ("contract",),
                f"there is no contract `{ref}`.",
                did_you_mean(ref, self._contracts, otherwise="There are"),
            )
            return
        before = len(self._mappings.problems)
        known = contract.model_fields
        for name in mapping.fields:
            if name not in known:
                self._mappings.problem(
                    path,
                    ("fields", name),
                    f"`{ref}` has no field `{name}`.",
                    did_you_mean(name, known, otherwise="Its fields are"),
                )
        for name, field in known.items():
            if field.is_required() and name not in mapping.fields:
                self._mappings.problem(
                    path,
                    ("fields",),
                    f"`{ref}` needs `{name}`, which is not mapped.",
                    f"Add `{name}: <column>`.",
                )
        if len(self._mappings.problems) == before:
            self._compiled(path, lambda: compile_mapping(mapping, contract))

    def _compiled(self, path: str, compile_it: Callable[[], object]) -> None:
        """Note what the compiler refuses, at the line of the place its message begins with."""
        try:
            compile_it()
        except ConfigError as error:
            found = re.match(r"`([^`]+)`:? ?", error.message)
            place = tuple(found[1].split(".")) if found else ()
            cause = error.message
            if found is not None and "." in found[1]:
                cause = error.message[found.end() :]
            self._mappings.problem(path, place, cause, error.mend)

    def _route(self, name: str, route: Route) -> None:
        refs = list(route.contracts)
        for index, ref in enumerate(refs):
            place: Place = ("routes", name, "from")
            if not isinstance(route.from_, str):
                place = (*place, index)
            if ref not in self._contracts:
                self._problem(place, f"there is no contract `{ref}`.", self._contract_mend(ref))
            if ref in refs[:index]:
                self._problem(place, f"`{ref}` is named twice.", "Keep one of the two.")
        if route.when is not None:
            try:
                self.conditions[name] = compile_condition(route.when)
            except ConfigError as error:
                self._problem(("routes", name, "when"), error.message, error.mend)
        if isinstance(route.to, SinkTarget):
            self._sink(name, route, route.to)
        elif route.to not in self._project.endpoints:
            known = set(self._project.endpoints)
            mend = did_you_mean(route.to, known, otherwise="Configured are")
            if route.to in self._project.sources:
                mend = (
                    f"To write into that source: `to: {{sink: {route.to}, stream: …, mapping: …}}`."
                )
            self._problem(
                ("routes", name, "to"),
                f"there is no endpoint `{route.to}`.",
                mend or "Add it below `endpoints`.",
            )

    def _sink(self, name: str, route: Route, to: SinkTarget) -> None:
        if to.sink not in self._project.sources:
            self._problem(
                ("routes", name, "to", "sink"),
                f"there is no source `{to.sink}`.",
                did_you_mean(to.sink, self._project.sources, otherwise="Configured are")
                or "Add it below `sources`.",
            )
        if route.start is None:
            self._problem(
                ("routes", name),
                "`start` must be said for a route that writes into a system.",
                "Write `start: latest` (from now on), `start: earliest` (all there ever was) "
                "or an instant.",
            )
        mapping = self._mappings.mapping(to.mapping, ("routes", name, "to", "mapping"))
        if mapping is not None:
            self._compiled(to.mapping, lambda: compile_sink(mapping))

    def _contract_mend(self, ref: str) -> str | None:
        endpoint = re.fullmatch(r"prediction\.(.+)\.v\d+", ref)
        if endpoint and endpoint[1] not in self._project.endpoints:
            near = did_you_mean(endpoint[1], self._project.endpoints, otherwise="Configured are")
            return f"No endpoint is called `{endpoint[1]}`. {near or ''}".strip()
        return did_you_mean(ref, self._contracts, otherwise="There are")

    def _storage(self) -> None:
        url = self._project.storage
        scheme = url.partition(":")[0]
        path = url.removeprefix("sqlite:///")
        if scheme != "sqlite":
            self._problem(
                ("storage",),
                f"`{scheme}` is no storage of this version."
                if scheme.isidentifier()
                else "it is no storage of this version.",
                "This version has the embedded profile: sqlite:///.headrace/headrace.db.",
            )
        elif path == url or not path.strip("/") or path.startswith(":") or "?" in path:
            self._problem(
                ("storage",),
                "it names no SQLite file.",
                "Write sqlite:///FILE; the path starts at the project's folder.",
            )
        elif (self._folder / path).is_dir():
            self._problem(("storage",), f"`{path}` is a folder.", "Name a file in it.")

    def _network(self) -> None:
        for index, block in enumerate(self._project.network.allow):
            try:
                ipaddress.ip_network(block)
            except ValueError as error:
                self._problem(
                    ("network", "allow", index),
                    f"{str(error)[:1].lower()}{str(error)[1:]}.",
                    "Write a CIDR block such as 10.1.0.0/16.",
                )
        host = self._project.api.host
        if urlsplit(f"//{host}").hostname is None:
            self._problem(("api", "host"), "it names no host.", "Write 127.0.0.1 or a name.")

    def _problem(self, place: Place, cause: str, mend: str | None = None) -> None:
        mark = self._document.mark(place)
        self.problems.append(Problem(mark.file, mark.line, dotted(place), cause, mend))
