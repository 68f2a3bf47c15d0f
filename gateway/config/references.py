"""References in the project file: `${env:NAME}`, `${file:PATH}`.

A setting that is a secret takes one reference and nothing else, and keeps it as a reference
(`gateway.secrets.Secret`). In any other text a reference is replaced when the project is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.config.document import Place
from gateway.config.shape import is_secret
from gateway.errors import ConfigError
from gateway.secrets import REFERENCE, resolve

_ANY = re.compile(r"\$\{([^{}:]*)(?::([^{}]*))?\}")

Problems = Callable[[Place, ConfigError], None]


def resolved(
    model: type[BaseModel], values: dict[str, Any], folder: Path, wrong: Problems
) -> dict[str, Any]:
    """`values` for `model` with the references in ordinary text replaced.

    Secrets stay references, but are tried: one that leads nowhere, and a value where a reference
    must stand, is told to `wrong` with its place. Nothing is raised.
    """

    def walk(value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            return {name: walk(each, (*place, name)) for name, each in value.items()}
        if isinstance(value, list):
            return [walk(each, (*place, index)) for index, each in enumerate(value)]
        secret = is_secret(model, place, values)
        if value is None or not (secret or (isinstance(value, str) and "${" in value)):
            return value
        try:
            return tried(value, folder) if secret else expanded(value, folder)
        except ConfigError as error:
            wrong(place, error)
            return value

    made: dict[str, Any] = walk(values, ())
    return made


def tried(value: Any, folder: Path) -> str:
    """A secret's reference, its file named from the root, once it has led to a value.

    Raises ConfigError where it is no reference, SecretError where it leads nowhere.
    """
    found = _ANY.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ConfigError(
            "it is a secret and must not stand in the file.",
            mend='Put it into the environment or a file and refer to it: "${env:NAME}".',
            code="secret_literal",
        )
    reference = _rooted(found[0], found[1], found[2], folder)
    resolve(reference["kind"], reference["name"])
    return reference[0]


def expanded(text: str, folder: Path) -> str:
    """`text` with its references replaced. `$${` stands for `${`.

    Raises SecretError where one leads nowhere, ConfigError where one cannot be understood.
    """

    def value(found: re.Match[str]) -> str:
        reference = _rooted(found[0], found[1], found[2], folder)
        return resolve(reference["kind"], reference["name"])

    return "${".join(_ANY.sub(value, part) for part in text.split("$${"))


def _rooted(text: str, kind: str, name: str | None, folder: Path) -> re.Match[str]:
    """The reference as `gateway.secrets` reads it; a file's path starts at the project's folder."""
    if kind == "vault":
        raise ConfigError(
            "`${vault:…}` is not supported yet.", mend="Use `${env:NAME}` or `${file:PATH}`."
        )
    if kind == "file" and name and not name.startswith("~"):
        text = f"${{file:{folder / name}}}"
    found = REFERENCE.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"`{text}` is no reference.",
            mend="Write `${env:NAME}` or `${file:PATH}`; `$${` stands for a plain `${`.",
        )
    return found
