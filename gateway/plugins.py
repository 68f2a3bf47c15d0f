"""Connectors and endpoints, found by name: through entry points, and in the project's own folder.

Looking is cheap and imports nothing; only what a project names is imported.
"""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeAlias

import msgspec

from gateway.config.problems import did_you_mean
from gateway.errors import ConfigError
from gateway.ports import Connector, ConnectorConfig, StreamSettings
from gateway.project_code import modules_in

Kind: TypeAlias = Literal["source", "endpoint"]
GROUPS: Mapping[Kind, str] = {"source": "headrace.connectors", "endpoint": "headrace.endpoints"}


class Plugin(msgspec.Struct, frozen=True):
    """Where a connector is to be had. `target` is `module:Class`, `origin` who brings it."""

    name: str
    kind: Kind
    target: str
    origin: str


class Plugins:
    """What can be named as `type` in a project. A project's own connector goes before an
    installed one of the same name."""

    def __init__(
        self, installed: Sequence[Plugin], own: Mapping[str, type[Connector]] | None = None
    ) -> None:
        self._installed = {(each.kind, each.name): each for each in reversed(installed)}
        self._own = dict(own or {})

    @classmethod
    def found(cls, folder: Path | None = None, own: Sequence[str] = ()) -> Plugins:
        """All that is installed, and the connectors in the folders `own` of the project.

        Raises ConfigError where the project's own code cannot be imported.
        """
        mine: dict[str, type[Connector]] = {}
        for within in own if folder is not None else ():
            for path, module in modules_in(folder or Path(), within):
                for connector in _connectors_in(module):
                    if connector.name in mine:
                        raise ConfigError(
                            f"two connectors are called `{connector.name}`.",
                            file=str(path),
                            mend="Give one of them another `name`.",
                        )
                    mine[connector.name] = connector
        return cls(installed(), mine)

    def listed(self) -> list[Plugin]:
        """Everything there is, by kind and name, without importing it."""
        own = [
            Plugin(name, kind, f"{each.__module__}:{each.__name__}", "this project")
            for name, each in self._own.items()
            for kind in GROUPS
        ]
        taken = {(each.kind, each.name) for each in own}
        rest = [each for key, each in self._installed.items() if key not in taken]
        return sorted([*own, *rest], key=lambda each: (each.kind, each.name))

    def named(self, kind: Kind, name: str) -> type[Connector]:
        """The class behind a `type`. Raises ConfigError where there is none or it cannot load."""
        if name in self._own:
            return self._own[name]
        plugin = self._installed.get((kind, name))
        if plugin is None:
            raise self._unknown(kind, name)
        return _imported(plugin)

    def _unknown(self, kind: Kind, name: str) -> ConfigError:
        here = {each.name for each in self.listed() if each.kind == kind}
        elsewhere = {each.name for each in self.listed()} - here
        what = "connector" if kind == "source" else "endpoint type"
        if name in elsewhere:
            other = "an endpoint" if kind == "source" else "a source"
            mend = f"`{name}` can be used as {other} only."
        else:
            mend = did_you_mean(name, here, otherwise="Installed are") or "None is installed."
        return ConfigError(f"there is no {what} `{name}`.", mend=mend, code="unknown_connector")


@lru_cache(maxsize=1)
def installed() -> tuple[Plugin, ...]:
    """What the installed distributions offer.

    In a checkout, pyproject.toml is read as well: an editable install remembers the entry points
    of the day it was made.
    """
    found: list[Plugin] = []
    checkout = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if checkout.is_file():
        project = tomllib.loads(checkout.read_text("utf-8")).get("project", {})
        if project.get("name") == "headrace":
            groups = project.get("entry-points", {})
            for kind, group in GROUPS.items():
                for name, target in groups.get(group, {}).items():
                    found.append(Plugin(name, kind, target, "headrace"))
    for kind, group in GROUPS.items():
        for entry in metadata.entry_points(group=group):
            origin = entry.dist.name if entry.dist is not None else "unknown"
            found.append(Plugin(entry.name, kind, entry.value.split("[")[0].strip(), origin))
    seen: dict[tuple[str, str], Plugin] = {}
    for plugin in found:
        seen.setdefault((plugin.kind, plugin.name), plugin)
    return tuple(seen.values())


def missing_package(error: ImportError, origin: str = "headrace") -> ConfigError | None:
    """The sentence for a package that is not installed: which extra brings it.

    None where the import failed for another reason. Of use wherever an extra is imported late.
    """
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    package = error.name.partition(".")[0]
    extra = _extra_with(package, origin)
    wanted = f"{origin}[{extra}]" if extra else package
    return ConfigError(
        f"the package `{package}` is not installed.",
        mend=f"Install it: pip install '{wanted}'.",
        code="missing_extra",
    )


def _extra_with(package: str, origin: str) -> str | None:
    try:
        requirements = metadata.requires(origin) or []
    except metadata.PackageNotFoundError:
        requirements = []
    if not requirements and origin == "headrace":
        requirements = list(_checkout_requirements())
    wanted = package.lower().replace("_", "-")
    for requirement in requirements:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        extra = re.search(r"""extra\s*==\s*['"]([^'"]+)""", requirement)
        if name and extra and name[0].lower().replace("_", "-") == wanted and extra[1] != "dev":
            return extra[1]
    return None


def _checkout_requirements() -> Iterator[str]:
    checkout = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if checkout.is_file():
        project = tomllib.loads(checkout.read_text("utf-8")).get("project", {})
        for extra, requirements in project.get("optional-dependencies", {}).items():
            for requirement in requirements:
                yield f'{requirement}; extra == "{extra}"'


def _imported(plugin: Plugin) -> type[Connector]:
    module_name, _, attribute = plugin.target.partition(":")
    what = f"the connector `{plugin.name}` of {plugin.origin}"
    try:
        found: Any = importlib.import_module(module_name)
        for step in attribute.split("."):
            found = getattr(found, step)
    except ImportError as error:
        missing = missing_package(error, plugin.origin)
        if (
            missing is not None
            and str(error.name).partition(".")[0] != module_name.partition(".")[0]
        ):
            raise ConfigError(
                f"{what} needs a package: {missing.message}", mend=missing.mend, code=missing.code
            ) from None
        raise ConfigError(f"{what} cannot be loaded: {error}.", code="broken_connector") from None
    except Exception as error:  # noqa: BLE001 - importing runs somebody's code
        cause = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ConfigError(f"{what} cannot be loaded: {cause}.", code="broken_connector") from None
    if not _is_connector(found):
        raise ConfigError(
            f"{what} is no connector: {plugin.target} lacks `name`, `config` or `open`.",
            code="broken_connector",
        )
    connector: type[Connector] = found
    return connector


def _connectors_in(module: ModuleType) -> Iterator[type[Connector]]:
    for value in list(vars(module).values()):
        if not _is_connector(value):
            continue
        home = str(value.__module__)
        if home == module.__name__ or home.startswith(f"{module.__name__}."):
            yield value


def _is_connector(value: Any) -> bool:
    return (
        isinstance(value, type)
        and isinstance(getattr(value, "name", None), str)
        and isinstance(config := getattr(value, "config", None), type)
        and issubclass(config, ConnectorConfig)
        and callable(getattr(value, "open", None))
        and issubclass(getattr(value, "stream_settings", StreamSettings), StreamSettings)
    )
