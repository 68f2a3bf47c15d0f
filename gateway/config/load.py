"""Reads a project: the file, its overlay, its mappings, and the settings its connectors take.

Everything that can be known without contacting anybody is judged here, and all of it at once.
"""

from __future__ import annotations

import copy
import hashlib
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.base import NAME
from gateway.conditions import Condition
from gateway.config.crosschecks import CrossChecks
from gateway.config.document import Document, Place, dotted, read_document
from gateway.config.explain import explained
from gateway.config.loaded import LoadedProject
from gateway.config.mappings import MappingReader
from gateway.config.model import Project
from gateway.config.overlay import overlaid
from gateway.config.problems import Problem, project_error
from gateway.config.references import resolved
from gateway.config.settings import SettingsReader, nested
from gateway.errors import ConfigError
from gateway.plugins import Plugins
from gateway.registry import Registry

FILE = "headrace.yaml"
OVERLAY_VARIABLE = "HEADRACE_OVERLAY"


def load(
    target: Path | str = ".",
    *,
    overlay: str | None = None,
    plugins: Plugins | None = None,
) -> LoadedProject:
    """Read and judge the project in a folder, or the project file itself.

    `overlay` is the name in `headrace.<name>.yaml`; HEADRACE_OVERLAY is asked where it is None.
    `plugins` stands for what is installed and in the project, in tests.

    Raises ProjectError (a ConfigError) with every problem found, in file order; SecretError where
    references that lead nowhere are all that is wrong.
    """
    folder, file = located(target)
    overlay = overlay or os.environ.get(OVERLAY_VARIABLE) or None
    document = _read(folder, file, overlay)
    problems: list[Problem] = []
    project = _project(document, folder, problems)

    plugins = plugins or _plugins(folder, project, document, problems)
    settings = SettingsReader(document, folder, plugins)
    sources, endpoints = settings.sources(), settings.endpoints()
    problems += settings.problems
    mappings = MappingReader(document, folder)
    conditions: dict[str, Condition] = {}
    registry = Registry({})
    if project is not None:
        registry = _registry(folder, project, document, problems)
        checks = CrossChecks(project, document, folder, mappings, registry)
        checks.run()
        conditions = checks.conditions
        problems += [*checks.problems, *mappings.problems]
    if problems or project is None:
        raise project_error(problems)
    return LoadedProject(
        project=project,
        folder=folder,
        file=file,
        overlay=overlay,
        text=document.text,
        digest=_digest(document.text, *(each.text for each in mappings.read.values())),
        sources=sources,
        endpoints=endpoints,
        mappings=mappings.read,
        conditions=conditions,
        registry=registry,
        plugins=plugins,
    )


def located(target: Path | str) -> tuple[Path, Path]:
    """The folder and the file of a project. Raises ConfigError where there is none."""
    path = Path(target).expanduser().resolve()
    if path.is_file():
        return path.parent, path
    if (path / FILE).is_file():
        return path, path / FILE
    if not path.exists():
        raise ConfigError(f"{path} does not exist.", mend="Name a project with --project DIR.")
    raise ConfigError(
        f"there is no {FILE} in {path}.",
        mend="`headrace init` writes one; --project DIR names another folder.",
        code="no_project",
    )


def _read(folder: Path, file: Path, overlay: str | None) -> Document:
    document = read_document(file, file.name)
    if overlay is None:
        return document
    name = f"{file.stem}.{overlay}{file.suffix}"
    if Path(name).name != name or not (folder / name).is_file():
        raise ConfigError(
            f"there is no overlay `{overlay}`: {folder / name} does not exist.",
            mend="Write it, or take --overlay and HEADRACE_OVERLAY away.",
        )
    return overlaid(document, read_document(folder / name, name))


def _project(document: Document, folder: Path, problems: list[Problem]) -> Project | None:
    values: dict[str, Any] = nested(document)

    def wrong(place: Place, error: ConfigError) -> None:
        problems.append(_located(error, document, place, folder))

    # The connectors' settings are judged, and their references followed, with their own models.
    rest = {name: each for name, each in values.items() if name not in ("sources", "endpoints")}
    values = {**values, **resolved(Project, rest, folder, wrong)}
    try:
        return Project.model_validate(values)
    except ValidationError as error:
        told = {problem.place for problem in problems}
        found = explained(error, Project, document)
        problems += [each for each in found if each.place not in told]
        return _without_unknown(values, error)


def _without_unknown(values: dict[str, Any], error: ValidationError) -> Project | None:
    """The project less the settings that nobody knows, so that what they hide is judged as well;
    None where more is wrong with it."""
    pruned = copy.deepcopy(values)
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        within: Any = pruned
        for step in each["loc"][:-1]:
            try:
                within = within[step]
            except (KeyError, IndexError, TypeError):
                return None
        if each["type"] != "extra_forbidden" or not isinstance(within, dict):
            return None
        within.pop(each["loc"][-1], None)
    try:
        return Project.model_validate(pruned)
    except ValidationError:
        return None


def _plugins(
    folder: Path, project: Project | None, document: Document, problems: list[Problem]
) -> Plugins:
    own = project.connectors if project is not None else ["connectors/"]
    try:
        return Plugins.found(folder, own)
    except ConfigError as error:
        problems.append(_located(error, document, ("connectors",), folder))
        return Plugins.found()


def _registry(
    folder: Path, project: Project, document: Document, problems: list[Problem]
) -> Registry:
    # An endpoint whose name no contract can bear is told of by the cross checks.
    endpoints = [name for name in project.endpoints if NAME.fullmatch(f"prediction.{name}")]
    try:
        return Registry.load(folder, project.contracts, endpoints=endpoints)
    except ConfigError as error:
        problems.append(_located(error, document, ("contracts",), folder))
        return Registry.load(endpoints=endpoints)


def _located(error: ConfigError, document: Document, place: Place, folder: Path) -> Problem:
    """The problem that an error is: at its own file where it names one, else at a place."""
    if error.file is not None:
        file = _relative(error.file, folder)
        return Problem(file, error.line, "", error.message, error.mend, error.code)
    mark = document.mark(place)
    return Problem(mark.file, mark.line, dotted(place), error.message, error.mend, error.code)


def _relative(file: str, folder: Path) -> str:
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file


def _digest(*texts: str) -> str:
    made = hashlib.sha256()
    for text in texts:
        made.update(len(text).to_bytes(8, "big") + text.encode())
    return made.hexdigest()
