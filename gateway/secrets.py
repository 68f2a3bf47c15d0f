"""Secrets by reference: the project file says where one is, never what it is.

A `Secret` holds the reference alone. `reveal()` reads it at the moment of use, so that a rotated
secret is the new one from then on and no copy stays behind. What it is printed, logged,
serialised or compared as is the reference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from gateway.errors import SecretError

REFERENCE = re.compile(r"\$\{(?P<kind>env|file):(?P<name>[^${}\x00-\x1f]+)\}")
"""One reference: `${env:NAME}` or `${file:/path}`."""

_KINDS = "`${env:NAME}` or `${file:/path}`"
MAX_BYTES = 64 << 10


class Secret:
    """Exactly one reference. Validates from a string; anything else is an error that does not
    repeat what was written, since that may be the secret itself."""

    __slots__ = ("_kind", "_name")

    def __init__(self, reference: str) -> None:
        found = REFERENCE.fullmatch(reference.strip())
        if found is None:
            raise ValueError(f"secrets only by reference: write {_KINDS}")
        self._kind = found["kind"]
        self._name = found["name"]

    @property
    def reference(self) -> str:
        return f"${{{self._kind}:{self._name}}}"

    def reveal(self) -> str:
        """The secret as it is now. Raises SecretError where the reference leads to none."""
        return resolve(self._kind, self._name)

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __str__(self) -> str:
        return self.reference

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reference == other.reference

    def __hash__(self) -> int:
        return hash(self.reference)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validated, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": r"^\s*\$\{(env|file):[^${}]+\}\s*$",
            "description": f"A reference to a secret: {_KINDS}.",
        }


def resolve(kind: str, name: str) -> str:
    """What `${kind:name}` leads to. Raises SecretError, which names the reference and no value.

    A file's last line break is not part of it: editors and `kubectl` add one.
    """
    if kind == "env":
        value = os.environ.get(name)
        if value is None:
            raise SecretError(
                f"The environment variable {name} is not set.",
                mend=f"Set it, or change `${{env:{name}}}`.",
            )
    else:
        path = Path(name).expanduser()
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
            value = raw.decode().removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise SecretError(
                f"The secret's file {name} cannot be read: {error.strerror}.",
                mend=f"Make it, or change `${{file:{name}}}`.",
            ) from None
        except UnicodeDecodeError:
            raise SecretError(f"The secret's file {name} is not UTF-8 text.") from None
        if len(raw) > MAX_BYTES:
            raise SecretError(f"The secret's file {name} is larger than {MAX_BYTES} bytes.")
    if not value:
        raise SecretError(f"The secret `${{{kind}:{name}}}` is empty.", mend="Give it a value.")
    return value


def _validated(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        try:
            return Secret(value)
        except ValueError:
            pass
    raise PydanticCustomError("secret_reference", f"secrets only by reference: write {_KINDS}")
